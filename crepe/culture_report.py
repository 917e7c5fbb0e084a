"""`crepe culture report`: what the simulated culture does by itself and when it is stimulated.

Spikes are those that the default filter and detection find in the voltage, as in an experiment.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_score

from crepe import config
from crepe.actors.actor import Start
from crepe.actors.detect import Detect
from crepe.actors.filter import BandPass
from crepe.electrodes import MCS_60_LABELS
from crepe.errors import ConfigError
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.simulator import activity
from crepe.simulator.culture import Culture
from crepe.simulator.patterns import Shot
from crepe.simulator.settings import SimulatorSettings

# The places of config/rps-controls.toml, one pulse each.
PLACES = {"rock": ("22", "32", "23"), "paper": ("72", "62", "73"), "scissors": ("47", "48", "57")}
PHASES = ((-10.0, 200.0), (10.0, 200.0))  # uA, us
BLANKED_US = 4000.0
N_TRIALS, TRIAL_MS = 20, 1500  # of each place; from pulse to pulse
AFTER_MS = (5, 250)  # the spikes that a readout may use
_SETTLE_MS = 2000  # until the noise level is known
_RIDGE = 10.0


@dataclass(frozen=True)
class Report:
    """What was found; `numbers` is what goes to the JSON file."""

    settings: SimulatorSettings
    seconds: float
    times: activity.Times  # of the spikes without stimulation, by electrode
    bursts_s: NDArray[np.float64]  # (n_bursts, 2)
    after_ms: dict[str, NDArray[np.float64]]  # of all evoked spikes by place: since the pulse
    counts: dict[str, NDArray[np.float64]]  # (n_trials, n_electrodes) by place, within AFTER_MS
    numbers: dict[str, float]


class Dish:
    """A culture whose spikes are detected as it goes on."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self.rate_hz = float(settings.sampling_rate_hz)
        self.culture = Culture(settings, MCS_60_LABELS, self.rate_hz)
        info = StreamInfo("Segment", self.rate_hz, MCS_60_LABELS, dtype="float32")
        self._filter, self._detect = BandPass(), Detect()
        for actor in (self._filter, self._detect):
            actor.open(Start(inputs={"data": info}))
        self.stop = 0

    def go_on(self, n_ms: int, electrodes: tuple[str, ...] = ()) -> Spikes:
        """Spikes of the next milliseconds; the first of them begins with a pulse, if asked for."""
        rows = tuple(MCS_60_LABELS.index(label) for label in electrodes)
        shots = [Shot(0, rows, PHASES, rows, BLANKED_US)] if rows else []
        start = self.stop
        blocks = [self.culture.block(shots if ms == 0 else [])[0] for ms in range(n_ms)]
        samples = np.concatenate(blocks, axis=1)
        self.stop += samples.shape[1]
        found = list(self._detect.step(self._filter.step(Segment(start, self.stop, samples))))
        channel = np.concatenate([each.channel for each in found])
        sample = np.concatenate([each.sample for each in found])
        depth_uv = np.concatenate([each.amplitude_uv for each in found])
        return Spikes(start, self.stop, channel, sample, depth_uv)


def observe(settings: SimulatorSettings, seconds: float) -> Report:
    """Record without stimulation, then stimulate the three places in random order."""
    dish = Dish(settings)
    dish.go_on(_SETTLE_MS)
    began = dish.stop
    spikes = [dish.go_on(100) for _ in range(round(10 * seconds))]
    channel = np.concatenate([each.channel for each in spikes])
    time_s = (np.concatenate([each.sample for each in spikes]) - began) / dish.rate_hz
    times = activity.by_electrode(channel, time_s, len(MCS_60_LABELS))
    after_ms, counts = evoked(dish, settings.seed)
    bursts_s = activity.network_bursts_s(times, seconds)
    numbers = _numbers(times, bursts_s, counts, seconds)
    return Report(settings, seconds, times, bursts_s, after_ms, counts, numbers)


def evoked(
    dish: Dish, seed: int, n_trials: int = N_TRIALS
) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
    """Spikes after the pulses by place: milliseconds since the pulse, and counts by electrode."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(list(PLACES)) for _ in range(n_trials)])
    after: dict[str, list[NDArray[np.float64]]] = {place: [] for place in PLACES}
    counts: dict[str, list[NDArray[np.int64]]] = {place: [] for place in PLACES}
    for place in order:
        began = dish.stop
        found = dish.go_on(TRIAL_MS, PLACES[place])
        since_ms = (found.sample - began) / dish.rate_hz * 1000
        is_counted = (since_ms >= AFTER_MS[0]) & (since_ms < AFTER_MS[1])
        after[place].append(since_ms)
        counts[place].append(np.bincount(found.channel[is_counted], minlength=len(MCS_60_LABELS)))
    return (
        {place: np.concatenate(each) for place, each in after.items()},
        {place: np.array(each, np.float64) for place, each in counts.items()},
    )


def accuracy(counts: dict[str, NDArray[np.float64]]) -> float:
    """How often a linear readout of the counts tells the place, in five-fold cross-validation."""
    seen = np.sqrt(np.concatenate(list(counts.values())))
    places = np.repeat(list(counts), [len(each) for each in counts.values()])
    return float(cross_val_score(RidgeClassifier(_RIDGE), seen, places, cv=5).mean())


def _numbers(
    times: activity.Times,
    bursts_s: NDArray[np.float64],
    counts: dict[str, NDArray[np.float64]],
    seconds: float,
) -> dict[str, float]:
    rates_hz = activity.rates_hz(times, seconds)
    everything = np.concatenate(times)
    in_bursts = sum(((everything >= a) & (everything <= b)).sum() for a, b in bursts_s)
    length_s = np.diff(bursts_s, axis=1)
    found = {
        "mean_rate_hz": rates_hz.mean(),
        "median_rate_hz": np.median(rates_hz),
        "lowest_tenth_rate_hz": np.percentile(rates_hz, 10),
        "highest_tenth_rate_hz": np.percentile(rates_hz, 90),
        "n_active_electrodes": (rates_hz >= activity.ACTIVE_HZ).sum(),
        "network_bursts_per_min": len(bursts_s) * 60 / seconds,
        "median_network_burst_s": np.median(length_s) if len(length_s) else 0.0,
        "part_of_spikes_in_network_bursts": in_bursts / max(1, len(everything)),
        "interval_cv": activity.interval_cv(times),
        "evoked_spikes_per_trial": np.mean([each.sum(axis=1).mean() for each in counts.values()]),
        "places_told_apart": accuracy(counts),
    }
    return {name: round(float(value), 4) for name, value in found.items()}


def run(
    path: Path | None, seed: int | None, seconds: float, out: Path | None, console: Console
) -> None:
    """`crepe culture report`. Raises ConfigError if the file has no simulated culture."""
    from crepe.culture_figure import draw

    experiment = config.load(path)
    settings = experiment.culture.simulated
    if settings is None:
        raise ConfigError(f"{experiment.path}: no [culture.simulated] table to report on")
    if seed is not None:
        settings = settings.model_copy(update={"seed": seed})
    out = out or Path()
    out.mkdir(parents=True, exist_ok=True)
    report = observe(settings, seconds)
    kept = {"is_simulated": True, "seconds": seconds, "settings": settings.model_dump(mode="json")}
    text = json.dumps({**kept, "found": report.numbers}, indent=2)
    (out / "culture.json").write_text(text + "\n", encoding="utf-8")
    draw(report, out / "culture.png")
    for name, value in report.numbers.items():
        console.print(f"{value:10.2f}  {name}")
    console.print(f"{out / 'culture.png'}, {out / 'culture.json'}", soft_wrap=True)
