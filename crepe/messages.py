"""What travels on the streams. Every message covers the half-open window [start, stop).

A message holds numbers, strings, tuples of these and numpy arrays, so that any client in any
language can read it. Units are in the names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

TRUTH = "data:truth"
"""Stream of the true spikes of a simulated culture, which a living one never gives: for validation
only, so that no actor reads it but `Record`."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something that is true of the samples in [start, stop)."""

    start: int  # sample index of the first sample covered
    stop: int  # sample index after the last sample covered


@dataclass(frozen=True, slots=True, eq=False)
class Segment(Message):
    """Consecutive samples of all channels."""

    samples: NDArray[Any]  # (n_channels, n_samples), counts or microvolts as the stream's info says
    t_ns: int = 0  # wall clock when the last sample arrived; 0 where nobody measured it
    is_estimated: bool = False  # the gap before it was estimated from the clock


@dataclass(frozen=True, slots=True, eq=False)
class Spikes(Message):
    """Threshold crossings in the window, in order of time; three arrays of the same length."""

    channel: NDArray[np.int32]  # row of the segment
    sample: NDArray[np.int64]  # sample index of the peak
    amplitude_uv: NDArray[np.float32]  # value at the peak

    @classmethod
    def none(cls, start: int, stop: int) -> "Spikes":
        """A window without a spike."""
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
    """How the window went, by channel; nan where there were too few spikes to say."""

    rate_hz: NDArray[np.float32]  # (n_channels,)
    interval_cv: NDArray[np.float32]  # (n_channels,)
    fano_factor: NDArray[np.float32]  # (n_channels,), of counts in equal parts of the window
    n_bursts: NDArray[np.int32]  # (n_channels,), by MaxInterval
    n_network_bursts: int = 0


@dataclass(frozen=True, slots=True)
class Decision(Message):
    """What the readout makes of the culture's activity up to `stop`."""

    value: str | float | None  # None: nothing readable
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GameState(Message):
    """What the game does, published when it changes."""

    trial: int  # counted from 1; 0 before the first
    phase: str  # rest, stimulation, response, outcome, over; of Pong: crepe.games.pong.game.Phase
    gesture: str | None = None  # what the player showed
    answer: str | None = None  # what the culture played
    outcome: str | None = None  # won, drawn or lost, as the culture sees it; hit, miss or cut
    score: Mapping[str, int] = field(default_factory=dict)
    phases: Mapping[str, int] = field(default_factory=dict)  # phase: sample index it began at
    decoded: str | None = None  # the gesture that was read out; None: nothing readable, or not yet
    shown_by: str = ""  # who showed the gesture: `script`, or the sender of the command
    condition: str = ""  # what this trial is a trial of; see crepe.conditions
    block: int = 0  # counted from 1; 0 where there are none


@dataclass(frozen=True, slots=True)
class Court(Message):
    """Where ball and paddle of a Pong are, for those who draw it; see crepe.games.pong.court."""

    ball_x: float  # from 0 at the paddle's wall to 1
    ball_y: float  # from 0 to 1, upwards
    paddle_y: float  # its middle
    paddle_size: float  # part of the wall that it covers
    is_in_play: bool  # the ball flies; else it stands where it was last
    trial: int = 0  # number of the rally, from 1


@dataclass(frozen=True, slots=True)
class Stimulus(Message):
    """A finite train of equal pulses that somebody asks for; `start` is the sample that asked."""

    number: int  # counts the requests of this session, from 1
    due: int  # sample index at which the first pulse should leave
    electrodes: tuple[str, ...]  # labels
    phases: tuple[tuple[float, float], ...]  # (amplitude in `unit`, width in us), in order of time
    rate_hz: float
    n_pulses: int
    meaning: str = ""  # the gesture it encodes; for the recording only
    unit: str = "uA"  # uA: current pulses; uV: voltage pulses

    def has_pulses_of(self, other: "Stimulus") -> bool:
        """Whether an instrument that is set up for the other train is set up for this one."""
        return (
            self.electrodes == other.electrodes
            and self.phases == other.phases
            and self.unit == other.unit
            and (self.rate_hz, self.n_pulses) == (other.rate_hz, other.n_pulses)
        )


@dataclass(frozen=True, slots=True)
class Delivered(Message):
    """What became of a stimulus.

    `state` is `intended` (the gate passed it; recorded before the first pulse), `delivered` (the
    instrument took the train, and it is over), `stopped` (ended early), `refused` or `unknown`
    (the stimulator was restarted in between: the train may have been delivered).
    """

    number: int  # of the stimulus
    state: str
    reason: str = ""  # why it was refused, stopped or is unknown; what is in doubt if delivered
    fired: int = 0  # sample index of the clock when the instrument was told to start
    age_ms: float = 0.0  # from the sample that asked to the start; late data count
    t_ns: int = 0  # wall clock when the instrument had acknowledged
    acquired_ns: int = 0  # and when the segment that ends at `fired` had come


@dataclass(frozen=True, slots=True)
class Command(Message):
    """Something said from outside the clock (a person's gesture, stop, a note), stamped with the
    sample index at which it was heard."""

    name: str  # gesture, frame (a sensor's, without a gesture in it), note, stop
    value: str
    sender: str = ""
    frame: tuple[tuple[float, ...], ...] = ()  # what a sensor saw; infrared: degrees Celsius


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a reader needs to interpret a stream; stands in Redis beside it as `<key>:info`."""

    message: str = "Segment"  # class name in this module, or import path `package.module:Class`
    sampling_rate_hz: float = 10_000.0
    labels: tuple[str, ...] = ()  # electrode label of each channel
    dtype: str = "int32"  # of a segment's samples
    scale_uv: tuple[float, ...] = (1.0,)  # microvolts per count: one for all, or one per channel
    segment_samples: int = 100  # usual length of an entry's window
    longest_samples: int = 100  # no entry's window is longer
    origin_t_ns: int = 0  # wall clock of sample 0
    is_live: bool = False  # time goes on while nobody listens
    is_simulated: bool = False  # no living culture behind it
    source: str = ""  # instrument or file
    session: str = ""
    writer: str = ""

    @property
    def n_channels(self) -> int:
        return len(self.labels)
