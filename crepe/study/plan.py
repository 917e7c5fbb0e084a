"""What sessions an experiment file asks for in `[calibration]` and `[conditions]`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crepe.actors.actor import Source
from crepe.actors.linear_readout import LinearReadout
from crepe.actors.stimulate import Stimulate
from crepe.conditions import (
    NO_FEEDBACK,
    OPEN_LOOP,
    SILENCED,
    SILENT,
    STIMULATION,
    UNSTIMULATED,
    Block,
    Calibration,
    Conditions,
    calibration_blocks,
    condition_blocks,
    windows_s,
)
from crepe.config.experiment import Experiment, load_experiment
from crepe.config.wiring import ActorSpec
from crepe.errors import ConfigError, suggest
from crepe.games.pong.game import Pong
from crepe.games.trial_game import Game

SHUFFLED = "shuffled"
"""The condition that is decided by a readout trained on permuted labels."""


class Plan:
    """An experiment file, and the sessions that `[calibration]` and `[conditions]` ask for.

    Parameters
    ----------
    seed, n_trials
        Instead of the file's; `n_trials` in each block. The seed is the simulated culture's, too,
        unless the file gives the culture one of its own and none is asked for.
    in_lockstep
        Programs wait for each other and not for the clock.
    """

    def __init__(
        self,
        path: Path,
        seed: int | None = None,
        *,
        n_trials: int | None = None,
        in_lockstep: bool = False,
    ) -> None:
        self._path = path
        self._changes: dict[str, Any] = {}
        if seed is not None:
            self._changes["seed"] = seed
        self.experiment = load_experiment(path, self._changes)
        if n_trials is not None:
            for table in ("calibration", "conditions"):
                if getattr(self.experiment, table) is not None:
                    self._changes[f"{table}.n_trials"] = n_trials
            self.experiment = load_experiment(path, self._changes)
        self.seed = self.experiment.seed
        simulated = self.experiment.culture.simulated
        if simulated and (seed is not None or "seed" not in simulated.model_fields_set):
            self._changes["culture.simulated.seed"] = self.seed
        self._game = self._only_game()
        self._made = self._game.make()
        assert isinstance(self._made, Game | Pong)
        if in_lockstep:
            self._changes |= self._lockstep(self._made.delay_s)

    @property
    def is_pong(self) -> bool:
        """Whether rallies are counted, and not trials."""
        return isinstance(self._made, Pong)

    @property
    def calibration_table(self) -> Calibration:
        """Raises ConfigError if the file has none."""
        if self.is_pong:
            raise ConfigError(f"{self._path}: Pong is decided by rates; nothing to calibrate")
        if self.experiment.calibration is None:
            raise ConfigError(f"{self._path}: no [calibration] table")
        self._readouts()
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
        if self.is_pong and table.block_s is None:
            raise ConfigError(
                f"{self._path}: [conditions] block_s: missing; rallies have no length"
            )
        decisions = self._game.settings.get("decisions", {})
        known = [STIMULATION, *UNSTIMULATED, SILENCED, *decisions]
        known += [SILENT, NO_FEEDBACK, OPEN_LOOP] if self.is_pong else []
        for name in table.names:
            if name not in known:
                raise ConfigError(
                    f"{self._path}: [conditions] names: {name!r} is none of {', '.join(known)}"
                    f"{suggest(name, known)}"
                )
        return table

    def calibration(self) -> Experiment:
        """The session of labelled trials."""
        return self._session(calibration_blocks(self.calibration_table, self._trial_s), {})

    def conditions(self, readout: Path | None, shuffled: Path | None) -> Experiment:
        """The session of all conditions, decided by a readout and by its shuffled control."""
        trial_s = 0.0 if self.is_pong else self._trial_s
        blocks = condition_blocks(self.conditions_table, trial_s, self.seed)
        changes: dict[str, Any] = {}
        if not self.is_pong:
            paths = zip(self._readouts(), (readout, shuffled), strict=False)
            changes |= {f"actors.{actor.name}.readout": str(path) for actor, path in paths}
        if silenced_s := windows_s(blocks, SILENCED):
            changes["culture.simulated.silenced_s"] = silenced_s
        return self._session(blocks, changes, course=1)

    @property
    def readout(self) -> LinearReadout:
        """The actor that decides where no condition says otherwise."""
        return LinearReadout(**self._readouts()[0].settings)

    def _session(
        self, blocks: tuple[Block, ...], changes: Mapping[str, Any], course: int = 0
    ) -> Experiment:
        game = f"actors.{self._game.name}"
        changes = {
            **self._changes,
            **changes,
            f"{game}.blocks": [block.model_dump() for block in blocks],
        }
        if not self.is_pong:
            changes[f"{game}.n_trials"] = sum(block.n_trials for block in blocks)
        if self.experiment.culture.simulated is not None:
            changes["culture.simulated.course"] = course
        return load_experiment(self._path, changes)

    def _readouts(self) -> list[ActorSpec]:
        """The actor that decides, and that of the shuffled condition, if there is one."""
        shuffled = self._game.settings.get("decisions", {}).get(SHUFFLED)
        streams = [self._game.reads[0], *([shuffled] if shuffled else [])]
        return [self._decides(stream) for stream in streams]

    def _decides(self, stream: str) -> ActorSpec:
        for actor in self.experiment.actors.values():
            if stream in actor.writes.values():
                if issubclass(actor.kind, LinearReadout):
                    return actor
                kind = actor.kind.__name__
                raise ConfigError(
                    f"{self._path}: [actors.{actor.name}] {stream!r} is decided by {kind}, "
                    "which needs no calibration; must be crepe.actors.linear_readout:LinearReadout"
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

    @property
    def _trial_s(self) -> float:
        assert isinstance(self._made, Game)
        return self._made.trial_s

    def _only_game(self) -> ActorSpec:
        found = [a for a in self.experiment.actors.values() if issubclass(a.kind, Game | Pong)]
        if len(found) != 1:
            raise ConfigError(f"{self._path}: {len(found)} games, must be one to experiment with")
        return found[0]
