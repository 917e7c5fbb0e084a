"""One session of an experiment, run to its game's end: in this process, or live through Redis."""

import time
from collections.abc import Collection, Iterator

from crepe.config.experiment import Experiment, save_experiment
from crepe.environment import paths
from crepe.environment.session import new_id
from crepe.errors import ConfigError, CrepeError
from crepe.messages import Delivered, GameState, Spikes
from crepe.runtime.loop import Loop
from crepe.store import Store
from crepe.study.study import OnState, Run
from crepe.supervise import control
from crepe.supervise.start import recording_path, running, wait_until_recorded

_POLL_S = 0.1


def in_process(experiment: Experiment, on_state: OnState, kept: Collection[str] = ()) -> Run:
    """Run a session in this process, as fast as possible; it is recorded like any session.

    The store of the result has the streams of states, of spikes and of delivered stimuli, and
    those named in `kept`.
    """
    game = _game_stream(experiment)
    session = new_id()
    directory = paths.private(paths.var_directory() / "recordings")
    needed = [s for kind in (GameState, Spikes, Delivered) for s in experiment.streams_of(kind)]
    loop = Loop(experiment, directory, kept=(*needed, *kept), session=session)
    try:
        for messages in loop.steps():
            for message in messages:
                if isinstance(message, GameState):
                    on_state(message)
            last = loop.store.last(game)
            if last is not None and last.is_end:
                loop.end()
                break
    finally:
        loop.close()
    return Run(Store(loop.store), session)


def live(experiment: Experiment, on_state: OnState) -> Run:
    """Run a session under supervisord, through Redis; the store of the result is its recording.

    Raises ConfigError for an experiment of several machines, and CrepeError if a program fails or
    the game was not recorded.
    """
    if name := next(iter(experiment.machines), ""):
        raise ConfigError(
            f"{experiment.path}: [machines.{name}]: this command runs sessions with settings of "
            "its own, which no other machine could join, and reads what was recorded here; leave "
            "out the tables and `machine`, or use `crepe play` or `crepe up`"
        )
    game = _game_stream(experiment)
    experiment = save_experiment(experiment, paths.run_directory() / "experiment.json")
    with running(experiment) as store:
        recording = recording_path()
        for state in _states(store, game):
            on_state(state)
        wait_until_recorded(store, experiment)
    if recording is None or not recording.is_file():
        raise CrepeError("no recording: an experiment needs an actor that records its game")
    return Run(Store(recording), recording.stem)


def _game_stream(experiment: Experiment) -> str:
    """Return the stream of the game's states. Raises ConfigError without a game."""
    streams = experiment.streams_of(GameState)
    if not streams:
        raise ConfigError(f"{experiment.path}: no game, nothing to run to its end")
    return streams[0]


def _states(store: Store, game: str) -> Iterator[GameState]:
    """Yield the game's states as they come, to its end. Raises CrepeError if a program fails."""
    position = 0
    while True:
        if game in store:
            stream = store[game]
            is_over = stream.is_ended  # read before the length: no message comes after the end
            length = len(stream)
            for message in stream.messages(position, length):
                if isinstance(message, GameState):
                    yield message
            position = length
            if is_over:
                return
        control.must_run()
        time.sleep(_POLL_S)
