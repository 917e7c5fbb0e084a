"""The experiment file: one TOML table per program, checked as a whole before anything runs."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from crepe.actors.actor import Actor, Sink
from crepe.actors.stimulate import Stimulate
from crepe.config.consistency import check_consistency, check_name
from crepe.config.experiment_file import ExperimentFile, read_tables
from crepe.config.file_text import parse_text
from crepe.config.machines import MAIN, part_of
from crepe.config.mistakes import Mistakes
from crepe.config.services import MACHINE, SERVICES
from crepe.config.tables import DASHBOARD, RPYC
from crepe.config.wiring import ActorSpec, check_wiring, load_actor
from crepe.errors import ConfigError, DeviceError
from crepe.messages import Message, Stimulus
from crepe.web.token import check_token


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
    machine
        The machine that the programs are for. One that is not the main one has its own actors only.
    """

    actors: Mapping[str, ActorSpec]
    machine: str = MAIN

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
        """All programs that supervisord runs on this machine, in order of start."""
        programs = [
            Program(service.name, service.priority)
            for service in SERVICES.values()
            if (
                service.is_in(self, self.can_stimulate)
                if self.machine == MAIN
                else service.name == MACHINE
            )
        ]
        programs_of, program_of = self.programs_of, self.program_of
        together = {actor: chain for chain in self.chains.values() for actor in chain}
        for name in self.actors:
            chain = together.get(name, (name,))
            if name == chain[0] and self.is_own(program_of[name]):
                # The latest start of the actors that share a process.
                priority = max(_priority(self.actors[each]) for each in chain)
                programs += (Program(program, priority) for program in programs_of[name])
        return tuple(sorted(programs, key=lambda program: program.priority))

    def is_own(self, program: str) -> bool:
        """Return whether a program of actors, as `program_of` names it, runs on this machine."""
        return self.machine_of.get(program, MAIN) == self.machine

    def check_tokens(self) -> None:
        """Raise ConfigError for a program that other computers can reach without a token."""
        tables = {"sensor": self.sensor, DASHBOARD: self.dashboard, RPYC: self.rpyc}
        for program, table in tables.items():
            if table is not None:
                check_token(program, table.host)


def _priority(actor: ActorSpec) -> int:
    # What requests stimuli stops before the stimulator, which then answers every request.
    return Stimulate.priority + 1 if Stimulus in actor.writes else actor.kind.priority


def load_experiment(
    path: Path | str | None = None,
    changes: Mapping[str, Any] | None = None,
    *,
    machine: str = MAIN,
) -> Experiment:
    """Read and check an experiment file (.toml, or .json as written by `save_experiment`).

    Parameters
    ----------
    path
        Default: `config/rps.toml`; see `crepe.config.own_files.default_file`.
    changes
        Values that replace the file's, by dotted name: {"actors.game.n_trials": 5}; None
        leaves out what the file has.
    machine
        Check and return the part of this machine only; the file may hold no other. Other machines
        write what it reads, so these streams are not checked.

    Raises
    ------
    ConfigError
        Names the file, the table, what was found and what is allowed.
    """
    file, mistakes = read_tables(path, changes)
    file = part_of(file, machine)
    if not file.actor_tables and not mistakes:
        raise ConfigError(f"{file.path}: no [actors.NAME] table; there is nothing to run")
    actors = _load_actors(file, file.actor_tables, mistakes)
    with mistakes.collect():
        unchecked = file.streams_without(actors)
        if machine != MAIN:
            unchecked |= {stream for actor in actors.values() for stream in actor.reads}
        actors = check_wiring(actors, str(file.path), unchecked)
    experiment = Experiment(**file.values(), actors=actors, machine=machine)
    check_consistency(experiment, mistakes)
    if mistakes:
        from crepe.config.dry_run.dry_run import survey  # steps actors; a start does that later

        try:
            survey(experiment, mistakes)
        except DeviceError as error:  # a recording that does not exist
            mistakes.add(str(error))
        mistakes.raise_all()
    return experiment


def save_experiment(experiment: Experiment, path: Path) -> Experiment:
    """Write a changed experiment where programs can read it; return it with its new path.

    The copy names the directory of its original, from which actors are imported.
    """
    table = {**parse_text(experiment.path, experiment.text), "directory": str(experiment.directory)}
    text = json.dumps(table, indent=2, default=str)  # TOML has dates, and JSON has none
    path.write_text(text, encoding="utf-8")
    return replace(experiment, path=path, text=text)


def _load_actors(
    file: ExperimentFile, names: Iterable[str], mistakes: Mistakes
) -> dict[str, ActorSpec]:
    """Return the actors whose tables fit; add what is wrong with the others to `mistakes`."""
    actors = {}
    for name in names:
        place = f"{file.path}: [actors.{name}]"
        with mistakes.collect():
            check_name(name, place)
            actors[name] = load_actor(name, file.actor_tables[name], place, file.directory)
    return actors
