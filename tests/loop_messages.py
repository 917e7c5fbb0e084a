"""Messages of a loop's streams, for comparisons."""

import numpy as np

from crepe.messages import GameState


def everything(store):
    """All messages of all streams, as values that can be compared."""
    found = {}
    for name in store:
        stream = store[name]
        for message in stream.messages(0, len(stream)):
            values = [getattr(message, field) for field in type(message).__dataclass_fields__]
            found.setdefault(name, []).append([comparable(value) for value in values])
    return found


def comparable(value):
    return (value.dtype, value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


def outcomes(store):
    states = [m for m in messages(store, "result:game") if isinstance(m, GameState)]
    return [(s.gesture, s.outcome) for s in states if s.phase == "outcome"]


def messages(store, name):
    stream = store[name]
    return list(stream.messages(0, len(stream)))
