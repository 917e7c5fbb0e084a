"""`crepe calibrate` and `crepe experiment`: train a readout, then try it against its controls.

Each is a session of its own, run in this process as fast as it goes, or live under supervisord:
first labelled trials, from which the readout is trained; then the conditions in random blocks.
"""

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from crepe import config, places
from crepe.actors.actor import Source
from crepe.actors.game import Game
from crepe.actors.readout import LinearReadout
from crepe.actors.stimulate import Stimulate
from crepe.conditions import (
    SILENCED,
    Block,
    Calibration,
    Conditions,
    calibration_blocks,
    condition_blocks,
    windows_s,
)
from crepe.config import Experiment
from crepe.errors import ConfigError
from crepe.messages import GameState
from crepe.reservoir.readout import Readout
from crepe.reservoir.training import shuffled, train
from crepe.store import Store
from crepe.trials import GAME, Accuracy, accuracy, by_condition, labelled, outcomes
from crepe.wiring import ActorSpec

SHUFFLED = "shuffled"
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
    n_trials: int
    accuracy: float  # cross-validated


@dataclass(frozen=True)
class Result:
    """What a whole experiment found."""

    seed: int
    calibrated: Calibrated
    session: str
    conditions: Mapping[str, Accuracy]

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        calibrated = self.calibrated
        return {
            "seed": self.seed,
            "calibration": {
                "n_trials": calibrated.n_trials,
                "accuracy": calibrated.accuracy,
                "simulated_s": calibrated.simulated_s,
                "session": calibrated.session,
                "readout": str(calibrated.path),
            },
            "conditions": {name: asdict(found) for name, found in self.conditions.items()},
            "session": self.session,
            "versions": versions(),
        }


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    names = ("crepe", "numpy", "scipy", "scikit-learn")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


class Plan:
    """An experiment file, and the sessions that `[calibration]` and `[conditions]` ask for."""

    def __init__(self, path: Path, seed: int | None = None, *, in_lockstep: bool = False) -> None:
        self._path = path
        self._changes: dict[str, Any] = {}
        if seed is not None:
            self._changes["seed"] = seed
        self.experiment = config.load(path, self._changes)
        if self.experiment.culture.simulated is not None and seed is not None:
            self._changes["culture.simulated.seed"] = seed
        self.seed = self.experiment.seed
        self._game = self._only(Game)
        made = self._game.make()
        assert isinstance(made, Game)
        self._trial_s = made.trial_s
        if in_lockstep:
            self._changes |= self._lockstep(made.delay_s)

    @property
    def calibration_table(self) -> Calibration:
        """Raises ConfigError if the file has none."""
        if self.experiment.calibration is None:
            raise ConfigError(f"{self._path}: no [calibration] table")
        return self.experiment.calibration

    @property
    def conditions_table(self) -> Conditions:
        """Raises ConfigError if the file has none, or one that cannot be met."""
        table = self.experiment.conditions
        if table is None:
            raise ConfigError(f"{self._path}: no [conditions] table")
        if SILENCED in table.names and self.experiment.culture.simulated is None:
            raise ConfigError(
                f"{self._path}: [conditions] names: {SILENCED!r} is for a simulated culture; "
                "a living one is silenced at the bench, in a session of its own"
            )
        return table

    def calibration(self) -> Experiment:
        """The session of labelled trials."""
        return self._session(calibration_blocks(self.calibration_table, self._trial_s), {})

    def conditions(self, calibrated: Calibrated) -> Experiment:
        """The session of all conditions."""
        blocks = condition_blocks(self.conditions_table, self._trial_s, self.seed)
        changes: dict[str, Any] = {
            f"actors.{name}.readout": str(path) for name, path in self._readouts(calibrated).items()
        }
        if silenced_s := windows_s(blocks, SILENCED):
            changes["culture.simulated.silenced_s"] = silenced_s
        return self._session(blocks, changes, course=1)

    @property
    def readout(self) -> LinearReadout:
        """The actor that decides where no condition says otherwise."""
        return LinearReadout(**self._decides(self._game.reads[0]).settings)

    def _session(
        self, blocks: tuple[Block, ...], changes: Mapping[str, Any], course: int = 0
    ) -> Experiment:
        game = f"actors.{self._game.name}"
        changes = {
            **self._changes,
            **changes,
            f"{game}.blocks": [block.model_dump() for block in blocks],
            f"{game}.n_trials": sum(block.n_trials for block in blocks),
        }
        if self.experiment.culture.simulated is not None:
            changes["culture.simulated.course"] = course
        return config.load(self._path, changes)

    def _readouts(self, calibrated: Calibrated) -> dict[str, Path]:
        """The readout's file for each actor that takes one, by the actor's name."""
        found = {self._decides(self._game.reads[0]).name: calibrated.path}
        stream = self._game.settings.get("decisions", {}).get(SHUFFLED)
        if stream is not None:
            found[self._decides(stream).name] = calibrated.shuffled_path
        return found

    def _decides(self, stream: str) -> ActorSpec:
        for actor in self.experiment.actors.values():
            if stream in actor.writes.values():
                if issubclass(actor.kind, LinearReadout):
                    return actor
                kind = actor.kind.__name__
                raise ConfigError(
                    f"{self._path}: [actors.{actor.name}] {stream!r} is decided by {kind}, "
                    "which needs no calibration; must be crepe.actors.readout:LinearReadout"
                )
        raise ConfigError(f"{self._path}: nobody writes {stream!r}")

    def _lockstep(self, delay_s: float) -> dict[str, Any]:
        """What makes the programs wait for each other and not for the clock."""
        if self.experiment.culture.simulated is None:
            raise ConfigError(
                f"{self._path}: no [culture.simulated]; a living culture has its pace"
            )
        ends = [
            name
            for name, actor in self.experiment.actors.items()
            if issubclass(actor.kind, Source | Stimulate)
        ]
        return {
            "culture.simulated.lockstep_s": delay_s,
            "chains": {"instrument": {"actors": ends}},
        }

    def _only(self, kind: type) -> ActorSpec:
        found = [a for a in self.experiment.actors.values() if issubclass(a.kind, kind)]
        if len(found) != 1:
            raise ConfigError(f"{self._path}: {len(found)} games, must be one to experiment with")
        return found[0]


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
        "simulated": experiment.culture.simulated is not None,
    }
    readout = train(trials, about)
    control_readout = shuffled(trials, readout, N_SHUFFLED, plan.seed)
    directory = places.var_directory() / "readouts"
    stream = found.store[GAME]
    return Calibrated(
        readout,
        readout.save(directory / f"{found.session}.h5"),
        control_readout.save(directory / f"{found.session}-shuffled.h5"),
        found.session,
        len(stream) / stream.info.sampling_rate_hz,
        len(trials.gesture),
        readout.provenance["accuracy"],
    )


def compare(plan: Plan, calibrated: Calibrated, run: Runs, told: Told) -> Result:
    """Run all conditions with a calibrated readout."""
    found = run(plan.conditions(calibrated), told)
    conditions = {
        name: accuracy(states, plan.seed)
        for name, states in by_condition(outcomes(found.store)).items()
    }
    return Result(plan.seed, calibrated, found.session, conditions)
