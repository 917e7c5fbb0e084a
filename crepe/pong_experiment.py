"""Pong under all conditions of its file, in random blocks, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

from crepe import config
from crepe.actors.pong import Pong
from crepe.conditions import SILENCED, STIMULATION, condition_blocks, windows_s
from crepe.config import Experiment
from crepe.errors import ConfigError
from crepe.messages import GameState
from crepe.pong_statistics import Comparison, Rallies, against_controls, describe, lengths


@dataclass(frozen=True)
class PongResult:
    """Every condition by itself, and the closed loop against the others, if it was tried."""

    seed: int
    session: str
    conditions: Mapping[str, Rallies]
    comparisons: Mapping[str, Comparison]

    def plain(self) -> dict[str, Any]:
        """As JSON takes it: null where there is no number."""
        found = _plain(asdict(self))
        assert isinstance(found, dict)
        return found


def game_of(experiment: Experiment) -> str | None:
    """The name of the actor that is a Pong, if there is one."""
    return next((n for n, a in experiment.actors.items() if issubclass(a.kind, Pong)), None)


def session(path: Path, seed: int | None = None) -> Experiment:
    """The session of all conditions. Raises ConfigError if the file cannot have one."""
    changes: dict[str, Any] = {} if seed is None else {"seed": seed}
    experiment = config.load(path, changes)
    table, game = experiment.conditions, game_of(experiment)
    if game is None:
        raise ConfigError(f"{path}: no actor is a Pong")
    if table is None or table.block_s is None:
        raise ConfigError(f"{path}: no [conditions] table with block_s; rallies have no fixed time")
    simulated = experiment.culture.simulated
    if SILENCED in table.names and simulated is None:
        raise ConfigError(
            f"{path}: [conditions] names: {SILENCED!r} is for a simulated culture; "
            "a living one is silenced at the bench, in a session of its own"
        )
    blocks = condition_blocks(table, 0.0, experiment.seed)
    changes[f"actors.{game}.blocks"] = [block.model_dump() for block in blocks]
    if simulated is not None:
        changes["culture.simulated.silenced_s"] = windows_s(blocks, SILENCED)
        if seed is not None:
            changes["culture.simulated.seed"] = seed
    return config.load(path, changes)


def evaluate(states: Sequence[GameState], seed: int, session: str = "") -> PongResult:
    """What the game's states come to."""
    found = lengths(states)
    return PongResult(
        seed,
        session,
        {name: describe(values, seed) for name, values in found.items()},
        against_controls(found, seed) if STIMULATION in found else {},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and isnan(value) else value
