"""Posts frames to the gateway until one begins a trial, and waits for the result."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from crepe.config.tables import InfraredSettings
from crepe.errors import ConfigError, suggest
from crepe.sensor.client import Answer, GatewayClient
from crepe.sensor.frames import Frame
from crepe.sensor.hand_frames import NO_HAND, frames, recorded
from crepe.sensor.input_tracker import State

FRAMES_PER_S = 10.0  # as an AMG8833 makes them (data sheet)

_PATIENCE_S = 60.0
_EMPTY_FRAMES = 10  # of a scene without a hand, which begins no trial however long it is shown

Sleep = Callable[[float], object]


def send_frames(
    gateway: GatewayClient, seen: Iterable[Frame], frames_per_s: float, *, sleep: Sleep = time.sleep
) -> Answer | None:
    """Post frames until one has begun a trial, and wait for that trial's result.

    Returns the last answer, which has no result if none came in time, the game is over or
    the frames have run out; None if there was no frame.
    """
    answer: Answer | None = None
    for frame in seen:
        answer = gateway.post(frame)
        if answer.is_pending:
            answer = gateway.wait(answer, _PATIENCE_S, sleep=sleep)
        if answer.state is not State.UNUSED:
            return answer
        sleep(1 / frames_per_s)
    return answer


def send_gestures(
    gateway: GatewayClient, gestures: Sequence[str], seed: int, *, sleep: Sleep = time.sleep
) -> Iterator[Answer]:
    """Post frames of simulated gestures in turn, without any of a random one; yield the answers."""
    settings = InfraredSettings()
    names = [*settings.least_pixels, NO_HAND]
    for gesture in gestures:
        if gesture not in names:
            raise ConfigError(f"{gesture!r} is no gesture{suggest(gesture, names)}")
    rng = np.random.default_rng(seed)
    for gesture in gestures or [str(rng.choice(names[:-1]))]:
        seen = islice(frames(gesture, settings, rng), _EMPTY_FRAMES if gesture == NO_HAND else None)
        if (answer := send_frames(gateway, seen, FRAMES_PER_S, sleep=sleep)) is not None:
            yield answer


def send_recorded(
    gateway: GatewayClient, path: Path, *, sleep: Sleep = time.sleep
) -> Iterator[Answer]:
    """Post all frames of a file; yield the answers of those that began a trial, and the last."""
    seen = iter(recorded(path))
    while (answer := send_frames(gateway, seen, FRAMES_PER_S, sleep=sleep)) is not None:
        yield answer
        if answer.state is State.OVER:
            return


def line(answer: Answer) -> str:
    """Return an answer as one line of text."""
    if answer.state is State.RESULT:
        return (
            f"trial {answer.trial}: shown {answer.gesture}, decoded {answer.decoded}, "
            f"the culture plays {answer.answer}: {answer.outcome}"
        )
    return f"shown {answer.gesture or 'a hand'}: {answer.reason or answer.state}"
