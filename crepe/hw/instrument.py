"""The contract of instruments; `crepe.hw.device` chooses an implementation by the device's name.

An instrument has two halves, which two processes use: `Recorder` gives samples to `acquire`,
`Stimulator` takes pulse trains from `stimulate`. A stimulator is given a `Guard` that must allow
each train. What an implementation promises it states as `capabilities`; that it keeps the
contract is tested by `crepe.testing`.
"""

# Decision 40: why the guard is handed in. Decision 75: what a promise allows.

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from math import inf
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from crepe.errors import DeviceError
from crepe.hw.capabilities import RecorderCapabilities, StimulatorCapabilities
from crepe.hw.remote_stop import Address
from crepe.messages import Command, Segment, Spikes, Stimulus, StreamInfo


class DeviceSettings(BaseModel):
    """The settings of a device URL; subclasses add fields. `location` is all before the `?`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    location: str = ""
    """Everything between `://` and `?`, such as a host or a path."""


class EndOfData(Exception):
    """The instrument has no more samples and will have none: the end of a recording."""


class NotStarted(DeviceError):
    """No pulse of a train has left: the instrument was not triggered."""


class Recorder(ABC):
    """The recording half: segments in order, without overlap. `open` first, `close` last."""

    Settings: ClassVar[type[DeviceSettings]] = DeviceSettings
    """The settings of its URL; `crepe.hw.device` calls the class with an instance."""

    @abstractmethod
    def open(self, position: int) -> StreamInfo:
        """Begin at sample `position`, and return what the stream carries.

        A recording continues at that sample. A live instrument counts its first segment from
        there; the caller shifts it by what was missed. Raises DeviceError if the instrument does
        not answer, or is not the one that was expected.
        """

    def without_session(self) -> AbstractContextManager[None]:
        """Return what must surround the use of this recorder where no session runs.

        Of an instrument whose connection a program of the session owns; by default nothing.
        Entering it raises DeviceError while a session of this run directory has the instrument.
        """
        return nullcontext()

    def expected(self) -> StreamInfo | None:
        """Return what `open` will return, as far as it is known without a live instrument.

        None where only the instrument can tell.
        """
        try:
            return self.open(0)
        finally:
            self.close()

    @abstractmethod
    def read(self, timeout_s: float) -> Segment | None:
        """Return the next segment, or None if there is none within `timeout_s`.

        Raises EndOfData at the end of a recording and DeviceError when the instrument is lost.
        Paced instruments wait here.
        """

    def events(self, until: int) -> list[Command]:
        """Return the digital events before sample `until` that were not returned yet, in order.

        Each has one sample, the name `ttl`, and the edges there as its value: `3 on, 4 off`.
        """
        del until
        return []

    @property
    def problem(self) -> str:
        """Sentence on what is missing or doubtful in the data so far, for people; or empty."""
        return ""

    @property
    def capabilities(self) -> RecorderCapabilities:
        """Promises of this recorder; valid before `open`. By default none."""
        return RecorderCapabilities()

    @property
    def identity(self) -> str:
        """Name that tells it from others of its kind, such as a serial number; or empty.

        Valid after `open`. With another one after an outage the stimulator is disarmed.
        """
        return ""

    @abstractmethod
    def close(self) -> None:
        """Release the instrument; harmless to repeat."""

    def truth(self, start: int, stop: int) -> Spikes | None:
        """Return the true spikes of [start, stop) of a simulation; None where they are unknown."""
        del start, stop
        return None


def check_same(before: StreamInfo, now: StreamInfo) -> None:
    """Raise DeviceError if an instrument differs from what its session has recorded until now."""
    if _recorded(before) != _recorded(now):
        raise DeviceError(
            f"{now.source}: is {_summary(now)}, but in this session it was {_summary(before)}; "
            "a session has one instrument: connect that again, or begin a session with "
            "`crepe up --new`"
        )


def _recorded(info: StreamInfo) -> tuple[object, ...]:
    return info.labels, info.sampling_rate_hz, info.scale_uv, info.is_simulated


def _summary(info: StreamInfo) -> str:
    culture = "a simulated culture" if info.is_simulated else "an instrument"
    labels = info.labels if len(info.labels) < 3 else (info.labels[0], "...", info.labels[-1])
    return (
        f"{culture} of {info.n_channels} channels ({', '.join(labels)}) at "
        f"{info.sampling_rate_hz:g} Hz and {info.scale_uv[0]:g} uV per count"
    )


class Guard(Protocol):
    """The permission to stimulate: latch, arming, lease and watchdog behind one interface.

    `Stimulate` calls `refusal` before each sub-train, and sends heartbeats by `beat`. A driver
    announces its instrument by `drives`, and keeps other programs from it by `alone`.
    """

    def drives(self, address: Address, *, is_simulator: bool) -> None:
        """Announce the instrument, under a new name: an earlier arming no longer counts.

        `is_simulator`: whether the instrument has proved that no living culture is behind it.
        Raises DeviceError if another experiment of this machine drives the instrument.
        """

    def serves(self, requesters: Sequence[str]) -> None:
        """Register the programs whose requests are fired; a new one needs a new arming."""

    def pulsing(self, is_pulsing: bool) -> None:
        """Set whether pulses may flow: from before electrodes are connected to a certain stop."""

    def beat(self) -> None:
        """Send the watchdog a heartbeat, and receive its answer."""

    def refusal(self) -> str | None:
        """Return why no pulse may leave now, or None."""

    def left_s(self) -> float:
        """Return the time within which an instrument must acknowledge a start; may be infinite."""

    def alone(self, wait_s: float, *, may_break: bool = False) -> AbstractContextManager[None]:
        """Keep other programs from the instrument in the block.

        Raises DeviceError if another program has it for longer than `wait_s`; with `may_break` the
        block runs all the same, so that nothing can prevent a stop.
        """

    def close(self) -> None:
        """Release what it holds; harmless to repeat."""


class InProcess:
    """The guard of an instrument that is simulated in this process: it allows everything."""

    def drives(self, address: Address, *, is_simulator: bool) -> None:
        pass

    def serves(self, requesters: Sequence[str]) -> None:
        pass

    def pulsing(self, is_pulsing: bool) -> None:
        pass

    def beat(self) -> None:
        pass

    def refusal(self) -> str | None:
        return None

    def left_s(self) -> float:
        return inf

    def alone(self, wait_s: float, *, may_break: bool = False) -> AbstractContextManager[None]:
        del wait_s, may_break
        return nullcontext()

    def close(self) -> None:
        pass


class Stimulator(ABC):
    """The stimulating half: one finite train of pulses at a time. `open` first, `close` last."""

    Settings: ClassVar[type[DeviceSettings]] = DeviceSettings
    """The settings of its URL; `crepe.hw.device` calls the class with an instance and the guard."""

    @abstractmethod
    def open(self) -> None:
        """Connect, and stop what still runs. Raises DeviceError if no instrument answers.

        Where the stop is not certain, `watch` tries again and refuses until it is.
        """

    @property
    def capabilities(self) -> StimulatorCapabilities:
        """Promises of this stimulator; valid before `open`. By default none.

        What is known only of a connected instrument may widen at `open`.
        """
        return StimulatorCapabilities()

    def watch(self) -> str | None:
        """Check the instrument; return why no pulse may leave now, or None.

        Called with every segment, and about ten times a second when none comes.
        """
        return None

    @abstractmethod
    def refusal(self, stimulus: Stimulus) -> str | None:
        """Return why this instrument cannot or must not deliver the train, or None.

        Pure: also called before `open`, by `crepe check`.
        """

    @abstractmethod
    def prepare(self, stimulus: Stimulus) -> None:
        """Set up a train; no pulse leaves yet. Raises DeviceError if that fails."""

    @abstractmethod
    def start(self, stimulus: Stimulus) -> None:
        """Play the train that was prepared last, once; it ends by itself, or at `stop`.

        When it is over, another train with the same pulses may follow without `stop` or
        `prepare`. Raises NotStarted if something forbade it before the trigger, or the instrument
        is not as it was prepared; any other DeviceError if the start is not acknowledged: the
        train may have begun all the same.
        """

    def doubts(self) -> str:
        """Return what could not be verified of the train that is over, or "".

        Called before `rest`, once after each train that was not stopped early. What cannot be
        read is a doubt.
        """
        return ""

    def rest(self) -> None:
        """Put the instrument to rest after a train that ended by itself; by default `stop`.

        An instrument whose stop would also end its acquisition does less here, if a finished train
        leaves nothing that can fire. Raises DeviceError if it is not at rest for certain.
        """
        self.stop()

    @abstractmethod
    def stop(self) -> None:
        """Stop all stimulation; harmless to repeat.

        A return without an error has the evidence of `capabilities.stop`. Raises DeviceError if
        there is less: the instrument does not answer, or reports that it goes on.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop all stimulation and disconnect; harmless to repeat, never raises."""
