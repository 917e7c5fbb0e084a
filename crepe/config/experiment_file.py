"""An experiment file as it was read: every table but those of the actors is checked."""

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from crepe.conditions import Calibration, Conditions
from crepe.config.file_text import parse_text, read_text
from crepe.config.mistakes import Loc, Mistakes, explain
from crepe.config.own_files import default_file
from crepe.config.tables import (
    CultureTable,
    DashboardTable,
    File,
    MachineTable,
    RedisTable,
    RpycTable,
    SensorTable,
    SimulatedSensorTable,
)
from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.store.modus import stream_name


@dataclass(frozen=True, kw_only=True, eq=False)
class ExperimentFile:
    """The tables of an experiment file, before any actor is imported.

    Attributes
    ----------
    text
        The file as it was read; goes into the recording.
    directory
        The directory from which modules of actors are imported; see `File.directory`.
    actor_tables
        The `[actors.NAME]` tables, not checked yet.
    chains
        The actors that share a process, by the name of the program.
    reads
        The streams that each actor reads, by its name.
    feedback
        The streams that each actor receives late, since they follow from its own output.
    machines
        The further machines of the session, by name.
    machine_of
        The machine of each program that does not run on the main one.
    """

    path: Path
    text: str
    directory: Path
    title: str
    name: str
    seed: int
    course: int | None
    redis: RedisTable
    culture: CultureTable
    dashboard: DashboardTable | None
    sensor: SensorTable | None
    simulated_sensor: SimulatedSensorTable | None
    rpyc: RpycTable | None
    calibration: Calibration | None
    conditions: Conditions | None
    actor_tables: Mapping[str, Mapping[str, Any]]
    chains: Mapping[str, tuple[str, ...]]
    reads: Mapping[str, tuple[str, ...]]
    feedback: Mapping[str, tuple[str, ...]]
    machines: Mapping[str, MachineTable]
    machine_of: Mapping[str, str]

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

    @property
    def shards(self) -> dict[str, int]:
        """The number of programs that share the channels of each actor."""
        counts = {name: table.get("shards", 1) for name, table in self.actor_tables.items()}
        return {name: n if isinstance(n, int) else 1 for name, n in counts.items()}

    @property
    def programs_of(self) -> dict[str, tuple[str, ...]]:
        """The programs that run each actor: of one with shards `<program>-0` and so on."""
        shards = self.shards
        return {
            actor: tuple(f"{program}-{number}" for number in range(shards[actor]))
            if shards[actor] > 1
            else (program,)
            for actor, program in self.program_of.items()
        }

    def streams_without(self, actors: Collection[str]) -> set[str]:
        """Return the streams of all actors but those named, as far as tables can be read."""
        tables = [table for name, table in self.actor_tables.items() if name not in actors]
        return {stream for table in tables for stream in written_streams(table)}

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
        Default: `config/rps.toml`; see `default_file`.
    changes
        Values that replace the file's, by dotted name; see `load_experiment`.

    Raises
    ------
    ConfigError
        Names the file, the table, what was found and what is allowed.
    """
    file, mistakes = read_tables(path, changes)
    mistakes.raise_all()
    return file


def read_tables(
    path: Path | str | None = None, changes: Mapping[str, Any] | None = None
) -> tuple[ExperimentFile, Mistakes]:
    """Read an experiment file; return its tables that fit, and the mistakes in the others.

    The parameters are those of `read_experiment_file`. A table with a mistake is left out. Raises
    ConfigError for a file that cannot be read at all.
    """
    path = default_file() if path is None else Path(path)
    text = read_text(path)
    table = parse_text(path, text)
    if changes:
        for name, value in changes.items():
            _change(table, name, value, path)
        # default=str: TOML has dates, such as `plating_date`, and JSON has none.
        text = json.dumps(table, indent=2, default=str)
    return _parse(path, text, table)


def written_streams(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the streams that the table of an actor names in `writes`; none if that is wrong."""
    with suppress(ConfigError):  # reported where the actor is loaded
        return streams(table.get("writes", []), "")
    return ()


def streams(value: Any, place: str) -> tuple[str, ...]:
    """Return the names in `reads` or `writes`, a list or one name. Raises ConfigError."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{place}: {value!r}, must be a list of streams' names")
    try:
        return tuple(stream_name(name) for name in names)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error


def _parse(path: Path, text: str, table: Mapping[str, Any]) -> tuple[ExperimentFile, Mistakes]:
    mistakes = Mistakes()
    table = dict(table)
    if table.pop("hand", None) is not None:
        mistakes.add(f"{path}: [hand] has been renamed; write [simulated_sensor]")
    try:
        file = File.model_validate(table)
    except ValidationError as error:
        texts = list(explain(error, File))
        mistakes.add(*(f"{path}: {text}" for _, text in texts))
        mistakes.left_out |= {str(loc[0]) for loc, _ in texts if loc}
        file = File.model_validate(_without(table, [loc for loc, _ in texts]))
    reads, feedback = {}, {}
    for name, actor in file.actors.items():
        with suppress(ConfigError):  # a mistake in the actor's table, found when it is loaded
            reads[name] = streams(actor.get("reads", []), "")
            feedback[name] = tuple(actor.get("feedback", {}))
    experiment = ExperimentFile(
        path=path,
        text=text,
        directory=path.resolve().parent if file.directory is None else Path(file.directory),
        title=file.title,
        name=file.name,
        seed=file.seed,
        course=file.course,
        redis=file.redis,
        culture=file.culture,
        dashboard=file.dashboard,
        sensor=file.sensor,
        simulated_sensor=file.simulated_sensor,
        rpyc=file.rpyc,
        calibration=file.calibration,
        conditions=file.conditions,
        actor_tables=file.actors,
        chains={name: tuple(chain.actors) for name, chain in file.chains.items()},
        machines=file.machines,
        machine_of=_machine_of(file),
        reads=reads,
        feedback=feedback,
    )
    paths.import_from(experiment.directory)
    return experiment, mistakes


def _machine_of(file: File) -> dict[str, str]:
    """Return the machine by program; an actor of a chain is no program."""
    machines = {name: table.get("machine", "") for name, table in file.actors.items()}
    machines |= {name: chain.machine for name, chain in file.chains.items()}
    return {name: str(machine) for name, machine in machines.items() if machine}


def _without(table: Mapping[str, Any], places: Iterable[Loc]) -> dict[str, Any]:
    """Return the tables without those in which an error was; of actors, without the one alone."""
    rest = dict(table)
    for name, *parts in places:
        inner = rest.get(str(name))
        if name == "actors" and parts and isinstance(inner, dict):
            rest["actors"] = {key: value for key, value in inner.items() if key != parts[0]}
        else:
            rest.pop(str(name), None)
    return rest


def _change(table: dict[str, Any], name: str, value: Any, path: Path) -> None:
    """Set the value of a dotted name in nested tables; None removes it.

    A table that only holds defaults, such as [redis], may be missing; one whose presence changes
    the experiment, such as [dashboard] or [culture.simulated], must be in the file.
    """
    *parents, last = name.split(".")
    for depth, parent in enumerate(parents, 1):
        if parent not in table and _has_defaults(parents[:depth]):
            table[parent] = {}
        if not isinstance(table.get(parent), dict):
            place = ".".join(parents[:depth])
            raise ConfigError(f"{path}: cannot set {name}: there is no table [{place}]")
        table = table[parent]
    if value is None:
        table.pop(last, None)
    else:
        table[last] = value


def _has_defaults(names: list[str]) -> bool:
    """Return whether a table that the file leaves out is there all the same, with its defaults."""
    if names[0] == "actors":
        return len(names) > 2  # a setting of an actor, which its class checks
    model: type[BaseModel] | None = File
    default = None
    for name in names:
        field = model.model_fields.get(name) if model else None
        if field is None:
            return False
        default = field.get_default(call_default_factory=True)
        kinds = (field.annotation, *get_args(field.annotation))
        model = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
    return isinstance(default, BaseModel)
