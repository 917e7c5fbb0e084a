"""An experiment file as it was read: every table but those of the actors is checked."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crepe.conditions import Calibration, Conditions
from crepe.config.explain import explain
from crepe.config.tables import (
    CultureTable,
    DashboardTable,
    File,
    RedisTable,
    SensorTable,
    SimulatedSensorTable,
)
from crepe.environment import paths
from crepe.errors import ConfigError, suggest
from crepe.store.modus import stream_name

DEFAULT = Path("config") / "rps.toml"


@dataclass(frozen=True, kw_only=True, eq=False)
class ExperimentFile:
    """The tables of an experiment file, before any actor is imported.

    Attributes
    ----------
    text
        The file as it was read; goes into the recording.
    actor_tables
        The `[actors.NAME]` tables, not checked yet.
    chains
        The actors that share a process, by the name of the program.
    reads
        The streams that each actor reads, by its name.
    feedback
        The streams that each actor receives late, since they follow from its own output.
    """

    path: Path
    text: str
    title: str
    name: str
    seed: int
    redis: RedisTable
    culture: CultureTable
    dashboard: DashboardTable | None
    sensor: SensorTable | None
    simulated_sensor: SimulatedSensorTable | None
    calibration: Calibration | None
    conditions: Conditions | None
    actor_tables: Mapping[str, Mapping[str, Any]]
    chains: Mapping[str, tuple[str, ...]]
    reads: Mapping[str, tuple[str, ...]]
    feedback: Mapping[str, tuple[str, ...]]

    @property
    def digest(self) -> str:
        """A short hash of the text: it changes whenever the text does."""
        return sha256(self.text.encode()).hexdigest()[:16]

    @property
    def lockstep_s(self) -> float | None:
        """Seconds that actors may lag behind simulated time; None: the experiment is in real time.

        See `lockstep_s` of `[culture.simulated]`.
        """
        return self.culture.simulated.lockstep_s if self.culture.simulated else None

    @property
    def program_of(self) -> dict[str, str]:
        """The program that runs each actor: its chain, or one of its own name."""
        in_chains = {actor: name for name, chain in self.chains.items() for actor in chain}
        return {actor: in_chains.get(actor, actor) for actor in self.actor_tables}

    def values(self) -> dict[str, Any]:
        """Return the fields of this class by name, to build an object of a subclass from."""
        return {field.name: getattr(self, field.name) for field in fields(ExperimentFile)}


def read_experiment_file(
    path: Path | str | None = None, changes: Mapping[str, Any] | None = None
) -> ExperimentFile:
    """Read an experiment file (.toml, or .json as `save_experiment` writes it).

    Parameters
    ----------
    path
        Default: `config/rps.toml` of the project.
    changes
        Values that replace the file's, by dotted name; see `load_experiment`.

    Raises
    ------
    ConfigError
        Names the file, the table, what was found and what is allowed.
    """
    path = paths.project_directory() / DEFAULT if path is None else Path(path)
    text = _read_text(path)
    try:
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    if changes:
        for name, value in changes.items():
            _change(table, name, value, path)
        # default=str: TOML has dates, such as `plating_date`, and JSON has none.
        text = json.dumps(table, indent=2, default=str)
    return _parse(path, text, table)


def streams(value: Any, place: str) -> tuple[str, ...]:
    """Return the names in `reads` or `writes`, a list or one name. Raises ConfigError."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{place}: {value!r}, must be a list of streams' names")
    try:
        return tuple(stream_name(name) for name in names)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        near = suggest(path.name, [f.name for f in path.parent.glob("*.toml")])
        raise ConfigError(f"{path}: no such experiment file{near}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from error


def _parse(path: Path, text: str, table: Mapping[str, Any]) -> ExperimentFile:
    if "hand" in table:
        raise ConfigError(f"{path}: [hand] has been renamed; write [simulated_sensor]")
    try:
        file = File.model_validate(table)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error, File)}") from error
    reads, feedback = {}, {}
    for name, actor in file.actors.items():
        reads[name] = streams(actor.get("reads", []), f"{path}: [actors.{name}] reads")
        feedback[name] = tuple(actor.get("feedback", {}))
    return ExperimentFile(
        path=path,
        text=text,
        title=file.title,
        name=file.name,
        seed=file.seed,
        redis=file.redis,
        culture=file.culture,
        dashboard=file.dashboard,
        sensor=file.sensor,
        simulated_sensor=file.simulated_sensor,
        calibration=file.calibration,
        conditions=file.conditions,
        actor_tables=file.actors,
        chains={name: tuple(chain.actors) for name, chain in file.chains.items()},
        reads=reads,
        feedback=feedback,
    )


def _change(table: dict[str, Any], name: str, value: Any, path: Path) -> None:
    """Set the value of a dotted name in nested tables; None removes it."""
    *parents, last = name.split(".")
    for parent in parents:
        if not isinstance(table.get(parent), dict):
            raise ConfigError(f"{path}: cannot set {name}: there is no table [{parent}]")
        table = table[parent]
    if value is None:
        table.pop(last, None)
    else:
        table[last] = value
