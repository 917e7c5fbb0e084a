"""What CREPE asks of an instrument. An implementation is chosen by the scheme of its URL.

An instrument has two halves which two processes use: `Recorder` gives samples to `acquire`,
`Stimulator` takes pulse trains from `stimulate`, and is handed the `Guard` that must let each pass.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from crepe.messages import Segment, Spikes, Stimulus, StreamInfo


class DeviceSettings(BaseModel):
    """What a device URL can set; subclasses add fields. `location` is all before the `?`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    location: str = ""


class EndOfData(Exception):
    """The instrument has no more samples and will have none: the end of a recording."""


class Recorder(ABC):
    """Gives segments in order, with no overlap. `open` first, `close` last."""

    Settings: ClassVar[type[DeviceSettings]] = DeviceSettings
    """What its URL can set; `crepe.hw.device` calls the class with an instance."""

    @abstractmethod
    def open(self, position: int) -> StreamInfo:
        """Begin. A recording goes on at sample `position`; a live instrument counts its first
        segment from there, and who calls shifts it by what was missed.

        Raises DeviceError if the instrument is not there or is not what it should be.
        """

    def expected(self) -> StreamInfo:
        """What `open` will say, as far as it can be known without a live instrument."""
        try:
            return self.open(0)
        finally:
            self.close()

    @abstractmethod
    def read(self, timeout_s: float) -> Segment | None:
        """The next segment, or None if there is none within `timeout_s`.

        Raises EndOfData at the end of a recording and DeviceError when the instrument is lost.
        Paced instruments wait here.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the instrument back; harmless to repeat."""

    def truth(self, start: int, stop: int) -> Spikes | None:
        """The spikes that a generator put into [start, stop); None where nobody knows them."""
        del start, stop
        return None


class Address(NamedTuple):
    """Where other programs reach an instrument, to stop it."""

    host: str
    http_port: int
    nonce: str = ""  # of our own simulator


class Guard(Protocol):
    """What stands between a request and a culture: the latch, the arming and the watchdog.

    `Stimulate` asks it before each burst and feeds it; a driver says what it drives, and keeps
    other programs from its instrument by `alone`.
    """

    def drives(self, address: Address, *, is_simulator: bool) -> None:
        """Announce the instrument, under a new name: an earlier arming no longer counts.

        `is_simulator`: whether the instrument has proved that no living culture is behind it.
        """

    def pulsing(self, is_pulsing: bool) -> None:
        """True from before electrodes are connected until all is stopped for certain."""

    def beat(self) -> None:
        """Tell the watchdog that this process lives, and take its answer in."""

    def refusal(self) -> str | None:
        """Why no pulse may leave now, or None."""

    def alone(self, wait_s: float, *, may_break: bool = False) -> AbstractContextManager[None]:
        """Keep other programs from the instrument in the block.

        Raises DeviceError if another has it for longer than `wait_s`; with `may_break` the block
        runs all the same, so that nothing keeps a stop from the instrument.
        """

    def close(self) -> None:
        """Give back what it took; harmless to repeat."""


class InProcess:
    """The guard of an instrument that is simulated in this very process: nothing is outside."""

    def drives(self, address: Address, *, is_simulator: bool) -> None:
        pass

    def pulsing(self, is_pulsing: bool) -> None:
        pass

    def beat(self) -> None:
        pass

    def refusal(self) -> str | None:
        return None

    def alone(self, wait_s: float, *, may_break: bool = False) -> AbstractContextManager[None]:
        del wait_s, may_break
        return nullcontext()

    def close(self) -> None:
        pass


class Stimulator(ABC):
    """Takes one finite train of pulses at a time. `open` first, `close` last."""

    Settings: ClassVar[type[DeviceSettings]] = DeviceSettings
    """What its URL can set; `crepe.hw.device` calls the class with an instance and the guard."""

    @abstractmethod
    def open(self) -> None:
        """Connect, and stop whatever still runs. Raises DeviceError if nobody is there.

        Where stopping is not certain, `watch` tries again and refuses until it is.
        """

    def watch(self) -> str | None:
        """Look after the instrument; why no pulse may leave now, or None. Called with every
        segment, and about ten times a second when none comes."""
        return None

    @abstractmethod
    def refusal(self, stimulus: Stimulus) -> str | None:
        """Why this instrument cannot or must not deliver the train, or None."""

    @abstractmethod
    def prepare(self, stimulus: Stimulus) -> None:
        """Make ready for a train; no pulse leaves yet. Raises DeviceError if it cannot."""

    @abstractmethod
    def start(self, stimulus: Stimulus) -> None:
        """Play the train that was prepared last, once; it ends by itself, or at `stop`.

        Another with the same pulses may follow, without a `stop` or `prepare`, when it is over.

        Raises DeviceError if that is not acknowledged; it may have been begun all the same.
        """

    def doubts(self) -> str:
        """What could not be verified of the train that is over, or "". Called once after each
        train that was not stopped early, before `stop`; what cannot be read is a doubt."""
        return ""

    @abstractmethod
    def stop(self) -> None:
        """Stop all stimulation; harmless to repeat. Raises DeviceError if it is not certain."""

    @abstractmethod
    def close(self) -> None:
        """Stop all stimulation and disconnect; harmless to repeat, never raises."""
