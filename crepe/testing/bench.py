"""What the contract of stimulators needs of a bench: a train, time, and a view of the outputs."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from crepe.errors import DeviceError
from crepe.hw.instrument import InProcess, Stimulator
from crepe.hw.remote_stop import Address
from crepe.messages import Stimulus
from crepe.testing.rule import expect

UNSEEN = "its outputs cannot be seen here"
MARGIN_S = 0.1  # after the end of a train
_LONGER = 10  # times the pulses of the bench's train, in one that is stopped


class Pulse(NamedTuple):
    """One pulse as it came out of an instrument."""

    t_s: float  # any origin; only differences count
    electrodes: tuple[str, ...]
    phases: tuple[tuple[float, float], ...]  # amplitude in the train's unit, width in us


class RecordingGuard(InProcess):
    """A guard that a test opens and shuts; it writes down what a driver calls."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.reason: str | None = None

    def drives(self, address: Address, *, is_simulator: bool) -> None:
        del address, is_simulator
        self.calls.append("drives")

    def pulsing(self, is_pulsing: bool) -> None:
        self.calls.append(("pulsing", is_pulsing))

    def refusal(self) -> str | None:
        self.calls.append("refusal")
        return self.reason


class StimulatorBench(ABC):
    """An instrument on a bench. A bench is used for one rule.

    With only `train` and `open_stimulator` the rules about outputs cannot be judged. A simulated
    instrument sees its own; a real one needs an array without a culture, and a recorder of the
    outputs.
    """

    train: Stimulus | None = None
    """A train that the instrument can deliver, of 5 pulses at 50 Hz or so; None: it delivers
    none."""

    @property
    def long_train(self) -> Stimulus | None:
        """A train that is stopped in its middle: the bench's with ten times its pulses, unless the
        instrument must hold all its trains at once and they may not share an electrode."""
        return self.train and replace(self.train, n_pulses=_LONGER * self.train.n_pulses)

    @abstractmethod
    def open_stimulator(self, guard: RecordingGuard) -> Stimulator:
        """Return a new stimulator, not open yet."""

    def begin_run(self, stimulator: Stimulator) -> None:  # noqa: B027  # optional
        """Begin a run, if the instrument delivers trains during one only. Called after `open`."""

    def let_pass(self, seconds: float) -> None:
        """Wait until so much time has passed for the instrument; simulated time may be advanced."""
        time.sleep(seconds)

    def pulses(self) -> Sequence[Pulse] | None:
        """Return the pulses that have left since the bench was made; None: it cannot see them."""
        return None

    def is_connected(self) -> bool | None:
        """Return whether an electrode is connected to a source; None: it cannot see that."""
        return None

    def leave_connected(self) -> None:  # noqa: B027  # optional
        """Leave electrodes connected, as a client that was killed does."""


@contextmanager
def closed(bench: StimulatorBench) -> Iterator[tuple[Stimulator, RecordingGuard]]:
    """Yield a stimulator that is not open, and its guard; close it."""
    guard = RecordingGuard()
    stimulator = bench.open_stimulator(guard)
    try:
        yield stimulator, guard
    finally:
        stimulator.close()


@contextmanager
def opened(bench: StimulatorBench) -> Iterator[tuple[Stimulator, RecordingGuard]]:
    """Yield a stimulator that is open, and its guard; close it."""
    with closed(bench) as (stimulator, guard):
        stimulator.open()
        bench.begin_run(stimulator)
        guard.calls.clear()
        yield stimulator, guard


def lasts_s(train: Stimulus) -> float:
    """Return the length of a train, with the pause after its last pulse."""
    return train.n_pulses / train.rate_hz


def refuses(call: Callable[[], object], place: str) -> str:
    """Return the text of the DeviceError that a call must raise; else raise AssertionError."""
    try:
        call()
    except DeviceError as error:
        return str(error)
    raise AssertionError(f"{place}: no DeviceError")


def expect_no_pulse(bench: StimulatorBench, place: str) -> None:
    """Raise AssertionError if a pulse has left."""
    pulses = bench.pulses()
    expect(not pulses, f"{place}: {len(pulses or ())} pulses have left, must be none")


def expect_unconnected(bench: StimulatorBench, place: str) -> None:
    """Raise AssertionError if an electrode is seen to be connected."""
    expect(not bench.is_connected(), f"{place}: an electrode is connected")
