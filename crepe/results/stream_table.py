"""The table of a stream, chosen by the messages that it carries."""

from collections.abc import Callable, Mapping

from crepe.errors import ConfigError, suggest
from crepe.messages import Command, Delivered, GameState, Spikes, Stimulus
from crepe.results.notes import note_table
from crepe.results.spikes import spike_trains
from crepe.results.table import Table
from crepe.results.tables import stimulus_table, trial_table
from crepe.store import Store


def _spike_table(store: Store) -> Table:
    return spike_trains(store).table()


TABLES: Mapping[str, Callable[[Store], Table]] = {
    "trials": trial_table,
    "stimuli": stimulus_table,
    "spikes": _spike_table,
    "notes": note_table,
}
"""The tables of a session, by name."""

_OF_MESSAGE = {
    GameState.__name__: "trials",
    Stimulus.__name__: "stimuli",
    Delivered.__name__: "stimuli",
    Spikes.__name__: "spikes",
    Command.__name__: "notes",
}


def stream_table(store: Store, stream: str) -> Table:
    """Return the table of a stream: trials, stimuli, spikes or notes of the session.

    It is that of the whole session: the trials of a game have the stimuli of another stream.
    Raises ConfigError for a stream that is not there, and for one of other messages.

    Examples
    --------
    >>> stream_table(Store("last"), "result:game").to_dataframe()
    """
    if stream not in store:
        raise ConfigError(f"no stream {stream!r} was recorded{suggest(stream, store)}")
    message = store[stream].info.message
    if message not in _OF_MESSAGE:
        raise ConfigError(
            f"stream {stream!r} carries {message}, which has no table; "
            f"there are tables of {', '.join(_OF_MESSAGE)}"
        )
    return TABLES[_OF_MESSAGE[message]](store)
