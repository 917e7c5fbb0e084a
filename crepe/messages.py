"""The messages on the streams. Every message covers the half-open window [start, stop).

A message holds numbers, strings, tuples of these and numpy arrays, so that any client in any
language can read it. Units are in the names.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import CrepeError

TRUTH = "data:truth"
"""Stream of the true spikes of a simulated culture, which a living one never gives: for validation
only, so that no actor reads it but `Record`."""

Position = tuple[float, float]
"""Place of an electrode: x and y in micrometres, y downwards."""


class DeliveryState(StrEnum):
    """The values of `Delivered.state`."""

    INTENDED = "intended"  #: The gate passed the train; recorded before the first pulse.
    DELIVERED = "delivered"  #: The instrument took the train, and it is over.
    STOPPED = "stopped"  #: The train ended early.
    REFUSED = "refused"  #: No pulse left; see `reason`.
    UNKNOWN = "unknown"  #: The stimulator was restarted: the train may have been delivered.


_DELIVERY_STATES: Mapping[str, DeliveryState] = {state.value: state for state in DeliveryState}


@dataclass(frozen=True, slots=True)
class Message:
    """A statement about the samples in [start, stop).

    A message type outside this module sets the class variables for itself.
    """

    is_clocked: ClassVar[bool] = False  # windows follow the clock without a break: a hole is a gap
    is_event: ClassVar[bool] = False  # rare: a reader can follow the stream from its beginning

    start: int  #: Sample index of the first sample covered.
    stop: int  #: Sample index after the last sample covered.


# eq=False, here and below: a comparison of arrays has no single truth value.
@dataclass(frozen=True, slots=True, eq=False)
class Segment(Message):
    """Consecutive samples of all channels."""

    is_clocked: ClassVar[bool] = True

    #: (n_channels, n_samples), counts or microvolts: see StreamInfo.scale_uv.
    samples: NDArray[Any]
    t_ns: int = 0  #: Wall clock when the last sample arrived; 0 where it was not measured.
    is_estimated: bool = False  #: The gap before it was estimated from the clock.


@dataclass(frozen=True, slots=True, eq=False)
class Spikes(Message):
    """Threshold crossings in the window, in order of time; three arrays of the same length."""

    is_clocked: ClassVar[bool] = True

    channel: NDArray[np.int32]  #: (n_spikes,): row of the segment.
    sample: NDArray[np.int64]  #: (n_spikes,): sample index of the peak.
    amplitude_uv: NDArray[np.float32]  #: (n_spikes,): value at the peak.

    @classmethod
    def none(cls, start: int, stop: int) -> "Spikes":
        """Return a window without a spike."""
        return cls(
            start, stop, np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0, np.float32)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Cutouts(Message):
    """Waveforms of the spikes of a window, in the order of the spikes."""

    channel: NDArray[np.int32]  #: (n_spikes,): row of the segment.
    sample: NDArray[np.int64]  #: (n_spikes,): sample index of the peak.
    waveform_uv: NDArray[np.float32]  #: (n_spikes, n_samples): the filtered signal around the peak.
    n_before: int = 0  #: Number of samples of a waveform before its peak.


@dataclass(frozen=True, slots=True, eq=False)
class Activity(Message):
    """Statistics of the window, by channel; nan where there are too few spikes."""

    rate_hz: NDArray[np.float32]  #: (n_channels,): mean firing rate.
    interval_cv: NDArray[np.float32]  #: (n_channels,): coefficient of variation, a ratio.
    fano_factor: NDArray[np.float32]  #: (n_channels,): variance / mean of counts in equal parts.
    n_bursts: NDArray[np.int32]  #: (n_channels,): number of bursts, by MaxInterval.
    n_network_bursts: int = 0  #: Number of network bursts; see crepe.analysis.bursts.
    n_isi_n_bursts: int = 0  #: Number of network bursts by ISI_N, three spikes a channel in 100 ms.


@dataclass(frozen=True, slots=True)
class ChannelStates(Message):
    """State of every channel from the end of the window on, until the next message."""

    OK: ClassVar[str] = "ok"
    SETTLING: ClassVar[str] = "settling"
    SATURATED: ClassVar[str] = "saturated"
    DEAD: ClassVar[str] = "dead"

    is_event: ClassVar[bool] = True

    states: tuple[str, ...]  #: Of each channel: `ok`, `settling`, `saturated` or `dead`.


@dataclass(frozen=True, slots=True)
class Decision(Message):
    """A decoder's answer from the culture's activity up to `stop`."""

    is_clocked: ClassVar[bool] = True

    value: str | float | None  #: The answer, or a number of a readout; None: nothing readable.
    #: Numbers behind the answer, by name: usually a score, without unit, of each possible one.
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GameState(Message):
    """State of the game, published when it changes."""

    is_event: ClassVar[bool] = True

    trial: int  #: Number of the trial, from 1; 0 before the first.
    phase: str  #: A crepe.phases.GamePhase, or one of the game's own.
    gesture: str | None = None  #: Gesture that the player showed.
    answer: str | None = None  #: Move that the culture played.
    outcome: str | None = None  #: Result for the culture, such as won; in Pong hit, miss or cut.
    score: Mapping[str, int] = field(default_factory=dict)  #: Number of trials so far, by outcome.
    phases: Mapping[str, int] = field(default_factory=dict)  #: Sample index of each one's start.
    decoded: str | None = None  #: Gesture that was decoded; None: nothing readable, or not yet.
    shown_by: str = ""  #: Origin of the gesture: `script`, or the sender of the command.
    condition: str = ""  #: The trial's condition; see crepe.conditions.
    block: int = 0  #: Number of the block, from 1; 0 where there are none.
    value: float | None = None  #: Result as a number, without unit: the return of an episode.


@dataclass(frozen=True, slots=True)
class Court(Message):
    """Places of Pong's ball and paddle, for display; see crepe.games.pong.court."""

    #: Position of the ball, as a fraction of the court, from 0 at the paddle's wall to 1.
    ball_x: float
    ball_y: float  #: Height of the ball, as a fraction of the court, from 0 to 1, upwards.
    paddle_y: float  #: Height of the paddle's middle, as a fraction of the court.
    paddle_size: float  #: Fraction of the wall that the paddle covers.
    is_in_play: bool  #: The ball flies; else it rests in its last place.
    trial: int = 0  #: Number of the rally, from 1.


@dataclass(frozen=True, slots=True, eq=False)
class Image(Message):
    """A picture for display."""

    pixels: NDArray[np.uint8]  #: (n_rows, n_columns, 3): red, green, blue; empty: no picture.
    caption: str = ""  #: Text below it, such as why there is no picture.


@dataclass(frozen=True, slots=True, eq=False)
class Transition(Message):
    """A step of an environment: the action, and what followed."""

    trial: int  #: Number of the episode, from 1.
    step: int  #: Number of the step, from 1; 0 for the beginning of an episode.
    action: str  #: Name of the action; empty at the beginning.
    reward: float  #: Reward of the step, in the environment's unit.
    observation: NDArray[np.float64]  #: (n_values,), each in a unit of the environment.
    end: str = ""  #: Why the episode is over: `terminated` or `truncated`; empty: it is not.


@dataclass(frozen=True, slots=True)
class Stimulus(Message):
    """A request for a finite train of equal pulses, made at sample `start`."""

    is_event: ClassVar[bool] = True

    number: int  #: Number of the request in this session and stream, from 1; none repeats.
    due: int  #: Sample index at which the first pulse should leave.
    electrodes: tuple[str, ...]  #: Labels of the electrodes that are stimulated together.
    #: Phases of a pulse, each (amplitude in `unit`, width in us), in order of time.
    phases: tuple[tuple[float, float], ...]
    rate_hz: float  #: Pulses per second.
    n_pulses: int  #: Number of pulses.
    meaning: str = ""  #: The gesture it encodes; for the recording only.
    unit: str = "uA"  #: Unit of amplitudes: uA for current pulses, uV for voltage pulses.

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

    number: int  #: Number of the stimulus; 0 if it could not be read.
    state: DeliveryState | str  #: A DeliveryState; text of a later version stays text.
    reason: str = ""  #: Why it was refused, stopped or is unknown; the doubt if delivered.
    fired: int = 0  #: Sample index of the clock at the command to start.
    age_ms: float = 0.0  #: Time from the sample of the request to the acknowledged start.
    t_ns: int = 0  #: Wall clock of the acknowledged start, without a step after `acquired_ns`.
    acquired_ns: int = 0  #: Wall clock when the segment that ends at `fired` had come.
    stream: str = ""  #: Stream of the request: with it, a number names one stimulus.

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", _DELIVERY_STATES.get(self.state, self.state))


@dataclass(frozen=True, slots=True)
class Command(Message):
    """A command from outside the clock, stamped with the sample index of its arrival."""

    is_event: ClassVar[bool] = True

    #: Name of the command: gesture, frame (of a sensor, without a gesture in it), note, stop.
    name: str
    value: str  #: Value of the command, such as the gesture or the text of a note.
    sender: str = ""  #: Sender of the command, such as `sensor` or a page.
    #: Image of a sensor, row by row; of an infrared sensor in degrees Celsius.
    frame: tuple[tuple[float, ...], ...] = ()


class Unreadable(NamedTuple):
    """A message that could not be read: why, and the values of it that could."""

    reason: str
    values: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """Description of a stream, which readers need; kept in Redis beside it as `<key>:info`."""

    message: str = "Segment"  #: Class name in this module, or import path `package.module:Class`.
    sampling_rate_hz: float = 10_000.0  #: Samples per second of the sample index.
    labels: tuple[str, ...] = ()  #: Electrode label of each channel, for people; none repeats.
    ids: tuple[str, ...] = ()  #: ID of each channel in its file or instrument; or empty.
    #: Place (x, y) of each electrode in um, None where it is not known; empty: not stated.
    positions_um: tuple[Position | None, ...] = ()
    geometry: str = ""  #: Array of the electrodes, such as `60MEA200`, or the file of its probe.
    dtype: str = "int32"  #: Data type of a segment's samples.
    #: Microvolts per count: one for all channels, or one per channel.
    scale_uv: tuple[float, ...] = (1.0,)
    segment_samples: int = 100  #: Usual length of an entry's window, in samples.
    longest_samples: int = 100  #: Longest window of an entry, in samples.
    origin_t_ns: int = 0  #: Wall clock of sample 0.
    is_live: bool = False  #: Time goes on without readers.
    is_simulated: bool = False  #: From no living culture.
    source: str = ""  #: Instrument or file.
    session: str = ""  #: ID of the session that writes it.
    writer: str = ""  #: Identity of the program that writes it, for the check of a second writer.

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
