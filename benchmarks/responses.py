"""Where in the response the answer is: patterns told apart by latency, and what that depends on.

`python -m benchmarks.responses ladder [SEED ...]` goes up the ladder of patterns with one pulse;
`curves [SEED ...]` changes one setting at a time for clock digits; `draw` draws
docs/pictures/responses.png. Spikes are those of the cells within SEEN_UM of the nearest electrode,
without voltages and their detection, in bins of 6 ms from 4 ms after the last pulse on, where
amplifiers are released; `benchmarks.reservoir` has the ladder by the whole path of an experiment.
Figures are kept in docs/data/responses.json as they come.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from crepe.culture.contract import Shot
from crepe.culture.culture import Culture
from crepe.culture.settings import CultureSettings
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.environment.paths import project_directory
from crepe.games.patterns import electrodes_of, images
from crepe.reservoir.features import Window
from crepe.reservoir.training import Trials, validate

SEEDS = (4001, 4002, 4003)
EARLY_UA = {"points": 10.0, "bars": 10.0, "clock": 4.0, "digits": 2.0}
"""Current of a pulse: charges of the ten to sixteen electrodes of a digit add up."""
KEPT = project_directory() / "docs" / "data" / "responses.json"
PICTURE = project_directory() / "docs" / "pictures" / "responses.png"
BIN_MS, FIRST_MS, N_BINS = 6, 4, 16
SEEN_UM = 117.0  # a spike of mean size is five noise levels there
N_BLOCKS, REST_MS, BLOCK_REST_MS, PERIOD_MS = 5, 400, 2000, 50
WINDOWS_MS = {
    "early": (4, 10),
    "recurrent": (10, 52),
    "burst": (52, 100),
    "read": (4, 70),
}
"""A map ends direct responses at 10 ms (decision 104), too; `read` is what the readout of the
ladder reads."""
N_A_BLOCK = 40
"""Trials in each of five blocks."""

STANDARD: Mapping[str, float] = {
    "n_pulses": 1,
    "current_ua": 4.0,
    "excitation": 1.4,
    "inhibition": 2.2,
    "release": 0.35,
}
CURVES: Mapping[str, tuple[float, ...]] = {
    "excitation": (0.0, 1.0, 1.2, 1.6),
    "n_pulses": (2,),
    "current_ua": (1.0, 2.0, 10.0),
    "inhibition": (0.0, 3.3),
    "release": (0.1, 0.2, 0.5, 0.7),
}
"""Values beside the standard. Excitation 0 is a culture under NBQX and APV, inhibition 0 one under
bicuculline; Tsodyks and Markram 1997 report a release of 0.1 to 0.95 at cortical synapses."""


def by_latency(
    counts: NDArray[np.int64], gesture: NDArray[np.str_], block: NDArray[np.int64]
) -> dict[str, float]:
    """Return cross-validated accuracy by window, and the spikes of a trial in each.

    `counts` is (n_trials, 60, N_BINS).
    """
    figures: dict[str, float] = {"n_trials": len(gesture)}
    for name, (start_ms, stop_ms) in WINDOWS_MS.items():
        first, stop = ((at - FIRST_MS) // BIN_MS for at in (start_ms, stop_ms))
        part = counts[:, :, first:stop]
        window = Window(window_s=(stop_ms - start_ms) / 1000, bin_s=BIN_MS / 1000)
        features = np.sqrt(part.reshape(len(part), -1))
        trials = Trials(features, gesture, block, MCS_60_LABELS, 10_000.0, window)
        figures[name] = validate(trials).accuracy
        figures[f"{name}, spikes"] = float(part.sum(axis=(1, 2)).mean())
    return figures


def respond(task: str, seed: int, changed: Mapping[str, float]) -> dict[str, float]:
    """Return the figures of a culture with these settings in place of the standard ones."""
    settings = {**STANDARD, **changed}
    names = ("excitation", "inhibition", "release")
    cells = {name: settings[name] for name in names}
    culture = Culture(CultureSettings(seed=seed, cells=cells), MCS_60_LABELS, 10_000.0)
    distance_um = culture.distance_um
    nearest = np.where(distance_um.min(axis=1) < SEEN_UM, distance_um.argmin(axis=1), -1)
    n_pulses, current_ua = int(settings["n_pulses"]), settings["current_ua"]
    phases = ((-current_ua, 200.0), (current_ua, 200.0))
    classes = images(task)
    rng = np.random.default_rng(seed)
    read_from = (n_pulses - 1) * PERIOD_MS + FIRST_MS
    rows, gestures, blocks = [], [], []
    for block in range(N_BLOCKS):
        for _ in range(BLOCK_REST_MS):
            culture.fire([])
        for gesture in rng.permutation(list(classes) * (N_A_BLOCK // len(classes))):
            drawn = classes[gesture]
            drawn = drawn[rng.integers(len(drawn))] if drawn.ndim == 3 else drawn
            electrodes = tuple(MCS_60_LABELS.index(label) for label in electrodes_of(drawn))
            counts = np.zeros((len(MCS_60_LABELS) + 1, N_BINS), np.int64)  # last row: unseen
            for _ in range(REST_MS):
                culture.fire([])
            for ms in range(read_from + BIN_MS * N_BINS):
                is_pulse = ms % PERIOD_MS == 0 and ms // PERIOD_MS < n_pulses
                fired = culture.fire([Shot(0, electrodes, phases)] if is_pulse else [])
                if ms >= read_from:
                    np.add.at(counts[:, (ms - read_from) // BIN_MS], nearest[fired], 1)
            rows.append(counts[:-1])
            gestures.append(gesture)
            blocks.append(block)
    return by_latency(np.array(rows), np.array(gestures), np.array(blocks))


def keep(what: str, seed: int, name: str, figures: dict[str, float]) -> None:
    """Add figures to the file, with the date."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    kept.setdefault(what, {}).setdefault(str(seed), {})[name] = figures
    kept["measured"] = f"{datetime.now(UTC):%Y-%m-%d}"
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(what, seed, name, json.dumps(figures), flush=True)


def ladder(seed: int) -> None:
    """Measure each task with one pulse."""
    for task in ("points", "digits", "bars", "clock"):
        keep("ladder", seed, task, respond(task, seed, {"current_ua": EARLY_UA[task]}))


def curves(seed: int) -> None:
    """Measure clock digits with one setting at a time changed."""
    keep("curves", seed, "standard", respond("clock", seed, {}))
    for setting, values in CURVES.items():
        for value in values:
            figures = respond("clock", seed, {setting: value})
            keep("curves", seed, f"{setting} {value:g}", figures)


def draw() -> None:
    """Draw the accuracy by latency up the ladder, and of each curve that was measured."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    bare = json.loads((KEPT.parent / "reservoir.json").read_text(encoding="utf-8"))["ladder"]
    figure, axes = plt.subplots(1, 1 + len(CURVES), figsize=(15, 4), layout="constrained")
    colours = dict(zip(WINDOWS_MS, ("#0072B2", "#D55E00", "#999999", "#000000"), strict=True))
    tasks = ("points", "bars", "clock", "digits")
    for window, colour in colours.items():
        values = np.array([[c[t][window] for t in tasks] for c in kept["ladder"].values()])
        start_ms, stop_ms = WINDOWS_MS[window]
        label = f"{window}, {start_ms} to {stop_ms} ms"
        axes[0].plot(tasks, values.mean(axis=0), "o-", color=colour, label=label)
    means = [np.mean([culture[f"{task}, bare input"] for culture in bare]) for task in tasks]
    axes[0].plot(tasks, means, "s--", color="#009E73", label="bare input")
    axes[0].plot([2], [0.75], "*", ms=12, color="#CC79A7", label="living cultures, ten patterns")
    axes[0].plot(tasks, [1 / 9, 1 / 4, 0.1, 0.1], "k_", ms=20, label="chance")
    axes[0].set(ylim=(0, 1.05), ylabel="cross-validated accuracy", title="one pulse")
    figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=7)
    for axis, setting in zip(axes[1:], CURVES, strict=True):
        for culture in kept["curves"].values():
            values = {STANDARD[setting]: culture["standard"]}
            values |= {
                float(name.split()[1]): figures
                for name, figures in culture.items()
                if name.startswith(f"{setting} ")
            }
            for window, colour in colours.items():
                each = [values[value][window] for value in sorted(values)]
                axis.plot(sorted(values), each, "o-", color=colour)
        axis.axvline(STANDARD[setting], color="k", lw=0.5, ls=":")
        axis.axhline(0.1, color="k", lw=0.5)
        axis.set(ylim=(0, 1.05), xlabel=setting, title="clock digits")
    figure.suptitle(
        f"SIMULATED; ladder: seeds {', '.join(kept['ladder'])}, curves: seeds "
        f"{', '.join(kept['curves'])}; measured {kept['measured']}"
    )
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    what, *words = sys.argv[1:]
    if what == "draw":
        draw()
    else:
        for number in [int(word) for word in words] or SEEDS:
            {"ladder": ladder, "curves": curves}[what](number)
