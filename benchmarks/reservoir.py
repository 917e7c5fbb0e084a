"""The simulated culture as a reservoir: a ladder of patterns, memory, and drift.

Run on its own (`python -m benchmarks.reservoir [SEED ...]`); it draws
docs/pictures/reservoir.png. Every
figure is of the same path as an experiment: stimuli through the gate and the simulated DSP, spikes
found in the samples, a cross-validated linear readout of their counts after the last pulse. Beside
it stand an artificial reservoir of which as many values are read (60 units; the culture has 1,000
cells, seen by 60 electrodes), and a linear readout of the bare input.
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crepe.conditions import Block, Calibration, calibration_blocks
from crepe.config.experiment import Experiment, load_experiment
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.environment.paths import project_directory
from crepe.games.patterns import images
from crepe.messages import Stimulus
from crepe.reservoir.readout import Readout
from crepe.reservoir.training import Trials, train, validate
from crepe.results.trials import labelled
from crepe.study.runs import in_process

SEEDS = (4001, 4002, 4003)
TASKS = ("points", "bars", "clock", "digits")
EARLY_UA = {"points": 10.0, "bars": 10.0, "clock": 4.0, "digits": 2.0}
"""Current of a pulse where the early response is read: the more electrodes, the less of it. Chosen
with the cultures 4001 and 4002, so that only the third shows what to expect of others."""
LAGS = 6
CONFIG = project_directory() / "config"
Numbers = NDArray[np.float64]


def session_blocks(experiment: Experiment) -> list[Block]:
    """Return the blocks of labelled trials of a session."""
    game = experiment.actors["game"].make()
    return calibration_blocks(experiment.calibration or Calibration(), game.trial_s)


def session(path: Path, seed: int, changes: dict[str, Any]) -> tuple[Trials, Numbers]:
    """Return labelled trials of a session, and the stimulus of each, (n_trials, 60)."""
    changes = {"seed": seed, "culture.simulated.seed": seed, **changes}
    blocks = session_blocks(load_experiment(path, changes))
    n_trials = sum(block.n_trials for block in blocks)
    plain = [block.model_dump() for block in blocks]
    changes |= {"actors.game.blocks": plain, "actors.game.n_trials": n_trials}
    experiment = load_experiment(path, changes)
    store = in_process(experiment, lambda _: None, kept=("result:stimuli",)).store
    window = experiment.actors["decode"].make().window
    trials = labelled(store, window)
    stream = store["result:stimuli"]
    shown = np.zeros((len(trials.gesture), len(MCS_60_LABELS)))
    for stimulus in stream.messages():
        if isinstance(stimulus, Stimulus):
            rows = [MCS_60_LABELS.index(label) for label in stimulus.electrodes]
            shown[stimulus.number - 1, rows] = 1.0
    return trials, shown


def artificial(shown: Numbers, n_steps: int, n_between: int, seed: int) -> Numbers:
    """Return features of an echo state network (Jaeger 2001, GMD report 148) for the inputs.

    As many units as electrodes, read at as many moments as the culture's counts have bins;
    `n_between` steps pass between two inputs.
    """
    rng = np.random.default_rng(seed)
    n = shown.shape[1]
    inside = rng.normal(size=(n, n))
    inside *= 0.9 / np.abs(np.linalg.eigvals(inside)).max()
    into = rng.uniform(-1, 1, (n, n))
    state, rows = np.zeros(n), []
    for image in shown:
        read = []
        for step in range(n_steps + n_between):
            drive = into @ image if step == 0 else 0.0
            noise = rng.normal(0, 0.05, n)
            state = 0.5 * state + 0.5 * np.tanh(inside @ state + drive + noise)
            if step < n_steps:
                read.append(state)
        rows.append(np.concatenate(read))
    return np.array(rows)


def with_features(trials: Trials, features: Numbers) -> Trials:
    """Return the same trials with other features."""
    return Trials(
        features,
        trials.gesture,
        trials.block,
        trials.labels,
        trials.sampling_rate_hz,
        trials.window,
    )


def ladder(seed: int) -> dict[str, float]:
    """Return cross-validated accuracy per task: culture, artificial reservoir, bare input."""
    figures = {}
    for task in TASKS:
        classes = list(images(task))
        trials, shown = session(
            CONFIG / "patterns.toml",
            seed,
            {
                "actors.game.task": task,
                "actors.game.rates_hz": dict.fromkeys(classes, 20),
                "calibration.n_trials": 6 * len(classes),
            },
        )
        n_bins = trials.window.n_bins
        network = artificial(shown, n_bins, 8, seed)
        figures[f"{task}, culture"] = validate(trials).accuracy
        figures[f"{task}, artificial"] = validate(with_features(trials, network)).accuracy
        figures[f"{task}, bare input"] = validate(with_features(trials, shown)).accuracy
        figures[f"{task}, chance"] = 1 / len(classes)
    return figures


def early(seed: int) -> dict[str, float]:
    """Return accuracy per task after one pulse in place of two, read from 4 to 70 ms by 6 ms."""
    figures = {}
    for task, current_ua in EARLY_UA.items():
        classes = list(images(task))
        changes = {
            "actors.game.task": task,
            "actors.game.rates_hz": dict.fromkeys(classes, 20),
            "calibration.n_trials": 6 * len(classes),
            "actors.game.phases": [[-current_ua, 200], [current_ua, 200]],
        }
        path = CONFIG / "papers" / "patterns.toml"
        figures[task] = validate(session(path, seed, changes)[0]).accuracy
    return figures


def memory(seed: int) -> dict[str, float]:
    """Return how much of the inputs 1 to 5 back a linear readout recovers.

    Memory capacity: Jaeger 2001, GMD report 152.
    """
    trials, shown = session(
        CONFIG / "rps-controls.toml",
        seed,
        {
            "actors.game.electrodes": {"left": ["22", "23", "33"], "right": ["72", "73", "63"]},
            "actors.game.rates_hz": {"left": 20, "right": 20},
            "actors.game.rest_s": 0.02,
            "actors.game.stimulation_s": 0.05,
            "actors.game.response_s": 0.15,
            "calibration.n_trials": 100,
            **{
                f"actors.{name}.window": {"window_s": 0.195, "bin_s": 0.039}
                for name in ("decode", "decode_shuffled")
            },
        },
    )
    seen = {
        "culture": trials.features,
        "artificial": artificial(shown, trials.window.n_bins, 1, seed),
        "bare input": shown,
    }
    signal = np.where(trials.gesture == "left", -1.0, 1.0)
    result = {}
    for name, features in seen.items():
        parts = [_remembered(features, signal, trials.block, lag) for lag in range(LAGS)]
        result |= {f"{name}, {lag} back": part for lag, part in enumerate(parts)}
        result[f"{name}, capacity"] = sum(parts[1:])  # the present input is no memory
    return result


def _remembered(features: Numbers, signal: Numbers, block: NDArray[np.int64], lag: int) -> float:
    """Return r squared of the input `lag` trials before and its cross-validated estimate."""
    earlier = np.roll(signal, lag)
    is_inside = np.arange(len(signal)) - lag >= np.searchsorted(block, block)
    estimate = cross_val_predict(
        make_pipeline(StandardScaler(), RidgeCV(10.0 ** np.arange(-1, 5))),
        features[is_inside],
        earlier[is_inside],
        groups=block[is_inside],
        cv=LeaveOneGroupOut(),
    )
    r = np.corrcoef(estimate, earlier[is_inside])[0, 1]
    return float(max(0.0, r) ** 2)


def drift(seed: int, *, stdp: bool) -> list[float]:
    """Return a clock-digit readout's accuracy in each block after its five training blocks."""
    changes = {"culture.simulated.stdp": stdp, "calibration.n_blocks": 25}
    trials, _ = session(CONFIG / "patterns.toml", seed, changes)
    is_early = trials.block <= 5
    readout = train(_some(trials, is_early), {})
    later = range(6, 26)
    return [_right(readout, _some(trials, trials.block == block)) for block in later]


def _some(trials: Trials, which: NDArray[np.bool_]) -> Trials:
    return Trials(
        trials.features[which],
        trials.gesture[which],
        trials.block[which],
        trials.labels,
        trials.sampling_rate_hz,
        trials.window,
    )


def _right(readout: Readout, trials: Trials) -> float:
    decoded = [readout.answers[int(np.argmax(readout.scores(x)))] for x in trials.features]
    return float(np.mean(np.array(decoded) == trials.gesture))


def draw(figures: dict[str, Any], path: Path) -> None:
    """Draw ladder, memory and drift."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    kinds = {"culture": "#0072B2", "artificial": "#E69F00", "bare input": "#009E73"}
    for i, (kind, colour) in enumerate(kinds.items()):
        values = np.array(
            [[culture[f"{task}, {kind}"] for task in TASKS] for culture in figures["ladder"]]
        )
        at = np.arange(len(TASKS)) + 0.25 * (i - 1)
        left.bar(at, values.mean(axis=0), 0.22, color=colour, label=kind)
        left.plot(np.tile(at, (len(values), 1)).T, values.T, "k.", ms=3)
        kept = np.array(
            [[culture[f"{kind}, {k} back"] for k in range(LAGS)] for culture in figures["memory"]]
        )
        middle.plot(range(LAGS), kept.mean(axis=0), "o-", color=colour, label=kind)
    chance = [figures["ladder"][0][f"{task}, chance"] for task in TASKS]
    left.plot(range(len(TASKS)), chance, "k_", ms=30, label="chance")
    left.set(ylabel="cross-validated accuracy", ylim=(0, 1.05), title="patterns on the array")
    left.set_xticks(range(len(TASKS)), TASKS)
    left.text(0.5, chance[0], "chance", fontsize=8, ha="center", va="bottom")
    middle.set(xlabel="inputs back", ylabel="r²", ylim=(0, 1.05), title="memory")
    middle.legend(frameon=False)
    styles = {"drift": ("#0072B2", "fixed synapses"), "drift, STDP": ("#D55E00", "STDP")}
    for name, (colour, label) in styles.items():
        values = np.array(figures[name])
        minutes = figures["block_s"] / 60 * (np.arange(values.shape[1]) + 0.5)
        right.plot(minutes, values.T, color=colour, alpha=0.25, lw=0.8)
        right.plot(minutes, values.mean(axis=0), color=colour, label=label)
    right.axhline(0.1, color="k", lw=0.8, ls=":")
    right.text(minutes[-1], 0.11, "chance", ha="right", fontsize=8)
    right.set(xlabel="minutes since calibration", ylabel="accuracy", ylim=(0, 1.05))
    right.set(title="drift of a fixed readout, clock")
    right.legend(frameon=False, loc="lower left")
    figure.suptitle(f"SIMULATED cultures, seeds {', '.join(map(str, figures['seeds']))}")
    figure.savefig(path, dpi=120)


def run(seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """Measure ladder, memory and drift of each culture."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CREPE_VAR"] = directory
        first, second, *_ = session_blocks(load_experiment(CONFIG / "patterns.toml"))
        figures: dict[str, Any] = {"seeds": list(seeds), "block_s": second.start_s - first.start_s}
        figures["ladder"] = [ladder(seed) for seed in seeds]
        figures["early"] = [early(seed) for seed in seeds]
        figures["memory"] = [memory(seed) for seed in seeds]
        figures["drift"] = [drift(seed, stdp=False) for seed in seeds]
        figures["drift, STDP"] = [drift(seed, stdp=True) for seed in seeds]
    kept = project_directory() / "docs" / "data" / "reservoir.json"
    kept.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    draw(figures, project_directory() / "docs" / "pictures" / "reservoir.png")
    return figures


if __name__ == "__main__":
    print(json.dumps(run([int(word) for word in sys.argv[1:]] or SEEDS), indent=2))
