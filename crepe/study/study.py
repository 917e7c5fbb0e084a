"""`crepe calibrate` and `crepe experiment`: train a readout, then compare it with its controls.

Each is a session of its own, run in this process as fast as possible, or live under supervisord:
first labelled trials, from which the readout is trained; then the conditions in random blocks.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from crepe.config.experiment import Experiment
from crepe.environment import paths
from crepe.environment.versions import versions
from crepe.games import hooks
from crepe.games.section import Comparison
from crepe.messages import GameState
from crepe.reservoir.readout import Readout
from crepe.reservoir.training import shuffled, train
from crepe.results.streams import stream_of
from crepe.results.trials import (
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
"""Sets of weights of the shuffled control, which are used in turn: a single permutation of the
labels may by chance be close to the true ones."""

OnState = Callable[[GameState], None]
"""Called with each state of the game while a session runs."""


class Run(NamedTuple):
    """The streams and the ID of a session that is over."""

    store: Store
    session: str


Runs = Callable[[Experiment, OnState], Run]
"""Runs an experiment until its game is over; see `crepe.study.runs`."""


@dataclass(frozen=True)
class Calibrated:
    """A readout, its files, and the session that it was trained on."""

    readout: Readout
    path: Path
    shuffled_path: Path
    session: str
    simulated_s: float  # of the session's own time
    n_trials: int  # that it was trained on
    n_left_out: int  # their pulses were not delivered
    accuracy: float  # cross-validated

    def plain(self) -> dict[str, Any]:
        """Return the calibration as `crepe calibrate --json` prints it."""
        return {
            "n_trials": self.n_trials,
            "n_left_out": self.n_left_out,
            "accuracy": self.accuracy,
            "simulated_s": self.simulated_s,
            "session": self.session,
            "readout": str(self.path),
        }


@dataclass(frozen=True)
class Result:
    """The result of an experiment with a readout."""

    seed: int
    is_simulated: bool
    calibrated: Calibrated
    session: str
    conditions: Mapping[str, Accuracy]

    def plain(self) -> dict[str, Any]:
        """Return the result as `crepe experiment --json` prints it."""
        return {
            "seed": self.seed,
            "is_simulated": self.is_simulated,
            "calibration": self.calibrated.plain(),
            "conditions": {name: asdict(score) for name, score in self.conditions.items()},
            "session": self.session,
            "versions": versions("scipy"),
        }


@dataclass(frozen=True)
class GameResult:
    """The result of an experiment whose game compares its conditions itself."""

    seed: int
    is_simulated: bool
    session: str
    comparison: Comparison

    def plain(self) -> dict[str, Any]:
        """Return the result as `crepe experiment --json` prints it."""
        return {
            "seed": self.seed,
            "is_simulated": self.is_simulated,
            **self.comparison.numbers,
            "session": self.session,
            "versions": versions("scipy"),
        }


def calibrate(plan: Plan, run: Runs, on_state: OnState) -> Calibrated:
    """Run the labelled trials, train the readout, and save it with its shuffled control."""
    experiment = plan.calibration()
    store, session = run(experiment, on_state)
    trials = labelled(store, plan.readout.window)
    stream = stream_of(GameState, store)
    about = {
        "session": session,
        "seed": plan.seed,
        "title": experiment.title,
        "experiment": experiment.text,
        "simulated": stream.info.is_simulated,
    }
    readout = train(trials, about)
    control_readout = shuffled(trials, readout, N_SHUFFLED, plan.seed)
    directory = paths.var_directory() / "readouts"
    return Calibrated(
        readout,
        readout.save(directory / f"{session}.h5"),
        control_readout.save(directory / f"{session}-shuffled.h5"),
        session,
        len(stream) / stream.info.sampling_rate_hz,
        len(trials.gesture),
        len(outcomes(store)) - len(trials.gesture),
        readout.provenance["accuracy"],
    )


def compare(plan: Plan, calibrated: Calibrated, run: Runs, on_state: OnState) -> Result:
    """Run all conditions with a calibrated readout."""
    store, session = run(plan.conditions(calibrated.path, calibrated.shuffled_path), on_state)
    has_pulses = stimulated_in(store)
    conditions = {
        name: accuracy(states, plan.seed, has_pulses)
        for name, states in by_condition(outcomes(store)).items()
    }
    is_simulated = stream_of(GameState, store).info.is_simulated
    return Result(plan.seed, is_simulated, calibrated, session, conditions)


def play(plan: Plan, run: Runs, on_state: OnState) -> GameResult:
    """Run all conditions of a game that compares them itself."""
    store, session = run(plan.conditions(None, None), on_state)
    is_simulated = stream_of(GameState, store).info.is_simulated
    comparison = hooks.compare_conditions(plan.game, outcomes(store), plan.seed)
    return GameResult(plan.seed, is_simulated, session, comparison)
