"""`crepe sweep`: the line of each run as it ends, then tables, and a report beside the results."""

import json
from pathlib import Path

import typer
from rich.table import Table

from crepe.cli.output import Output, finite, open_console
from crepe.cli.progress import progress
from crepe.environment import paths
from crepe.errors import CrepeError, ExitCode
from crepe.games import section
from crepe.study.sweep.executors import open_executor
from crepe.study.sweep.file import SweepFile
from crepe.study.sweep.results import Results
from crepe.study.sweep.runs import run_line
from crepe.study.sweep.samplers import open_sampler
from crepe.study.sweep.search import RunResult, Search
from crepe.study.sweep.sections import table_of_conditions, table_of_points, table_of_winner
from crepe.study.sweep.summary import Summary

REPORT = "report.html"

_IN_REPORT_ONLY = ("median", "lowest", "highest")


def run_sweep(
    path: Path, n_workers: int | None, dask: str, out: Path | None, output: Output
) -> None:
    """Run `crepe sweep`."""
    file = SweepFile(path)
    sampler = open_sampler(file)
    directory = out or paths.var_directory() / "sweeps" / file.name
    cultures = file.tables.cultures
    n_runs = sampler.n_points * len(cultures.seeds) + len(cultures.held_out)
    failed: list[RunResult] = []
    results = Results(directory)
    try:
        with (
            open_executor(n_workers, dask) as executor,
            progress("sweep", "runs", n_runs, open_console(stderr=True)) as reached,
        ):
            n_over = 0

            def on_run(run: RunResult) -> None:
                nonlocal n_over
                n_over += 1
                reached(n_over)
                if run.document is None:
                    failed.append(run)
                output.text(_line(run))

            result = Search(file, results, executor, run_line, on_run).search(sampler)
    except KeyboardInterrupt:
        output.line(f"interrupted; {results.path} keeps the runs that ended. To go on, repeat it")
        raise
    finally:
        results.close()
    summary = Summary(file, result)
    report = _write(summary, directory)
    if not output.as_json:
        _print(summary, output)
    output.text(f"{results.path}, {report}")
    output.document({**summary.document(), "results": str(results.path), "report": str(report)})
    if failed:
        output.line(f"{len(failed)} runs failed, such as {_line(failed[0])}", "red")
        raise typer.Exit(ExitCode.FAILED)


def _line(run: RunResult) -> str:
    score = "-" if run.score is None else f"{run.score:.3f}"
    kept = "kept, " if run.was_kept else ""
    held_out = "held-out, " if run.request.is_held_out else ""
    problem = f"; {run.problem}" if run.problem else ""
    return f"{kept}{held_out}score {score}: {run.request.line}{problem}"


def _print(summary: Summary, output: Output) -> None:
    simulated = "; SIMULATED cultures" if summary.is_simulated else ""
    output.line(f"{summary.file.title}: {summary.score_name}{simulated}", "bold")
    winner = summary.result.winner
    if winner is not None or summary.file.axes:
        output.console.print(_table(table_of_points(summary)))
    if winner is None and not summary.file.axes:
        for name in summary.value_names:
            output.line(name)
            output.console.print(
                _table(table_of_conditions(summary.values(summary.result.points[0], name)))
            )
    if winner is not None:
        output.line(f"winner: point {winner.point.point.number}, {winner.point.point}", "bold")
        output.console.print(_table(table_of_winner(summary)))
        output.line("in sample: the best of several, so chance has a part in it; report the other")
        if winner.n_earlier:
            output.line(
                f"the held-out cultures have been tried with {winner.n_earlier} other points "
                "before: take others for a number to report",
                "yellow",
            )


def _table(content: section.Table) -> Table:
    """Return a table that 80 columns hold: the spread over cultures is in the report only."""
    shown = [i for i, name in enumerate(content.head) if name not in _IN_REPORT_ONLY]
    table = Table(box=None)
    for i in shown:
        table.add_column(content.head[i], overflow="fold", no_wrap=i == 0)
    for row in content.rows:
        table.add_row(*(row[i] for i in shown))
    return table


def _write(summary: Summary, directory: Path) -> Path:
    """Write report.html, its figures and report.json; return the path of the page."""
    from crepe.report import html, views  # matplotlib is slow to import
    from crepe.study.sweep.sections import sections

    contents = sections(summary)
    pictures = {
        picture.name: picture
        for content in contents
        for picture in views.pictures_of(content, is_simulated=summary.is_simulated)
    }
    notice = html.element("p", html.element("strong", "SIMULATED"), class_="simulated")
    page = html.page(
        summary.file.title,
        html.element("h1", summary.file.title),
        *([notice] if summary.is_simulated else []),
        html.element("p", f"{summary.file.path}, experiment {summary.file.experiment_path}"),
        *(views.section_of(content, pictures) for content in contents),
    )
    path = directory / REPORT
    try:
        for picture in pictures.values():
            (directory / f"{picture.name}.png").write_bytes(picture.png)
        numbers = json.dumps(finite(summary.document()), indent=1, default=str)
        (directory / "report.json").write_text(numbers + "\n", encoding="utf-8")
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CrepeError(f"{directory}: cannot be written: {error.strerror}") from error
    return path
