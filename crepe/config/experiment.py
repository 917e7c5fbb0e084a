"""The experiment file: one TOML table per program, checked as a whole before anything runs."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from crepe.actors.actor import Sink, Source
from crepe.actors.stimulate import Stimulate
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
from crepe.config.wiring import ActorSpec, check_wiring, load_actor, streams
from crepe.environment import paths
from crepe.errors import ConfigError, suggest
from crepe.messages import GameState, Message
from crepe.web.token import check_token

DEFAULT = Path("config") / "rps.toml"
# Programs that are not actors, by order of start.
# The page with its stop button is there before anything stimulates, and goes after it.
_FIXED = {
    "redis": 10, "culture": 20, "sensor": 60, "dashboard": 65, "simulated_sensor": 70,
    "watchdog": 85,
}  # fmt: skip
_PROGRAM = re.compile(r"[a-z0-9_-]+")


class Program(NamedTuple):
    """What supervisord runs as `crepe run <name>`; started in order of priority."""

    name: str
    priority: int


class Experiment:
    """A checked experiment file.

    Attributes
    ----------
    text
        The file as it was read; goes into the recording.
    actors
        By name, in the order of the flow: an actor comes after those whose streams it reads.
    reads
        The streams that each actor reads, by its name.
    feedback
        The streams that each actor is told of later, by its name.
    """

    def __init__(
        self, path: Path, text: str, table: Mapping[str, Any], only: str | None = None
    ) -> None:
        self.path = path
        self.text = text
        if "hand" in table:
            raise ConfigError(f"{path}: [hand] has been renamed; write [simulated_sensor]")
        try:
            file = File.model_validate(table)
        except ValidationError as error:
            raise ConfigError(f"{path}: {explain(error, File)}") from error
        self.title: str = file.title
        self.name: str = file.name
        self.seed: int = file.seed
        self.redis: RedisTable = file.redis
        self.culture: CultureTable = file.culture
        self.dashboard: DashboardTable | None = file.dashboard
        self.sensor: SensorTable | None = file.sensor
        self.simulated_sensor: SimulatedSensorTable | None = file.simulated_sensor
        self.calibration: Calibration | None = file.calibration
        self.conditions: Conditions | None = file.conditions
        self.chains = {name: tuple(chain.actors) for name, chain in file.chains.items()}
        tables = file.actors
        self.reads = {name: streams(found.get("reads", []), name) for name, found in tables.items()}
        self.feedback = {name: tuple(found.get("feedback", {})) for name, found in tables.items()}
        if only is not None:
            names = self.chains.get(only, (only,))
            self.actors = _actors(path, {name: tables[name] for name in names if name in tables})
            return
        if not tables:
            raise ConfigError(f"{path}: no [actors.NAME] table; there is nothing to run")
        self.actors = check_wiring(_actors(path, tables), str(path))
        self._check_chains()
        self._check_kept()
        self._check_sensor()
        self._check_lockstep()

    @property
    def digest(self) -> str:
        """Changes whenever the file's text does."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    @property
    def can_stimulate(self) -> bool:
        """Whether any actor drives a stimulator."""
        return any(
            issubclass(actor.kind, Stimulate) and not actor.settings["device"].startswith("none:")
            for actor in self.actors.values()
        )

    def streams_of(self, kind: type[Message]) -> tuple[str, ...]:
        """The streams that carry a message type, in the order of the flow."""
        return tuple(a.writes[kind] for a in self.actors.values() if kind in a.writes)

    @property
    def recorders(self) -> tuple[str, ...]:
        """The names of the actors that keep what they read, such as `record`."""
        return tuple(name for name, a in self.actors.items() if issubclass(a.kind, Sink))

    @property
    def lockstep_s(self) -> float | None:
        """How far those who ask for stimuli may be behind simulated time; None: real time."""
        return self.culture.simulated.lockstep_s if self.culture.simulated else None

    @property
    def programs(self) -> tuple[Program, ...]:
        """What supervisord runs, in order of start."""
        server = None if self.lockstep_s else self.culture.simulated
        tables = {
            "culture": server,
            "sensor": self.sensor,
            "dashboard": self.dashboard,
            "simulated_sensor": self.simulated_sensor,
        }
        names = ["redis", *(name for name, table in tables.items() if table is not None)]
        names += ["watchdog"] if self.can_stimulate and not self.lockstep_s else []
        programs = [Program(name, _FIXED[name]) for name in names]
        of_chains = {name for chain in self.chains.values() for name in chain}
        for name, actor in self.actors.items():
            if name not in of_chains:
                programs.append(Program(name, actor.kind.priority))
        for name, chain in self.chains.items():
            programs.append(Program(name, max(self.actors[a].kind.priority for a in chain)))
        return tuple(sorted(programs, key=lambda program: program.priority))

    def check_tokens(self) -> None:
        """Raise ConfigError if others can reach a program, and nothing keeps them out."""
        for program, table in (("sensor", self.sensor), ("dashboard", self.dashboard)):
            if table is not None:
                check_token(program, table.host)

    def in_program(self, name: str) -> tuple[ActorSpec, ...]:
        """The actors of a program. Raises ConfigError for a name that is none."""
        of_chains = {actor for chain in self.chains.values() for actor in chain}
        known = [*(actor for actor in self.reads if actor not in of_chains), *self.chains]
        if name not in known:
            raise ConfigError(f"{self.path}: no program {name!r}{suggest(name, known)}")
        return tuple(self.actors[actor] for actor in self.chains.get(name, (name,)))

    def _check_chains(self) -> None:
        seen: dict[str, str] = {}
        for name, chain in self.chains.items():
            place = f"{self.path}: [chains.{name}]"
            _check_name(name, place)
            in_order = [actor for actor in self.actors if actor in chain]
            if sorted(in_order) == sorted(chain) and in_order != list(chain):
                order = ", ".join(in_order)
                raise ConfigError(f"{place}: must be in the order of the flow: {order}")
            if name in self.actors:
                raise ConfigError(f"{place}: the name is taken by another program")
            for actor in chain:
                if actor not in self.actors:
                    raise ConfigError(f"{place}: no actor {actor!r}{suggest(actor, self.actors)}")
                if actor in seen:
                    raise ConfigError(f"{place}: {actor!r} is in [chains.{seen[actor]}] already")
                seen[actor] = name

    def _check_kept(self) -> None:
        written = [stream for actor in self.actors.values() for stream in actor.writes.values()]
        for table in ("keep_of", "keep_bytes_of"):
            for name in getattr(self.redis, table):
                if name not in written:
                    near = suggest(name, written)
                    raise ConfigError(f"{self.path}: [redis.{table}]: nobody writes {name!r}{near}")

    def _check_lockstep(self) -> None:
        """Raise ConfigError unless both halves of a simulated instrument share a process, and no
        stimulus is due before time has waited for it."""
        if self.lockstep_s is None:
            return
        place = f"{self.path}: [culture.simulated] lockstep_s: {self.lockstep_s:g} s"
        if not self.can_stimulate:
            raise ConfigError(f"{place}, but nothing stimulates: nobody to wait for")
        ends = [n for n, a in self.actors.items() if issubclass(a.kind, Source | Stimulate)]
        if not any(set(ends) <= set(chain) for chain in self.chains.values()):
            raise ConfigError(f"{place}, but no [chains.NAME] holds {' and '.join(ends)}")
        for name, actor in self.actors.items():
            delay_s = getattr(actor.make(), "delay_s", None)
            if delay_s is not None and delay_s < self.lockstep_s:
                raise ConfigError(f"{place}, more than [actors.{name}] delay_s: {delay_s:g} s")

    def _check_sensor(self) -> None:
        """Raise ConfigError for a player that nobody can hear, or a door without results."""
        for name, actor in self.actors.items():
            place = f"{self.path}: [actors.{name}] player: {actor.settings.get('player')!r}"
            if actor.settings.get("player") == "sensor" and self.sensor is None:
                raise ConfigError(f"{place}, but there is no [sensor] table")
            if actor.settings.get("player") in ("sensor", "person") and "input" not in actor.reads:
                raise ConfigError(f"{place}, but it does not read 'input'")
        if self.simulated_sensor is not None and self.sensor is None:
            place = f"{self.path}: [simulated_sensor]"
            raise ConfigError(f"{place} has no [sensor] to send its frames to")
        if self.sensor is not None:
            results = self.streams_of(GameState)
            if self.sensor.reads not in results:
                near = suggest(self.sensor.reads, results)
                raise ConfigError(
                    f"{self.path}: [sensor] reads: {self.sensor.reads!r} is no game's stream{near}"
                )


def _actors(path: Path, tables: Mapping[str, dict[str, Any]]) -> dict[str, ActorSpec]:
    actors = {}
    for name, table in tables.items():
        place = f"{path}: [actors.{name}]"
        _check_name(name, place)
        actors[name] = load_actor(name, table, place)
    return actors


def _check_name(name: str, place: str) -> None:
    """Raise ConfigError for what supervisord or a file's name could not take."""
    if name in _FIXED:
        raise ConfigError(f"{place}: the name is taken by another program")
    if not _PROGRAM.fullmatch(name):
        raise ConfigError(f"{place}: {name!r} is no program's name; allowed are a-z, 0-9, _ and -")


def load_experiment(
    path: Path | str | None = None,
    changes: Mapping[str, Any] | None = None,
    only: str | None = None,
) -> Experiment:
    """Read and check an experiment file (.toml, or .json as written by `save`).

    Parameters
    ----------
    path
        Default: `config/rps.toml` of the project.
    changes
        Values that replace the file's, by dotted name: {"actors.game.n_trials": 5}; None
        leaves out what the file has.
    only
        Load the actors of this program only, and trust the rest of the file: for a program that
        supervisord starts, after the whole has been checked.

    Raises
    ------
    ConfigError
        Names the file, the table, what was found and what is allowed.
    """
    path = paths.project_directory() / DEFAULT if path is None else Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        near = suggest(path.name, [f.name for f in path.parent.glob("*.toml")])
        raise ConfigError(f"{path}: no such experiment file{near}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    try:
        table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not changes:
        return Experiment(path, text, table, only)
    for name, value in changes.items():
        _change(table, name, value, path)
    return Experiment(path, json.dumps(table, indent=2, default=str), table)


def save_experiment(experiment: Experiment, path: Path) -> Path:
    """Write a changed experiment where programs can read it."""
    path.write_text(experiment.text, encoding="utf-8")
    return path


def _change(table: dict[str, Any], name: str, value: Any, path: Path) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        if not isinstance(table.get(parent), dict):
            raise ConfigError(f"{path}: cannot set {name}: there is no table [{parent}]")
        table = table[parent]
    if value is None:
        table.pop(last, None)
    else:
        table[last] = value
