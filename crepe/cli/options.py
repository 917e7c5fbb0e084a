"""Arguments, options and groups that several commands share, and their completion in the shell.

No completion opens a recording or connects to a server.
"""

from pathlib import Path
from typing import Annotated

import typer

from crepe.commands import SAYABLE
from crepe.config.experiment_file import read_experiment_file
from crepe.config.services import SERVICES
from crepe.environment import paths
from crepe.errors import CrepeError
from crepe.recording.choice import LAST, recordings_in

START_AND_STOP = "Start and stop"
LOOK = "Look"
SPEAK = "Speak to the session"
SAFETY = "Safety"
STUDY = "Study"
TOOLS = "Tools"
"""The groups of `crepe --help`."""

GESTURES = ("rock", "paper", "scissors")


def complete_programs(incomplete: str) -> list[str]:
    """Return the programs of the experiment in CREPE_EXPERIMENT, or of the default one."""
    try:
        file = read_experiment_file(paths.experiment_path())
    except CrepeError:  # a shell can show no error
        return []
    programs = (name for names in file.programs_of.values() for name in names)
    return _matching((*SERVICES, *dict.fromkeys(programs)), incomplete)


def complete_sessions(incomplete: str) -> list[str]:
    """Return `last` and the recorded sessions, newest first."""
    names = sorted(recordings_in(paths.var_directory() / "recordings"), reverse=True)
    return _matching((LAST, *names), incomplete)


def complete_commands(incomplete: str) -> list[str]:
    """Return the commands that `crepe say` sends."""
    return _matching(SAYABLE, incomplete)


def complete_gestures(incomplete: str) -> list[str]:
    """Return the gestures of rock-paper-scissors."""
    return _matching(GESTURES, incomplete)


def _matching(names: tuple[str, ...], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


ExperimentFile = Annotated[
    Path | None,
    typer.Argument(metavar="EXPERIMENT", help="An experiment file. Default: config/rps.toml."),
]
ControlsFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="EXPERIMENT", help="An experiment file. Default: config/rps-controls.toml."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A setting of the experiment, by dotted name, instead of the file's; repeatable.",
    ),
]
Machine = Annotated[
    str,
    typer.Option(
        "--machine", metavar="NAME", help="Only the part of a further machine of the session."
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document on stdout; other text goes to stderr."),
]
New = Annotated[
    bool,
    typer.Option("--new", help="Abandon a session that was cut off. Its recording stays."),
]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Seed of chance and of the simulated culture.")
]
TakeOver = Annotated[
    bool,
    typer.Option("--take-over", help="End the session that uses the same culture on the server."),
]
SessionName = Annotated[
    str,
    typer.Argument(
        metavar="SESSION",
        help="ID of a session, `last`, or the path of a recording.",
        autocompletion=complete_sessions,
    ),
]
ProgramName = Annotated[
    str,
    typer.Argument(
        metavar="PROGRAM",
        help="Name of a program, as `crepe status` lists it.",
        autocompletion=complete_programs,
    ),
]
