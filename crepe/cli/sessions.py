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
    summaries = library.summaries()
    if as_json:
        print(json.dumps([summary.model_dump(mode="json") for summary in summaries], indent=2))
    elif not summaries:
        console.print(f"{library.var}: no session is recorded yet", soft_wrap=True, markup=False)
    else:
        console.print(_table(summaries))
        for summary in summaries:
            for problem in summary.part_problems:
                console.print(problem, style="red", soft_wrap=True, markup=False)


@app.command()
def report(
    session: Annotated[str, typer.Argument(help="Its ID, `last`, or the path of a recording.")],
    out: Annotated[
        Path | None, typer.Option(help="Directory; default: var/reports/SESSION.")
    ] = None,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="End when this parent process ends.")
    ] = None,
) -> None:
    """Write a page on a recorded session, with its figures, and its numbers as JSON."""
    from crepe.report.build import write

    if parent is not None:
        end_with(parent)
    console.print(f"report: {write(session, out)}", soft_wrap=True, markup=False)


def _table(summaries: "list[Summary]") -> Table:
    table = Table(box=None, pad_edge=False, collapse_padding=True)
    table.add_column("session", no_wrap=True)
    table.add_column("started, UTC", min_width=10)
    table.add_column("length", no_wrap=True)
    table.add_column("title", min_width=11)
    table.add_column("score", min_width=7)
    table.add_column("gaps", justify="right", no_wrap=True)
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("report", no_wrap=True)
    for summary in summaries:
        cells = [
            summary.id,
            (summary.started or "")[:16].replace("T", " "),
            _length(summary),
            summary.problem or _title(summary),
            _score(summary),
            str(summary.n_gaps),
            f"{summary.n_bytes / 1e6:.1f}",
            "yes" if summary.has_report else "",
        ]
        table.add_row(*map(Text, cells), style="red" if summary.problem else None)
    return table


def _title(summary: "Summary") -> str:
    n_parts = len(summary.parts)
    return f"{summary.title} ({n_parts} parts)" if n_parts > 1 else summary.title


def _length(summary: "Summary") -> str:
    if summary.problem:
        return "unreadable"
    return "running" if summary.is_running else str(timedelta(seconds=round(summary.duration_s)))


def _score(summary: "Summary") -> str:
    """Return the score by condition where there are several, else the score of the game."""
    if summary.by_condition:
        parts = summary.by_condition.items()
        return ", ".join(f"{name} {n_right}/{n}" for name, (n_right, n) in parts)
    return ", ".join(f"{name} {n}" for name, n in summary.score.items())
