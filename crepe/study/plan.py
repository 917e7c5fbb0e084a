"""The sessions that an experiment file requests in `[calibration]` and `[conditions]`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crepe.actors.actor import Actor
from crepe.actors.linear_readout import LinearReadout
from crepe.conditions import (
    BLOCKED,
    SILENCED,
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
from crepe.config.overrides import lockstep_changes
from crepe.config.wiring import ActorSpec
from crepe.errors import ConfigError, suggest
from crepe.games import hooks
from crepe.messages import GameState
from crepe.study.units import unit_changes

SHUFFLED = "shuffled"
"""Name of the condition that a readout trained on permuted labels decides."""


class Plan:
    """An experiment file, and the sessions that `[calibration]` and `[conditions]` request.

    Parameters
    ----------
    seed, n_trials
        Instead of the file's; `n_trials` in each block. The simulated culture has the same seed,
        unless the file gives it another one and `seed` is None.
    in_lockstep
        Programs wait for each other and not for the clock.
    map_path
        A map from which the electrodes are chosen (`crepe.study.units`), instead of the file's.
    settings
        Values that replace the file's, by dotted name.

    Raises
    ------
    ConfigError
        The file is wrong, or does not have exactly one game that can be compared by condition.
    """

    def __init__(
        self,
        path: Path,
        seed: int | None = None,
        *,
        n_trials: int | None = None,
        in_lockstep: bool = False,
        map_path: Path | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._path = path
        self._changes: dict[str, Any] = dict(settings or {})
        if seed is not None:
            self._changes["seed"] = seed
        self.experiment = load_experiment(path, self._changes)
        if n_trials is not None:
            # The file was loaded without it first: only then is it clear which tables exist.
            for table in ("calibration", "conditions"):
                if getattr(self.experiment, table) is not None:
                    self._changes[f"{table}.n_trials"] = n_trials
            self.experiment = load_experiment(path, self._changes)
        if map_path is not None:
            self._changes |= unit_changes(self.experiment, map_path)
            self.experiment = load_experiment(path, self._changes)
        self.seed = self.experiment.seed
        simulated = self.experiment.culture.simulated
        if simulated and (seed is not None or "seed" not in simulated.model_fields_set):
            self._changes["culture.simulated.seed"] = self.seed
        self._game = self._only_game()
        actor = self._game.make()
        self._trial_s = hooks.trial_s(actor)
        if not self.has_readout and not hooks.compares_conditions(self.game):
            raise ConfigError(
                f"{self._path}: [actors.{self._game.name}] {self.game.__name__} has neither trials "
                "of known length nor a comparison of its own (crepe.games.hooks)"
            )
        if in_lockstep:
            self._changes |= lockstep_changes(self.experiment)

    @property
    def game(self) -> type[Actor[Any, Any]]:
        """The class of the game."""
        return self._game.kind

    @property
    def has_readout(self) -> bool:
        """Whether a trained readout decides; else the game compares its conditions itself."""
        return self._trial_s is not None and not hooks.compares_conditions(self.game)

    @property
    def calibration_table(self) -> Calibration:
        """The table [calibration]. Raises ConfigError if the file has none."""
        if not self.has_readout:
            raise ConfigError(
                f"{self._path}: {self.game.__name__} needs no trained readout; nothing to calibrate"
            )
        if self.experiment.calibration is None:
            raise ConfigError(f"{self._path}: no [calibration] table")
        self._readouts()
        return self.experiment.calibration

    @property
    def conditions_table(self) -> Conditions:
        """The table [conditions]. Raises ConfigError if it is missing, or cannot be met."""
        table = self.experiment.conditions
        if table is None:
            raise ConfigError(f"{self._path}: no [conditions] table")
        if SILENCED in table.names and self.experiment.culture.simulated is None:
            raise ConfigError(
                f"{self._path}: [conditions] names: {SILENCED!r} is for a simulated culture; "
                "a living one is silenced at the bench, in a session of its own"
            )
        if self._trial_s is None and table.block_s is None:
            raise ConfigError(
                f"{self._path}: [conditions] block_s: missing; trials of {self.game.__name__} have "
                "no known length"
            )
        decisions = self._game.settings.get("decisions", {})
        allowed = [STIMULATION, *UNSTIMULATED, SILENCED, BLOCKED, *decisions]
        allowed += hooks.extra_conditions(self.game)
        for name in table.names:
            if name not in allowed:
                raise ConfigError(
                    f"{self._path}: [conditions] names: {name!r} is none of {', '.join(allowed)}"
                    f"{suggest(name, allowed)}"
                )
        return table

    def calibration(self) -> Experiment:
        """Return the session of labelled trials."""
        table = self.calibration_table
        return self._session(calibration_blocks(table, self._trial_s or 0.0), {})

    def conditions(self, readout: Path | None, shuffled: Path | None) -> Experiment:
        """Return the session of all conditions.

        `readout` and `shuffled` are the files of the readout that decides and of its shuffled
        control; None for a game without a readout.
        """
        blocks = condition_blocks(self.conditions_table, self._trial_s or 0.0, self.seed)
        changes: dict[str, Any] = {}
        if self.has_readout:
            # Without a shuffled condition there is one readout only.
            paths = zip(self._readouts(), (readout, shuffled), strict=False)
            changes |= {f"actors.{actor.name}.readout": str(path) for actor, path in paths}
        if self.experiment.culture.simulated is not None:
            for name in (SILENCED, BLOCKED):
                if windows := windows_s(blocks, name):
                    changes[f"culture.simulated.{name}_s"] = windows
        return self._session(blocks, changes, course=1)

    @property
    def readout(self) -> LinearReadout:
        """The actor that decides under every condition without a stream of its own."""
        return LinearReadout(**self._readouts()[0].settings)

    def _session(
        self, blocks: tuple[Block, ...], changes: Mapping[str, Any], course: int = 0
    ) -> Experiment:
        game = f"actors.{self._game.name}"
        changes = {
            **self._changes,
            **changes,
            f"{game}.blocks": [block.model_dump() for block in blocks],
            "course": course,  # else both sessions would show the gestures in the same order
        }
        if self._trial_s is not None:
            changes[f"{game}.n_trials"] = sum(block.n_trials for block in blocks)
        if self.experiment.culture.simulated is not None:
            # The same cells with other chance: the conditions must not replay the calibration.
            changes["culture.simulated.course"] = course
        return load_experiment(self._path, changes)

    def _readouts(self) -> list[ActorSpec]:
        """Return the actor that decides, and that of the shuffled condition, if there is one."""
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
        raise ConfigError(f"{self._path}: no actor writes {stream!r}")

    def _only_game(self) -> ActorSpec:
        games = [a for a in self.experiment.actors.values() if GameState in a.writes]
        if len(games) != 1:
            raise ConfigError(f"{self._path}: {len(games)} games, must be one to experiment with")
        return games[0]
