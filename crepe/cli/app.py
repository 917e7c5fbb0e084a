"""The command `crepe`: the commands that only read, and the modules of the others."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from crepe import __version__
from crepe.cli import operator, services, sessions, start
from crepe.config.experiment import Experiment, load_experiment
from crepe.environment import paths, session
from crepe.errors import CrepeError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Closed-loop experiments with neuron cultures on multi-electrode arrays.",
)
console = Console()

ExperimentFile = Annotated[
    Path | None, typer.Argument(metavar="[EXPERIMENT]", help="Default: config/rps.toml.")
]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"crepe {__version__}")
        raise typer.Exit


@app.command()
def check(
    experiment: ExperimentFile = None,
    instrument: Annotated[
        bool, typer.Option("--instrument", help="Query its MEAME, too; stimulates nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Check an experiment file: types, bounds, names, streams and actors. Runs nothing."""
    from crepe.config.dry_run import dry_run

    try:
        checked = load_experiment(experiment)
        notes = dry_run(checked)
    except CrepeError as error:
        if as_json:
            print(json.dumps({"fits": False, "mistakes": error.mistakes}, indent=2))
        raise
    if as_json:
        programs = [program.name for program in checked.programs]
        fits = {"fits": True, "path": str(checked.path), "programs": programs, "notes": notes}
        print(json.dumps(fits, indent=2))
    else:
        for actor in checked.actors.values():
            reads = ", ".join(actor.reads) or "the instrument"
            writes = ", ".join(actor.writes.values()) or "a file"
            console.print(f"{actor.name:12} {reads} -> {writes}", soft_wrap=True)
        for note in notes:
            console.print(f"{'NOTE':12} {note}", soft_wrap=True, markup=False)
        console.print(f"{checked.path}: fits ({len(checked.programs)} programs)", soft_wrap=True)
    if instrument:
        _check_instrument(checked)


def _check_instrument(experiment: Experiment) -> None:
    from crepe.config.instrument_check import check_instrument

    is_well = True  # a finding that could not be verified does not count against it
    for finding in check_instrument(experiment, paths.run_directory()):
        verdict = {True: "ok", False: "WRONG", None: "NOT VERIFIED"}[finding.is_well]
        # markup=False: rich would take `[actors.NAME]` for a style.
        console.print(f"{verdict:12} {finding.text}", soft_wrap=True, markup=False)
        is_well = is_well and finding.is_well is not False
    raise typer.Exit(0 if is_well else 1)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show the state of every program."""
    from crepe.supervise.status import rows

    programs = rows()
    if as_json:
        print(json.dumps(programs, indent=2))
        return
    if not programs:
        last = session.current()
        if last is not None and last.ended_because:
            text = f"session {last.id} is over: {last.ended_because}"
            console.print(text, soft_wrap=True, markup=False)
        console.print("nothing runs; start it with `crepe up`")
        raise typer.Exit(1)
    problems = [(row["program"], problem) for row in programs if (problem := row.pop("problem"))]
    table = Table(*programs[0], box=None)
    for row in programs:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)
    for program, problem in problems:
        console.print(f"{program}: {problem}", style="red", soft_wrap=True, markup=False)


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="Print once and exit.")] = False,
) -> None:
    """Watch programs, lags, rates, delays and score in the terminal; Ctrl-C ends it."""
    from crepe.cli.top import run as run_top

    run_top(console, once=once)


for part in (start, operator, sessions, services):
    app.add_typer(part.app)
