"""`crepe culture report`: activity of the simulated culture, spontaneous and evoked.

Spikes are those that the default filter and detection find in the voltage, as in an experiment.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from crepe.actors.actor import ActorContext
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.analysis.bursts import ISI_N_S, isi_n, isi_n_spikes, max_interval, network_bursts
from crepe.analysis.rates import ACTIVE_HZ, Times, cv, mean_rate_hz
from crepe.config.experiment import load_experiment
from crepe.culture.contract import Shot
from crepe.culture.culture import Culture
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import ConfigError
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.reservoir.features import Window
from crepe.reservoir.training import Trials, validate
from crepe.simulator.meame.settings import SimulatorSettings

# The stimulated electrodes of config/rps-controls.toml, one pulse each.
PLACES = {"rock": ("22", "32", "23"), "paper": ("72", "62", "73"), "scissors": ("47", "48", "57")}
PHASES = ((-10.0, 200.0), (10.0, 200.0))  # uA, us
BLANKED_US = 4000.0
N_TRIALS, TRIAL_MS = 20, 1500  # of each place; from pulse to pulse
AFTER_MS = (5, 250)  # the spikes that a readout may use
_SETTLE_MS = 2000  # until the noise level is estimated
_BLOCK = 4  # successive trials of each place that are left out together


@dataclass(frozen=True)
class Report:
    """The results; `numbers` are written to the JSON file."""

    settings: SimulatorSettings
    seconds: float
    times: list[Times]  # of the spikes without stimulation, by electrode
    rates_hz: NDArray[np.float64]  # (n_electrodes,)
    bursts_s: list[tuple[float, float]]  # of the network
    after_ms: dict[str, NDArray[np.float64]]  # of all evoked spikes by place: since the pulse
    counts: dict[str, NDArray[np.float64]]  # (n_trials, n_electrodes) by place, within AFTER_MS
    numbers: dict[str, float]


def no_progress(done_s: float) -> None:
    """Discard how far a report is."""
    del done_s


class Dish:
    """A simulated culture whose spikes are detected while it runs."""

    def __init__(
        self, settings: SimulatorSettings, reached: Callable[[float], None] = no_progress
    ) -> None:
        self._reached = reached
        self.rate_hz = float(settings.sampling_rate_hz)
        self.culture = Culture(settings, MCS_60_LABELS, self.rate_hz)
        info = StreamInfo("Segment", self.rate_hz, MCS_60_LABELS, dtype="float32")
        self._filter, self._detect = BandPass(), Detect()
        for actor in (self._filter, self._detect):
            actor.open(ActorContext(inputs={"data": info}))
        self.stop = 0

    def advance(self, n_ms: int, electrodes: tuple[str, ...] = ()) -> Spikes:
        """Return the spikes of the next milliseconds, which begin with a pulse at `electrodes`."""
        rows = tuple(MCS_60_LABELS.index(label) for label in electrodes)
        # An experiment holds the amplifiers of all electrodes, which the artefact reaches.
        held = tuple(range(len(MCS_60_LABELS)))
        shots = [Shot(0, rows, PHASES, held, BLANKED_US)] if rows else []
        start = self.stop
        blocks = [self.culture.block(shots if ms == 0 else [])[0] for ms in range(n_ms)]
        samples = np.concatenate(blocks, axis=1)
        self.stop += samples.shape[1]
        self._reached(self.stop / self.rate_hz)
        spikes = list(self._detect.step(self._filter.step(Segment(start, self.stop, samples))))
        channel = np.concatenate([each.channel for each in spikes])
        sample = np.concatenate([each.sample for each in spikes])
        depth_uv = np.concatenate([each.amplitude_uv for each in spikes])
        return Spikes(start, self.stop, channel, sample, depth_uv)


def total_s(seconds: float) -> float:
    """Return the simulated time of a report on so many seconds without stimulation."""
    return (_SETTLE_MS + N_TRIALS * len(PLACES) * TRIAL_MS) / 1000 + seconds


def observe(
    settings: SimulatorSettings, seconds: float, reached: Callable[[float], None] = no_progress
) -> Report:
    """Record without stimulation, then stimulate the three places in random order."""
    dish = Dish(settings, reached)
    dish.advance(_SETTLE_MS)
    began = dish.stop
    spikes = [dish.advance(100) for _ in range(round(10 * seconds))]
    channel = np.concatenate([each.channel for each in spikes])
    time_s = (np.concatenate([each.sample for each in spikes]) - began) / dish.rate_hz
    times = [np.sort(time_s[channel == electrode]) for electrode in range(len(MCS_60_LABELS))]
    after_ms, counts = evoked(dish, settings.seed)
    rates_hz = np.array([mean_rate_hz(each, seconds) for each in times])
    bursts_s = network_bursts(times, [max_interval(each) for each in times], seconds)
    numbers = {
        **_numbers(times, rates_hz, bursts_s, counts, seconds),
        **place_accuracy(counts, dish.rate_hz),
    }
    numbers = {name: round(float(value), 4) for name, value in numbers.items()}
    return Report(settings, seconds, times, rates_hz, bursts_s, after_ms, counts, numbers)


def evoked(
    dish: Dish, seed: int, n_trials: int = N_TRIALS
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Return spikes after the pulses by place: ms since the pulse, and counts by electrode."""
    rng = np.random.default_rng(seed)
    # Each place once in every round, so that blocks of trials hold all places.
    order = np.concatenate([rng.permutation(list(PLACES)) for _ in range(n_trials)])
    after: dict[str, list[NDArray[np.float64]]] = {place: [] for place in PLACES}
    counts: dict[str, list[NDArray[np.int64]]] = {place: [] for place in PLACES}
    for place in order:
        began = dish.stop
        spikes = dish.advance(TRIAL_MS, PLACES[place])
        since_ms = (spikes.sample - began) / dish.rate_hz * 1000
        is_counted = (since_ms >= AFTER_MS[0]) & (since_ms < AFTER_MS[1])
        after[place].append(since_ms)
        counts[place].append(np.bincount(spikes.channel[is_counted], minlength=len(MCS_60_LABELS)))
    return (
        {place: np.concatenate(each) for place, each in after.items()},
        {place: np.array(each, np.float64) for place, each in counts.items()},
    )


def place_accuracy(counts: dict[str, NDArray[np.float64]], rate_hz: float) -> dict[str, float]:
    """Return how often a linear readout of the counts decodes the place.

    Folds of the cross-validation are blocks of trials.
    """
    after_s = (AFTER_MS[1] - AFTER_MS[0]) / 1000
    trials = Trials(
        np.sqrt(np.concatenate(list(counts.values()))),
        np.repeat(list(counts), [len(each) for each in counts.values()]),
        np.concatenate([np.arange(len(each)) // _BLOCK for each in counts.values()]),
        MCS_60_LABELS,
        rate_hz,
        Window(window_s=after_s, bin_s=after_s),
    )
    n = len(trials.gesture)
    accuracy = validate(trials).accuracy
    interval = binomtest(round(accuracy * n), n).proportion_ci(method="wilson")
    return {
        "places_told_apart": accuracy,
        "places_told_apart_low": interval.low,
        "places_told_apart_high": interval.high,
        "places_told_apart_n": n,
        "places_told_apart_chance": 1 / len(counts),
    }


def _numbers(
    times: list[Times],
    rates_hz: NDArray[np.float64],
    bursts_s: list[tuple[float, float]],
    counts: dict[str, NDArray[np.float64]],
    seconds: float,
) -> dict[str, float]:
    everything = np.concatenate(times)
    in_bursts = sum(((everything >= a) & (everything <= b)).sum() for a, b in bursts_s)
    length_s = [end - begin for begin, end in bursts_s]
    n_active = int((rates_hz >= ACTIVE_HZ).sum())
    by_isi_n = isi_n(np.sort(everything), isi_n_spikes(n_active), ISI_N_S)
    return {
        "mean_rate_hz": rates_hz.mean(),
        "median_rate_hz": np.median(rates_hz),
        "lowest_tenth_rate_hz": np.percentile(rates_hz, 10),
        "highest_tenth_rate_hz": np.percentile(rates_hz, 90),
        "n_active_electrodes": n_active,
        "network_bursts_per_min": len(bursts_s) * 60 / seconds,
        "isi_n_bursts_per_min": len(by_isi_n) * 60 / seconds,
        "median_network_burst_s": np.median(length_s) if length_s else 0.0,
        "median_isi_n_burst_s": np.median([b - a for a, b in by_isi_n]) if by_isi_n else 0.0,
        "part_of_spikes_in_network_bursts": in_bursts / max(1, len(everything)),
        "interval_cv": np.nanmedian([cv(each) for each in times]),
        "evoked_spikes_per_trial": np.mean([each.sum(axis=1).mean() for each in counts.values()]),
    }


def run(
    path: Path | None, seed: int | None, seconds: float, out: Path, reached: Callable[[float], None]
) -> Report:
    """Write `culture.png` and `culture.json` to the directory `out`, and return the report.

    `reached` receives the seconds of simulated time that are over, of `total_s(seconds)`. Raises
    ConfigError if the file has no simulated culture.
    """
    # Imported here, since the module of the figure imports this one.
    from crepe.report.culture_figure import draw

    experiment = load_experiment(path)
    settings = experiment.culture.simulated
    if settings is None:
        raise ConfigError(f"{experiment.path}: no [culture.simulated] table to report on")
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    out.mkdir(parents=True, exist_ok=True)
    report = observe(settings, seconds, reached)
    kept = {"is_simulated": True, "seconds": seconds, "settings": settings.model_dump(mode="json")}
    text = json.dumps({**kept, "found": report.numbers}, indent=2)
    (out / "culture.json").write_text(text + "\n", encoding="utf-8")
    draw(report, out / "culture.png")
    return report
