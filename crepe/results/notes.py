"""The notes of a session, and other commands from outside the clock, as a table."""

from collections import Counter

from crepe.messages import Command
from crepe.results.streams import streams_of
from crepe.results.table import Table
from crepe.store import Store


def note_table(store: Store) -> Table:
    """Return a row for each note of a session; empty without any.

    A note that was recorded on several streams is there once.

    Columns
    -------
    sample, time_s
        Sample index and time, from sample 0, of its arrival.
    text, sender
        Its words, and the program or page that sent it.

    Examples
    --------
    >>> note_table(Store("last"))["text"]
    """
    first: dict[tuple[str, str, int], tuple[int, float]] = {}
    for stream in streams_of(Command, store):
        n_of: Counter[tuple[str, str]] = Counter()
        for message in stream.messages():
            if not isinstance(message, Command) or message.name != "note":
                continue
            note = message.value, message.sender
            n_of[note] += 1  # the same words may be noted again
            at = message.start, message.start / stream.info.sampling_rate_hz
            first[(*note, n_of[note])] = min(at, first.get((*note, n_of[note]), at))
    notes = sorted(first, key=lambda note: first[note])
    return Table(
        {
            "sample": [first[note][0] for note in notes],
            "time_s": [first[note][1] for note in notes],
            "text": [text for text, _, _ in notes],
            "sender": [sender for _, sender, _ in notes],
        }
    )
