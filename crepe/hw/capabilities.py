"""What an instrument promises, as fields: one frozen description for each half.

The defaults are the strictest: what an instrument does not state, it does not promise. What it
does not promise narrows what it is given; see `longest_at_once_s`.
"""

# Decision 75: which promises there are, and what follows from each.

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf


class StopEvidence(StrEnum):
    """Evidence that stimulation has stopped; only `PROVED` is verified."""

    ASKED = "asked"
    """The instrument was asked to stop. Nothing came back that says it did."""
    REPORTED = "reported"
    """The instrument's program reports that it has stopped. Its outputs were not read back."""
    PROVED = "proved"
    """Registers or switches of the stimulating hardware were read back, and are off."""

    @property
    def is_verified(self) -> bool:
        """Whether nothing but the hardware itself could still be wrong."""
        return self is StopEvidence.PROVED

    @property
    def sentence(self) -> str:
        """Words for the operator; all but a proof begin with NOT VERIFIED."""
        return _SENTENCES[self]


_SENTENCES: Mapping[StopEvidence, str] = {
    StopEvidence.ASKED: "NOT VERIFIED: the stop was asked for, and nothing has confirmed it",
    StopEvidence.REPORTED: (
        "NOT VERIFIED: the instrument reports that it has stopped; its outputs were not read back"
    ),
    StopEvidence.PROVED: "stop proved: its outputs were read back as off",
}


class SampleIndex(StrEnum):
    """Source of the number of missing samples, where some are missing."""

    ESTIMATED = "estimated"
    """From this computer's clock: samples are counted as they arrive."""
    EXACT = "exact"
    """From the instrument or file, which number their samples."""


@dataclass(frozen=True)
class Latency:
    """A delay, and how it is known. Recorder: sample to `read`; stimulator: `start` to pulse."""

    typical_ms: float = inf
    """Median, in ms; infinite if not known."""
    worst_ms: float = inf
    """Longest, in ms; infinite if not known."""
    source: str = "not measured"
    """How it was measured, and on what."""


@dataclass(frozen=True, kw_only=True)
class RecorderCapabilities:
    """Promises of a recorder, besides its `StreamInfo`: labels, positions, units, rate, type."""

    sample_index: SampleIndex = SampleIndex.ESTIMATED
    """How the length of a gap is known."""
    latency: Latency = Latency()
    """From a sample to the `read` that returns it."""
    clock: str = "not stated"
    """What counts the samples, such as the crystal of the instrument."""
    only_while_stopped: tuple[str, ...] = ()
    """Settings that can change only while acquisition is stopped."""
    verified: tuple[str, ...] = ()
    """What `open` reads back."""
    not_verified: tuple[str, ...] = ("nothing is stated to be verified",)
    """What nothing can verify."""
    before_next_session: str = ""
    """What an operator must do after one session and before the next; or empty."""


@dataclass(frozen=True, kw_only=True)
class StimulatorCapabilities:
    """Promises of a stimulator."""

    stop: StopEvidence = StopEvidence.ASKED
    """Evidence that a `stop` has which raises no error."""
    stop_is_known_from: str = "not stated"
    """What is read after a stop, and what is not."""
    stops_with_client: bool = False
    """Whether a train ends when the program that started it dies, at once and by itself."""
    latency: Latency = Latency()
    """From `start` to the first pulse."""
    clock: str = "not stated"
    """What times the pulses of a train."""
    n_patterns: int = 1
    """Number of different trains that can be prepared at the same time."""
    only_while_stopped: tuple[str, ...] = ()
    """What can change only while the instrument is stopped, such as the shape of a pulse."""
    amplitude_steps: Mapping[str, float] = field(default_factory=dict)
    """Step of amplitudes by unit (uA, uV). A unit that is not listed cannot be played."""
    time_step_us: float | None = None
    """Step of durations, in us; None: not stated."""
    verified: tuple[str, ...] = ()
    """What is read back before or after each train."""
    not_verified: tuple[str, ...] = ("nothing is stated to be verified",)
    """What nothing can verify."""

    def longest_at_once_s(self, sub_train_s: float, longest_s: float) -> float:
        """Return the longest part of a train that the instrument may be given at once.

        Only where a train ends with its client, and a stop is proved, is that a whole train of
        up to `longest_s`; elsewhere it is one sub-train.
        """
        return longest_s if self.stops_with_client and self.stop.is_verified else sub_train_s
