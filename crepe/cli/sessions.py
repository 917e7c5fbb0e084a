"""The commands on recorded sessions: `sessions`, `report`, `replay`, `export`, `recover`."""

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from crepe.cli.options import LOOK, AsJson, SessionName
from crepe.cli.output import Output, open_console
from crepe.cli.progress import progress
from crepe.environment.process import end_with
from crepe.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from crepe.results.library import Summary

app = typer.Typer()
export = typer.Typer(
    no_args_is_help=True, help="Write a recorded session in a format of other programs."
)


@app.command(rich_help_panel=LOOK)
def sessions(as_json: AsJson = False) -> None:
    """List the recorded sessions, newest first.

    Example: `crepe sessions --json`
    """
    from crepe.results.library import Library
    from crepe.supervise import control

    output = Output(as_json=as_json)
    library = Library(programs_run=control.is_running())
    summaries = library.summaries()
    output.document([summary.model_dump(mode="json") for summary in summaries])
    if not summaries:
        output.text(f"{library.var}: no session is recorded yet")
    elif not as_json:
        output.console.print(_table(summaries))
        for summary in summaries:
            for problem in summary.part_problems:
                output.line(problem, "red")


@app.command(rich_help_panel=LOOK)
def report(
    session: SessionName,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to. Default: var/reports/SESSION.")
    ] = None,
    parent: Annotated[
        int | None, typer.Option(hidden=True, help="End when this parent process ends.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a page on a recorded session, with its figures, and its numbers as JSON.

    Example: `crepe report last`
    """
    from crepe.report.build import N_STEPS, write

    if parent is not None:
        end_with(parent)
    output = Output(as_json=as_json)
    with progress("report", "parts", N_STEPS, open_console(stderr=True)) as reached:
        path = write(session, out, reached)
    output.text(f"report: {path}")
    output.document({"report": str(path), "numbers": str(path.with_name("report.json"))})


@app.command(rich_help_panel=LOOK)
def replay(
    session: SessionName,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every message with the recorded one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a recorded session through its actors again; nothing is stimulated.

    Data, commands, and what became of the stimuli are taken from the recording. Actors of your own
    are imported from this directory, if the recording does not name another.

    Example: `crepe replay last --verify`

    Exit status: 1 if a message differs; the first one is printed.
    """
    from crepe.recording.choice import find_recording
    from crepe.runtime.verify import verify as verify_recording

    if not verify:
        raise ConfigError("replay: give --verify; to look at a session again use the live page")
    output = Output(as_json=as_json)
    result = verify_recording(find_recording(session), Path())
    difference = result.difference
    for stream, n in result.n_compared.items():
        output.text(f"{stream}: {n} messages")
    output.document(asdict(result))
    if difference is not None:
        written_by = ", ".join(f"{name} {version}" for name, version in result.versions.items())
        output.line(f"different: {difference}; recorded with {written_by}", "red")
        raise typer.Exit(ExitCode.FAILED)
    output.text(f"session {result.session}: identical")


app.add_typer(export, name="export", rich_help_panel=LOOK)


@export.command()
def nwb(
    session: SessionName,
    out: Annotated[
        Path | None, typer.Option(help="File to write. Default: beside the recording, SESSION.nwb.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write samples, spikes, trials, stimuli and notes as Neurodata Without Borders (NWB).

    It needs pynwb. What the archive DANDI requires and the experiment does not say is listed.

    Example: `crepe export nwb last`
    """
    from crepe.bridge.nwb import export_nwb

    output = Output(as_json=as_json)
    with progress("export", "s of data", None, open_console(stderr=True)) as reached:
        path, missing = export_nwb(
            session, out, lambda done_s, all_s: reached(done_s, f"of {all_s:.0f}")
        )
    output.text(f"nwb: {path}")
    for problem in missing:
        output.text(problem)
    output.document({"nwb": str(path), "missing": missing})


@export.command()
def csv(
    session: SessionName,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to. Default: beside the recording.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write trials, stimuli, spikes and notes as CSV files, for R and spreadsheets.

    Example: `crepe export csv last --out tables`
    """
    from crepe.bridge.csv_files import export_csv

    output = Output(as_json=as_json)
    n_rows = export_csv(session, out)
    for path, n in n_rows.items():
        output.text(f"{path}: {n} rows")
    output.document({path.stem: {"csv": str(path), "n_rows": n} for path, n in n_rows.items()})


@app.command(rich_help_panel=LOOK)
def recover(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A damaged recording of CREPE.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write to. Default: beside it, NAME.recovered.h5.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write all that can be trusted of a damaged recording to a new file, and list what is missing.

    Exit status 1 if something is missing. The original is not changed.

    Example: `crepe recover var/recordings/SESSION.h5`
    """
    from crepe.recording.recover import default_path
    from crepe.recording.recover import recover as recover_file

    output = Output(as_json=as_json)
    recovery = recover_file(file, out or default_path(file))
    output.document(recovery.document())
    output.line(f"recovered: {recovery.path}, from {', '.join(recovery.sources)}")
    for problem in recovery.problems:
        output.line(f"missing: {problem}", "red")
    for name, stream in recovery.streams.items():
        for start, stop in stream.missing:
            seconds = (stop - start) / stream.sampling_rate_hz
            output.line(f"missing: {name}, samples {start} to {stop}, {seconds:.3f} s", "red")
        if stream.is_end_unknown:
            output.line(f"missing: {name}, the end of its table: more may have followed", "red")
    for note in recovery.notes:
        output.line(f"uncertain: {note}")
    if not recovery.is_complete:
        raise typer.Exit(ExitCode.FAILED)
    output.line("nothing is missing")


def _table(summaries: "list[Summary]") -> Table:
    # The ID has date and time (UTC) of the start. Title and score share what is left, by words.
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("session", no_wrap=True)
    table.add_column("length", no_wrap=True)
    table.add_column("title", overflow="fold")
    table.add_column("score", overflow="fold")
    table.add_column("gaps", justify="right", no_wrap=True)
    table.add_column("MB", justify="right", no_wrap=True)
    table.add_column("report", no_wrap=True)
    for summary in summaries:
        cells = [
            summary.id,
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
        parts = [f"{name} {right}/{n}" for name, (right, n) in summary.by_condition.items()]
        left_out = [f"left out {summary.n_left_out}"] if summary.n_left_out else []
        return ", ".join([*parts, *left_out])
    return ", ".join(f"{name} {n}" for name, n in summary.score.items())
