"""The part of an experiment that one program needs.

The rest of the file is trusted, since `crepe up` has checked it as a whole. A dozen programs start
at once, so each imports its own actors only, and a service none.
"""

# Decision 46: what programs do not import.

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from crepe.config.experiment_file import ExperimentFile, read_experiment_file
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
    names = [actor for actor, name in file.program_of.items() if name == program]
    if not names:
        near = suggest(program, dict.fromkeys(file.program_of.values()))
        raise ConfigError(f"{file.path}: no program {program!r}{near}")
    from crepe.config.wiring import load_actor

    in_order = file.chains.get(program, names)  # a chain lists its actors in the order of the flow
    actors = tuple(
        load_actor(name, file.actor_tables[name], f"{file.path}: [actors.{name}]")
        for name in in_order
        if name in file.actor_tables
    )
    return ProgramPart(**file.values(), program=program, actors=actors)
