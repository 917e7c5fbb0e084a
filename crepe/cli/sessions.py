"""The commands about recorded sessions: `crepe sessions` and `crepe report`."""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from crepe.environment.process import end_with

if TYPE_CHECKING:
    from crepe.results.library import Summary

app = typer.Typer()
console = Console()


@app.command()
def sessions(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """List the recorded sessions, newest first."""
    from crepe.results.library import Library
    from crepe.supervise import control

    library = Library(programs_run=control.is_running())
    found = library.summaries()
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=2))
    elif not found:
        console.print(f"{library.var}: no session is recorded yet", soft_wrap=True, markup=False)
    else:
        console.print(_table(found))
        for summary in found:
            for problem in summary.part_problems:
                console.print(problem, style="red", soft_wrap=True, markup=False)


@app.command()
def report(
    session: Annotated[str, typer.Argument(help="Its ID, `last`, or the path of a recording.")],
    out: Annotated[
        Path | None, typer.Option(help="Directory; default: var/reports/SESSION.")
    ] = None,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="Give up when this parent is gone.")
    ] = None,
) -> None:
    """Write a page about a recorded session, with its figures and its numbers as JSON."""
    from crepe.report.build import write

    if parent is not None:
        end_with(parent)
    console.print(f"report: {write(session, out)}", soft_wrap=True, markup=False)


def _table(found: "list[Summary]") -> Table:
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("session", no_wrap=True)
    table.add_column("started, UTC", min_width=10)
    table.add_column("length", no_wrap=True)
    table.add_column("title", min_width=11)
    table.add_column("score", min_width=7)
    table.add_column("gaps", justify="right", no_wrap=True)
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("report", no_wrap=True)
    for one in found:
        cells = [
            one.id,
            (one.started or "")[:16].replace("T", " "),
            _length(one),
            one.problem or _title(one),
            _score(one),
            str(one.n_gaps),
            f"{one.n_bytes / 1e6:.1f}",
            "yes" if one.has_report else "",
        ]
        table.add_row(*map(Text, cells), style="red" if one.problem else None)
    return table


def _title(one: "Summary") -> str:
    n_parts = len(one.parts)
    return f"{one.title} ({n_parts} parts)" if n_parts > 1 else one.title


def _length(one: "Summary") -> str:
    if one.problem:
        return "unreadable"
    return "running" if one.is_running else str(timedelta(seconds=round(one.duration_s)))


def _score(one: "Summary") -> str:
    """By condition where there are several, else as the game said."""
    if one.by_condition:
        parts = one.by_condition.items()
        return ", ".join(f"{name} {n_right}/{n}" for name, (n_right, n) in parts)
    return ", ".join(f"{name} {n}" for name, n in one.score.items())
