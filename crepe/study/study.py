"""`crepe calibrate` and `crepe experiment`: train a readout, then try it against its controls.

Each is a session of its own, run in this process as fast as it goes, or live under supervisord:
first labelled trials, from which the readout is trained; then the conditions in random blocks.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from crepe.config.experiment import Experiment
from crepe.environment import paths
from crepe.environment.versions import versions
from crepe.games.pong import statistics
from crepe.games.pong.statistics import Comparison, Rallies
from crepe.messages import GameState
from crepe.reservoir.readout import Readout
from crepe.reservoir.training import shuffled, train
from crepe.results.trials import (
    GAME,
    Accuracy,
    accuracy,
    by_condition,
    labelled,
    outcomes,
    stimulated_in,
)
from crepe.store import Store
from crepe.study.plan import Plan

N_SHUFFLED = 50
"""Sets of weights of the shuffled control. One permutation of the labels may by chance lie near
the truth, or far from it; many in turn do not."""

Told = Callable[[GameState], None]


class Run(NamedTuple):
    """A session that is over."""

    store: Store
    session: str


Runs = Callable[[Experiment, Told], Run]
"""Runs an experiment until its game is over, and tells of each state of the game meanwhile."""


@dataclass(frozen=True)
class Calibrated:
    """A readout, where it is kept, and how it came about."""

    readout: Readout
    path: Path
    shuffled_path: Path
    session: str
    simulated_s: float  # of the session's own time
    n_trials: int  # that it was trained on
    n_left_out: int  # their pulses were not delivered
    accuracy: float  # cross-validated


@dataclass(frozen=True)
class Result:
    """What an experiment with a readout found."""

    seed: int
    is_simulated: bool
    calibrated: Calibrated
    session: str
    conditions: Mapping[str, Accuracy]

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        calibrated = self.calibrated
        return {
            "seed": self.seed,
            "is_simulated": self.is_simulated,
            "calibration": {
                "n_trials": calibrated.n_trials,
                "n_left_out": calibrated.n_left_out,
                "accuracy": calibrated.accuracy,
                "simulated_s": calibrated.simulated_s,
                "session": calibrated.session,
                "readout": str(calibrated.path),
            },
            "conditions": {name: asdict(found) for name, found in self.conditions.items()},
            "session": self.session,
            "versions": versions("scipy", "scikit-learn"),
        }


@dataclass(frozen=True)
class PongResult:
    """What an experiment with Pong found."""

    seed: int
    is_simulated: bool
    session: str
    conditions: Mapping[str, Rallies]
    against: Mapping[str, Comparison]  # the closed loop against each control

    def plain(self) -> dict[str, Any]:
        """As JSON takes it; what could not be computed is null."""
        result = {
            "seed": self.seed,
            "is_simulated": self.is_simulated,
            "conditions": {name: asdict(found) for name, found in self.conditions.items()},
            "closed_loop_against": {name: asdict(found) for name, found in self.against.items()},
            "session": self.session,
            "versions": versions("scipy", "scikit-learn"),
        }
        return cast("dict[str, Any]", _without_nan(result))


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def calibrate(plan: Plan, run: Runs, told: Told) -> Calibrated:
    """Run the labelled trials and train the readout; both it and its control are saved."""
    experiment = plan.calibration()
    found = run(experiment, told)
    trials = labelled(found.store, plan.readout.window)
    about = {
        "session": found.session,
        "seed": plan.seed,
        "title": experiment.title,
        "experiment": experiment.text,
        "simulated": found.store[GAME].info.is_simulated,
    }
    readout = train(trials, about)
    control_readout = shuffled(trials, readout, N_SHUFFLED, plan.seed)
    directory = paths.var_directory() / "readouts"
    stream = found.store[GAME]
    return Calibrated(
        readout,
        readout.save(directory / f"{found.session}.h5"),
        control_readout.save(directory / f"{found.session}-shuffled.h5"),
        found.session,
        len(stream) / stream.info.sampling_rate_hz,
        len(trials.gesture),
        len(outcomes(found.store)) - len(trials.gesture),
        readout.provenance["accuracy"],
    )


def compare(plan: Plan, calibrated: Calibrated, run: Runs, told: Told) -> Result:
    """Run all conditions with a calibrated readout."""
    found = run(plan.conditions(calibrated.path, calibrated.shuffled_path), told)
    has_pulses = stimulated_in(found.store)
    conditions = {
        name: accuracy(states, plan.seed, has_pulses)
        for name, states in by_condition(outcomes(found.store)).items()
    }
    is_simulated = found.store[GAME].info.is_simulated
    return Result(plan.seed, is_simulated, calibrated, found.session, conditions)


def play_pong(plan: Plan, run: Runs, told: Told) -> PongResult:
    """Run all conditions of Pong, and compare their rallies."""
    found = run(plan.conditions(None, None), told)
    rallies = statistics.lengths(outcomes(found.store))
    return PongResult(
        plan.seed,
        found.store[GAME].info.is_simulated,
        found.session,
        {name: statistics.describe(each, plan.seed) for name, each in rallies.items()},
        statistics.against_controls(rallies, plan.seed),
    )
