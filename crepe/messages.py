"""The messages on the streams. Every message covers the half-open window [start, stop).

A message holds numbers, strings, tuples of these and numpy arrays, so that any client in any
language can read it. Units are in the names.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from crepe.errors import CrepeError

TRUTH = "data:truth"
"""Stream of the true spikes of a simulated culture, which a living one never gives: for validation
only, so that no actor reads it but `Record`."""


class GamePhase(StrEnum):
    """The values of `GameState.phase` that all readers understand; a game may have others."""

    REST = "rest"
    WAITING = "waiting"  # for a gesture from outside
    STIMULATION = "stimulation"
    RESPONSE = "response"
    OUTCOME = "outcome"
    PAUSED = "paused"
    OVER = "over"
    REFUSED = "refused"  # a command was refused; the game stays in its phase


class DeliveryState(StrEnum):
    """The values of `Delivered.state`."""

    INTENDED = "intended"  # the gate passed the train; recorded before the first pulse
    DELIVERED = "delivered"  # the instrument took the train, and it is over
    STOPPED = "stopped"  # the train ended early
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the stimulator was restarted meanwhile: it may have been delivered


_DELIVERY_STATES: Mapping[str, DeliveryState] = {state.value: state for state in DeliveryState}


@dataclass(frozen=True, slots=True)
class Message:
    """A statement about the samples in [start, stop).

    A message type outside this module sets the class variables for itself.
    """

    is_clocked: ClassVar[bool] = False  # windows follow the clock without a break: a hole is a gap
    is_event: ClassVar[bool] = False  # rare: a reader can follow the stream from its beginning

    start: int  # sample index of the first sample covered
    stop: int  # sample index after the last sample covered


# eq=False, here and below: a comparison of arrays has no single truth value.
@dataclass(frozen=True, slots=True, eq=False)
class Segment(Message):
    """Consecutive samples of all channels."""

    is_clocked: ClassVar[bool] = True

    samples: NDArray[Any]  # (n_channels, n_samples), counts or microvolts: see StreamInfo.scale_uv
    t_ns: int = 0  # wall clock when the last sample arrived; 0 where it was not measured
    is_estimated: bool = False  # the gap before it was estimated from the clock


@dataclass(frozen=True, slots=True, eq=False)
class Spikes(Message):
    """Threshold crossings in the window, in order of time; three arrays of the same length."""

    is_clocked: ClassVar[bool] = True

    channel: NDArray[np.int32]  # row of the segment
    sample: NDArray[np.int64]  # sample index of the peak
    amplitude_uv: NDArray[np.float32]  # value at the peak

    @classmethod
    def none(cls, start: int, stop: int) -> "Spikes":
        """Return a window without a spike."""
        return cls(
            start, stop, np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Cutouts(Message):
    """Waveforms of the spikes of a window, in the order of the spikes."""

    channel: NDArray[np.int32]  # (n_spikes,)
    sample: NDArray[np.int64]  # (n_spikes,): sample index of the peak
    waveform_uv: NDArray[np.float32]  # (n_spikes, n_samples)
    n_before: int = 0  # samples of a waveform before its peak


@dataclass(frozen=True, slots=True, eq=False)
class Activity(Message):
    """Statistics of the window, by channel; nan where there are too few spikes."""

    rate_hz: NDArray[np.float32]  # (n_channels,)
    interval_cv: NDArray[np.float32]  # (n_channels,)
    fano_factor: NDArray[np.float32]  # (n_channels,), of counts in equal parts of the window
    n_bursts: NDArray[np.int32]  # (n_channels,), by MaxInterval
    n_network_bursts: int = 0


@dataclass(frozen=True, slots=True)
class Decision(Message):
    """A decoder's answer from the culture's activity up to `stop`."""

    is_clocked: ClassVar[bool] = True

    value: str | float | None  # None: nothing readable
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GameState(Message):
    """State of the game, published when it changes."""

    is_event: ClassVar[bool] = True

    trial: int  # counted from 1; 0 before the first
    phase: str  # a GamePhase, or one of the game's own (Pong: crepe.games.pong.state.Phase)
    gesture: str | None = None  # shown by the player
    answer: str | None = None  # played by the culture
    outcome: str | None = None  # won, drawn or lost, as the culture sees it; hit, miss or cut
    score: Mapping[str, int] = field(default_factory=dict)
    phases: Mapping[str, int] = field(default_factory=dict)  # phase: sample index it began at
    decoded: str | None = None  # the gesture that was decoded; None: nothing readable, or not yet
    shown_by: str = ""  # origin of the gesture: `script`, or the sender of the command
    condition: str = ""  # the trial's condition; see crepe.conditions
    block: int = 0  # counted from 1; 0 where there are none


@dataclass(frozen=True, slots=True)
class Court(Message):
    """Places of Pong's ball and paddle, for display; see crepe.games.pong.court."""

    ball_x: float  # from 0 at the paddle's wall to 1
    ball_y: float  # from 0 to 1, upwards
    paddle_y: float  # its middle
    paddle_size: float  # part of the wall that it covers
    is_in_play: bool  # the ball flies; else it rests in its last place
    trial: int = 0  # number of the rally, from 1


@dataclass(frozen=True, slots=True)
class Stimulus(Message):
    """A request for a finite train of equal pulses, made at sample `start`."""

    is_event: ClassVar[bool] = True

    number: int  # counts the requests of this session, from 1
    due: int  # sample index at which the first pulse should leave
    electrodes: tuple[str, ...]  # labels
    phases: tuple[tuple[float, float], ...]  # (amplitude in `unit`, width in us), in order of time
    rate_hz: float
    n_pulses: int
    meaning: str = ""  # the gesture it encodes; for the recording only
    unit: str = "uA"  # uA: current pulses; uV: voltage pulses

    def has_pulses_of(self, other: "Stimulus") -> bool:
        """Return whether an instrument set up for the other train is set up for this one."""
        return (
            self.electrodes == other.electrodes
            and self.phases == other.phases
            and self.unit == other.unit
            and (self.rate_hz, self.n_pulses) == (other.rate_hz, other.n_pulses)
        )


@dataclass(frozen=True, slots=True)
class Delivered(Message):
    """Outcome of a stimulus."""

    is_event: ClassVar[bool] = True

    number: int  # of the stimulus
    state: DeliveryState | str  # text becomes a DeliveryState; text of a later version stays
    reason: str = ""  # why it was refused, stopped or is unknown; the doubt if delivered
    fired: int = 0  # sample index of the clock at the command to start
    age_ms: float = 0.0  # from the sample of the request to the start; includes late data
    t_ns: int = 0  # wall clock when the instrument had acknowledged
    acquired_ns: int = 0  # wall clock when the segment that ends at `fired` had come

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", _DELIVERY_STATES.get(self.state, self.state))


@dataclass(frozen=True, slots=True)
class Command(Message):
    """A command from outside the clock, stamped with the sample index of its arrival."""

    is_event: ClassVar[bool] = True

    name: str  # gesture, frame (a sensor's, without a gesture in it), note, stop
    value: str
    sender: str = ""
    frame: tuple[tuple[float, ...], ...] = ()  # a sensor's image; infrared: degrees Celsius


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Description of a stream, which readers need; kept in Redis beside it as `<key>:info`."""

    message: str = "Segment"  # class name in this module, or import path `package.module:Class`
    sampling_rate_hz: float = 10_000.0
    labels: tuple[str, ...] = ()  # electrode label of each channel
    dtype: str = "int32"  # of a segment's samples
    scale_uv: tuple[float, ...] = (1.0,)  # microvolts per count: one for all, or one per channel
    segment_samples: int = 100  # usual length of an entry's window
    longest_samples: int = 100  # no entry's window is longer
    origin_t_ns: int = 0  # wall clock of sample 0
    is_live: bool = False  # time goes on without readers
    is_simulated: bool = False  # from no living culture
    source: str = ""  # instrument or file
    session: str = ""
    writer: str = ""

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.labels)

    @property
    def kind(self) -> type[Message]:
        """Class of the messages; `Message` itself where it is not imported in this process."""
        return find_message_type(self.message) or Message


def message_type(name: str, error: type[CrepeError]) -> type[Message]:
    """Return the class for `StreamInfo.message`; raise `error` if it is not imported."""
    kind = find_message_type(name)
    if kind is None:
        raise error(f"message type {name!r}: not known here; import its module first")
    return kind


def find_message_type(name: str) -> type[Message] | None:
    """Return the class for a name in this module, or for `module:Class` of an imported one.

    A module that is not imported yet stays so: a name from outside loads no code.
    """
    module_name, _, class_name = name.rpartition(":")
    module = sys.modules.get(module_name or __name__)
    kind = getattr(module, class_name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Message) else None
