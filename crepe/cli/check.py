"""`crepe check`: all mistakes of an experiment file, or its actors and what only a run can show."""

import json
from pathlib import Path

import typer
from rich.console import Console

from crepe.config.dry_run import dry_run
from crepe.config.experiment import Experiment, load_experiment
from crepe.errors import ConfigError, CrepeError


def run(path: Path | None, console: Console, *, as_json: bool) -> Experiment:
    """Check an experiment file and print the result; return the experiment.

    Raises ConfigError with all mistakes. With `as_json` they are printed as one object, and the
    exit status is 1.
    """
    try:
        checked = load_experiment(path)
        notes = dry_run(checked)
    except CrepeError as error:
        if not as_json:
            raise
        texts = error.mistakes if isinstance(error, ConfigError) else (str(error),)
        print(json.dumps({"fits": False, "mistakes": texts}, indent=2))
        raise typer.Exit(1) from error
    if as_json:
        print(json.dumps({"fits": True, "mistakes": [], **_summary(checked, notes)}, indent=2))
        return checked
    for actor in checked.actors.values():
        reads = ", ".join(actor.reads) or "the instrument"
        writes = ", ".join(actor.writes.values()) or "a file"
        console.print(f"{actor.name:12} {reads} -> {writes}", soft_wrap=True, markup=False)
    for text in notes:
        console.print(f"{'NOTE':12} {text}", soft_wrap=True, markup=False)
    n_programs = len(checked.programs)
    console.print(f"{checked.path}: fits ({n_programs} programs)", soft_wrap=True, markup=False)
    return checked


def _summary(checked: Experiment, notes: list[str]) -> dict[str, object]:
    return {
        "path": str(checked.path),
        "notes": notes,
        "actors": {
            name: {"reads": list(actor.reads), "writes": list(actor.writes.values())}
            for name, actor in checked.actors.items()
        },
        "programs": [program.name for program in checked.programs],
    }
