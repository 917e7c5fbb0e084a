"""The content of `report.json`. A part for which the session has no data is null or empty."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Interval = tuple[float, float]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class About(_Table):
    """The session, and how it was recorded."""

    session: str
    title: str
    is_simulated: bool
    seed: int
    course: int = 0  # with the seed: all that the session drew
    duration_s: float  # of data, without gaps
    n_gaps: int  # in the longest stream that has a window for every sample
    missing_s: float  # in these gaps
    started_at: str | None  # UTC, ISO 8601; None: not measured
    has_ended: bool  # the session came to its end, and is recorded
    is_closed: bool  # the recorder was stopped in good order
    parts: list[str]  # files of the recording, the oldest first
    part_problems: list[str]  # why parts were set aside, or cannot be read
    is_game_over: bool | None  # None: no game
    sampling_rate_hz: float
    n_electrodes: int
    culture: dict[str, str]
    streams: dict[str, int]  # name: length in samples
    recorded_with: dict[str, str]  # versions; empty if not recorded
    versions: dict[str, str]  # of what made the report


class ConditionScore(_Table):
    """The finished trials of one condition."""

    condition: str
    n_trials: int
    n_stimulated: int | None  # in which pulses were delivered; None: not recorded
    n_left_out: int  # whose pulses were not delivered; the numbers below are of the others
    n_right: int
    accuracy: float | None  # None: no trial is left; so are the next three
    chance: float | None  # of the same answers, gestures permuted within blocks
    ci95: Interval | None  # Wilson, trials taken as independent
    ci95_blocks: Interval | None  # exact, blocks as the unit
    p_value: float  # of so many or more right by chance: gestures permuted within blocks
    outcomes: dict[str, int]
    confusion: list[list[int]]  # (shown, decoded), both as `gestures`; last column: nothing decoded


class BlockScore(_Table):
    """The finished trials of one block, or ten in a row where there are no blocks."""

    block: int
    condition: str
    start_s: float
    stop_s: float
    n_trials: int
    n_right: int
    accuracy: float
    ci95: Interval  # Wilson


class Decoding(_Table):
    """Share of trials in which the decoded gesture was the one shown."""

    gestures: list[str]
    chance: float  # mean over the conditions' trials
    decided_by: dict[str, str] = {}  # by decoder: what its answers follow from
    conditions: list[ConditionScore]
    blocks: list[BlockScore]


class ReadoutNumbers(_Table):
    """A readout that the session used, or that was trained on it."""

    actor: str  # empty: trained on this session
    path: str
    problem: str = ""  # why the fields below are empty
    session: str = ""  # that it was trained on
    calibrated_before_s: float | None = None  # from begin to begin of both sessions, real time
    n_trials: int = 0
    n_blocks: int = 0
    labels_permuted: int = 0  # sets of weights of a shuffled control
    accuracy: float | None = None  # cross-validated, a block left out at a time
    ci95: Interval | None = None  # Wilson
    answers: list[str] = []
    confusion: list[list[int]] = []  # (shown, decoded)
    versions: dict[str, str] = {}


class Activity(_Table):
    """Threshold crossings: multi-unit activity."""

    n_crossings: int
    mean_rate_hz: float  # per electrode
    rate_hz: dict[str, float]  # by electrode
    positions_um: dict[str, tuple[float, float] | None] = {}  # by electrode; None: not known
    population_bin_s: float
    population_rate_hz: list[float | None]  # per electrode, in bins from sample 0; None: no data


class Structure(_Table):
    """Bursts and synchrony of the last stretch without a gap; see `crepe.analysis`."""

    start_s: float
    stop_s: float
    n_active: int  # electrodes; medians are over them
    cv: float | None  # of intervals; None: too few spikes
    cv2: float | None
    lv: float | None
    bursts_per_min: float  # MaxInterval
    log_isi_bursts_per_min: float
    network_bursts_per_min: float
    isi_n_bursts_per_min: float
    around_burst_hz: list[
        float
    ]  # per electrode, from 0.5 s before network bursts begin, 20 ms bins
    electrodes: list[str]  # the most active, in order of their channels
    sttc: list[list[float]]  # of each pair of them
    median_sttc: float
    n_linked: int  # pairs that surrogates do not explain, corrected for the number of pairs
    n_pairs: int


class Evoked(_Table):
    """Peri-stimulus histogram of one gesture in one condition, per electrode."""

    condition: str
    gesture: str
    is_stimulated: bool  # False: aligned to where the first pulse would have been
    n_trials: int
    start_s: float  # of the first bin, from the first pulse
    bin_s: float
    mean_hz: list[float]
    sem_hz: list[float | None]
    change_hz: dict[str, float]  # by electrode: rate after the first pulse less that before


class Stimuli(_Table):
    """Requested pulse trains, and their outcomes."""

    n_asked: int
    n_delivered_pulses: int  # of trains that were delivered to their end
    states: dict[str, int]  # last state of each train
    reasons: dict[str, int]  # of refused, stopped, unknown or doubtful trains, with their numbers


class Spread(_Table):
    """Distribution of a duration in milliseconds."""

    n: int
    p50: float
    p99: float
    max: float


class Timing(_Table):
    """Delays and gaps of the closed loop."""

    age_ms: Spread | None  # from the requesting sample to the start; delays of the data count
    latency_ms: Spread | None  # from a segment's arrival to the pulses' start, by the wall clock
    gaps: dict[str, list[tuple[int, int]]]  # by stream: windows in samples


class Report(_Table):
    """The whole report; the numbers of a game's section are fields of their own."""

    model_config = ConfigDict(frozen=True, extra="allow")

    format: Literal[1] = 1
    about: About
    decoding: Decoding | None
    readouts: list[ReadoutNumbers]
    rallies: list[dict[str, Any]] = []  # of Pong; see crepe.games.pong.results.RallyScore
    activity: Activity | None
    structure: Structure | None
    evoked: list[Evoked]
    stimuli: Stimuli | None
    timing: Timing
