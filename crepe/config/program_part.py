"""The part of an experiment that one program needs.

The rest of the file is trusted, since `crepe up` has checked it as a whole. A dozen programs start
at once, so each imports its own actors only, and a service none.
"""

# Decision 46: what programs do not import.

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crepe.config.experiment_file import ExperimentFile, read_experiment_file, streams
from crepe.config.services import SERVICES
from crepe.errors import ConfigError, suggest

if TYPE_CHECKING:
    from crepe.config.wiring import ActorSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class ProgramPart(ExperimentFile):
    """All tables of an experiment file, but only the program's own actors."""

    program: str
    actors: "tuple[ActorSpec, ...]"  # in the order of the flow; empty for a service


def load_program(path: Path | str | None, program: str) -> ProgramPart:
    """Read what one program needs of an experiment file that was checked before.

    Raises ConfigError for a name that is neither a service nor a program of the file.
    """
    file = read_experiment_file(path)
    if program in SERVICES:
        return ProgramPart(**file.values(), program=program, actors=())
    programs_of = file.programs_of
    names = [actor for actor, programs in programs_of.items() if program in programs]
    if not names:
        near = suggest(program, {name: None for names in programs_of.values() for name in names})
        raise ConfigError(f"{file.path}: no program {program!r}{near}")
    from crepe.config.wiring import load_actor

    # A chain lists its actors in the order of the flow.
    in_order = file.chains.get(file.program_of[names[0]], names)
    own = [actor for actor in in_order if actor in file.actor_tables]
    actors = {
        name: load_actor(
            name, file.actor_tables[name], f"{file.path}: [actors.{name}]", file.directory
        )
        for name in (*own, *_writers_outside(file, own))
    }
    specs = tuple(actors[name] for name in own)
    if specs[0].shards > 1:
        from crepe.config.shards import shard

        number = programs_of[names[0]].index(program)
        kinds = {s: kind for spec in actors.values() for kind, s in spec.writes.items()}
        specs = tuple(shard(spec, number, kinds) for spec in specs)
    return ProgramPart(**file.values(), program=program, actors=specs)


def _writers_outside(file: ExperimentFile, readers: Sequence[str]) -> list[str]:
    """Return the actors outside CREPE whose streams are read.

    Their modules define message types of their own, which a reader such as `record` must import.
    A shard must know of all the streams that it reads whether they are split.
    """
    has_shards = any(file.shards[name] > 1 for name in readers)
    reads = {stream for name in readers for stream in _streams(file, name, "reads")}
    return [
        name
        for name, table in file.actor_tables.items()
        if (has_shards or not str(table.get("run")).startswith("crepe."))
        and not reads.isdisjoint(_streams(file, name, "writes"))
    ]


def _streams(file: ExperimentFile, name: str, key: str) -> tuple[str, ...]:
    return streams(file.actor_tables[name].get(key, []), f"{file.path}: [actors.{name}] {key}")
