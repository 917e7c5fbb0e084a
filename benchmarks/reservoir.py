"""A run of the sweeps of the simulated culture as a reservoir: patterns, memory or drift.

`python -m benchmarks.reservoir ladder|memory|drift EXPERIMENT --seed N --json [--set NAME=VALUE]`
is called by `crepe sweep benchmarks/sweeps/patterns.toml` (memory.toml, drift.toml). Every figure
is of the same path as an experiment: stimuli through the gate and the simulated DSP, spikes found
in the samples, a cross-validated linear readout of their counts after the last pulse. Beside it
stand an artificial reservoir of which as many values are read (60 units; the culture has 1,000
cells, seen by 60 electrodes), and a linear readout of the bare input.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crepe.config.overrides import parse_settings
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.messages import Stimulus
from crepe.reservoir.readout import Readout
from crepe.reservoir.training import Trials, train, validate
from crepe.results.trials import labelled
from crepe.study.plan import Plan
from crepe.study.runs import in_process

LAGS = 6
N_TRAINING, N_COMPARED = 5, 5  # blocks of a drift: trained on, and at its begin and end
Numbers = NDArray[np.float64]
Result = dict[str, dict[str, Any]]


def session(path: Path, seed: int, settings: Mapping[str, Any]) -> tuple[Trials, Numbers]:
    """Return the labelled trials of a calibration, and the stimulus of each, (n_trials, 60)."""
    plan = Plan(path, seed, settings=settings)
    store = in_process(plan.calibration(), lambda _: None, kept=("result:stimuli",)).store
    trials = labelled(store, plan.readout.window)
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


def ladder(trials: Trials, shown: Numbers, seed: int) -> Result:
    """Return cross-validated accuracies: culture, artificial reservoir, bare input."""
    readers = {
        "culture": trials,
        "artificial": with_features(trials, artificial(shown, trials.window.n_bins, 8, seed)),
        "bare input": with_features(trials, shown),
    }
    return {
        "readers": {name: {"accuracy": validate(each).accuracy} for name, each in readers.items()}
    }


def memory(trials: Trials, shown: Numbers, seed: int) -> Result:
    """Return how much of the inputs 1 to 5 back a linear readout recovers.

    Memory capacity: Jaeger 2001, GMD report 152.
    """
    seen = {
        "culture": trials.features,
        "artificial": artificial(shown, trials.window.n_bins, 1, seed),
        "bare input": shown,
    }
    signal = np.where(trials.gesture == trials.gesture[0], -1.0, 1.0)
    readers = {}
    for name, features in seen.items():
        parts = [_remembered(features, signal, trials.block, lag) for lag in range(LAGS)]
        readers[name] = {f"back_{lag}": part for lag, part in enumerate(parts)}
        readers[name]["capacity"] = sum(parts[1:])  # the present input is no memory
    return {"readers": readers}


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


def drift(trials: Trials, shown: Numbers, seed: int) -> Result:
    """Return a readout's accuracy in the first and the last blocks after its training."""
    del shown, seed
    readout = train(_some(trials, trials.block <= N_TRAINING), {})
    later = range(N_TRAINING + 1, int(trials.block.max()) + 1)
    by_block = [_right(readout, _some(trials, trials.block == block)) for block in later]
    return {
        "blocks": {
            "first": {"accuracy": float(np.mean(by_block[:N_COMPARED]))},
            "last": {"accuracy": float(np.mean(by_block[-N_COMPARED:]))},
        },
        "by_block": {"accuracy": by_block},
    }


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("figure", choices=("ladder", "memory", "drift"))
    parser.add_argument("experiment", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--json", action="store_true", help="As it always does.")
    request = parser.parse_args()
    measure = {"ladder": ladder, "memory": memory, "drift": drift}[request.figure]
    trials, shown = session(request.experiment, request.seed, parse_settings(request.set))
    print(json.dumps({"is_simulated": True, **measure(trials, shown, request.seed)}))


if __name__ == "__main__":
    main()
