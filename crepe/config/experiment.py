"""The experiment file: one TOML table per program, checked as a whole before anything runs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from crepe.actors.actor import Actor, Sink, Source
from crepe.actors.stimulate import Stimulate
from crepe.config.experiment_file import ExperimentFile, read_experiment_file
from crepe.config.services import SERVICES
from crepe.config.wiring import ActorSpec, check_wiring, load_actor
from crepe.errors import ConfigError, suggest
from crepe.messages import GameState, Message
from crepe.web.token import check_token

_PROGRAM = re.compile(r"[a-z0-9_-]+")


class Program(NamedTuple):
    """A process of the experiment: supervisord runs `crepe run NAME`, in order of priority."""

    name: str
    priority: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Experiment(ExperimentFile):
    """A checked experiment file, as `load_experiment` returns it.

    Attributes
    ----------
    actors
        By name, in the order of the flow: an actor comes after those whose streams it reads.
    """

    actors: Mapping[str, ActorSpec]

    @property
    def can_stimulate(self) -> bool:
        """True if an actor drives a stimulator."""
        return any(
            issubclass(actor.kind, Stimulate) and not actor.settings["device"].startswith("none:")
            for actor in self.actors.values()
        )

    def streams_of(self, kind: type[Message]) -> tuple[str, ...]:
        """Return the streams that carry a message type, in the order of the flow."""
        return tuple(a.writes[kind] for a in self.actors.values() if kind in a.writes)

    def actors_of(self, kind: type[Actor[Any, Any]]) -> tuple[str, ...]:
        """Return the names of the actors of a class, in the order of the flow."""
        return tuple(name for name, a in self.actors.items() if issubclass(a.kind, kind))

    @property
    def recorders(self) -> tuple[str, ...]:
        """The names of the actors that keep what they read, such as `record`."""
        return self.actors_of(Sink)

    @property
    def programs(self) -> tuple[Program, ...]:
        """All programs that supervisord runs, in order of start."""
        programs = [
            Program(service.name, service.priority)
            for service in SERVICES.values()
            if service.is_in(self, self.can_stimulate)
        ]
        program_of = self.program_of
        for name, actor in self.actors.items():
            if program_of[name] == name:
                programs.append(Program(name, actor.kind.priority))
        for name, chain in self.chains.items():
            # The latest start of its actors: one that stimulates starts last and stops first.
            programs.append(Program(name, max(self.actors[a].kind.priority for a in chain)))
        return tuple(sorted(programs, key=lambda program: program.priority))

    def check_tokens(self) -> None:
        """Raise ConfigError for a program that other computers can reach without a token."""
        for program, table in (("sensor", self.sensor), ("dashboard", self.dashboard)):
            if table is not None:
                check_token(program, table.host)


def load_experiment(
    path: Path | str | None = None, changes: Mapping[str, Any] | None = None
) -> Experiment:
    """Read and check an experiment file (.toml, or .json as written by `save_experiment`).

    Parameters
    ----------
    path
        Default: `config/rps.toml` of the project.
    changes
        Values that replace the file's, by dotted name: {"actors.game.n_trials": 5}; None
        leaves out what the file has.

    Raises
    ------
    ConfigError
        Names the file, the table, what was found and what is allowed.
    """
    file = read_experiment_file(path, changes)
    if not file.actor_tables:
        raise ConfigError(f"{file.path}: no [actors.NAME] table; there is nothing to run")
    actors = check_wiring(_load_actors(file, file.actor_tables), str(file.path))
    experiment = Experiment(**file.values(), actors=actors)
    _check_chains(experiment)
    _check_retention(experiment)
    _check_sensor(experiment)
    _check_lockstep(experiment)
    return experiment


def save_experiment(experiment: Experiment, path: Path) -> Experiment:
    """Write a changed experiment where programs can read it; return it with its new path."""
    path.write_text(experiment.text, encoding="utf-8")
    return replace(experiment, path=path)


def _load_actors(file: ExperimentFile, names: Iterable[str]) -> dict[str, ActorSpec]:
    actors = {}
    for name in names:
        place = f"{file.path}: [actors.{name}]"
        _check_name(name, place)
        actors[name] = load_actor(name, file.actor_tables[name], place)
    return actors


def _check_name(name: str, place: str) -> None:
    """Raise ConfigError for a name that supervisord or the file system could not take."""
    if name in SERVICES:
        raise ConfigError(f"{place}: the name is taken by another program")
    if not _PROGRAM.fullmatch(name):
        raise ConfigError(f"{place}: {name!r} is no program's name; allowed are a-z, 0-9, _ and -")


def _check_chains(experiment: Experiment) -> None:
    """Raise ConfigError for a chain out of order, of unknown actors, or of another's actors."""
    chain_of: dict[str, str] = {}
    for name, chain in experiment.chains.items():
        place = f"{experiment.path}: [chains.{name}]"
        _check_name(name, place)
        in_order = [actor for actor in experiment.actors if actor in chain]
        if sorted(in_order) == sorted(chain) and in_order != list(chain):
            order = ", ".join(in_order)
            raise ConfigError(f"{place}: must be in the order of the flow: {order}")
        if name in experiment.actors:
            raise ConfigError(f"{place}: the name is taken by another program")
        for actor in chain:
            if actor not in experiment.actors:
                raise ConfigError(f"{place}: no actor {actor!r}{suggest(actor, experiment.actors)}")
            if actor in chain_of:
                raise ConfigError(f"{place}: {actor!r} is in [chains.{chain_of[actor]}] already")
            chain_of[actor] = name


def _check_retention(experiment: Experiment) -> None:
    """Raise ConfigError where `[redis]` says how long to keep a stream that no actor writes."""
    written = [stream for actor in experiment.actors.values() for stream in actor.writes.values()]
    for table in ("keep_of", "keep_bytes_of"):
        for name in getattr(experiment.redis, table):
            if name not in written:
                near = suggest(name, written)
                raise ConfigError(
                    f"{experiment.path}: [redis.{table}]: no actor writes {name!r}{near}"
                )


def _check_lockstep(experiment: Experiment) -> None:
    """Raise ConfigError where simulated time could run past an actor that it must wait for.

    Both halves of a simulated instrument must share a process, and no stimulus may be due earlier
    than the lag that is allowed.
    """
    if experiment.lockstep_s is None:
        return
    place = f"{experiment.path}: [culture.simulated] lockstep_s: {experiment.lockstep_s:g} s"
    if not experiment.can_stimulate:
        raise ConfigError(f"{place}, but nothing stimulates")
    ends = [n for n, a in experiment.actors.items() if issubclass(a.kind, Source | Stimulate)]
    if not any(set(ends) <= set(chain) for chain in experiment.chains.values()):
        raise ConfigError(f"{place}, but no [chains.NAME] holds {' and '.join(ends)}")
    for name, actor in experiment.actors.items():
        delay_s = getattr(actor.make(), "delay_s", None)
        if delay_s is not None and delay_s < experiment.lockstep_s:
            raise ConfigError(f"{place}, more than [actors.{name}] delay_s: {delay_s:g} s")


def _check_sensor(experiment: Experiment) -> None:
    """Raise ConfigError for a player without input, or a sensor gateway without results."""
    for name, actor in experiment.actors.items():
        place = f"{experiment.path}: [actors.{name}] player: {actor.settings.get('player')!r}"
        if actor.settings.get("player") == "sensor" and experiment.sensor is None:
            raise ConfigError(f"{place}, but there is no [sensor] table")
        if actor.settings.get("player") in ("sensor", "person") and "input" not in actor.reads:
            raise ConfigError(f"{place}, but it does not read 'input'")
    if experiment.simulated_sensor is not None and experiment.sensor is None:
        raise ConfigError(
            f"{experiment.path}: [simulated_sensor] has no [sensor] to send its frames to"
        )
    if experiment.sensor is not None:
        results = experiment.streams_of(GameState)
        reads = experiment.sensor.reads
        if reads not in results:
            near = suggest(reads, results)
            raise ConfigError(
                f"{experiment.path}: [sensor] reads: {reads!r} is no game's stream{near}"
            )
