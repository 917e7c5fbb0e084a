"""The command `crepe`: its groups of commands, and those that only read."""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from crepe import __version__
from crepe.cli import operator, services, sessions, start, study
from crepe.cli.options import LOOK, TOOLS, AsJson, Machine, Settings
from crepe.cli.output import Output
from crepe.config.experiment import Experiment, load_experiment
from crepe.config.machines import unseen
from crepe.config.own_files import DEFAULT, write_copy
from crepe.environment import paths, session
from crepe.environment.finding import Finding
from crepe.errors import ConfigError, CrepeError, ExitCode

EXIT_STATUSES = (
    f"Exit status: {ExitCode.DONE} done; {ExitCode.FAILED} failed, with the reason on stderr, or a "
    f"result that is not as it must be; {ExitCode.USAGE} wrong command line; "
    f"{ExitCode.INTERRUPTED} interrupted by Ctrl-C. With NO_COLOR set, nothing is coloured."
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # in rich's own markup `[actors.NAME]` would be a style
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run closed-loop experiments with neuron cultures on multi-electrode arrays.\n\n"
    "Example: `crepe play --rounds 3`",
    epilog=EXIT_STATUSES,
)
look = typer.Typer()
tools = typer.Typer()


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"crepe {__version__}")
        raise typer.Exit


@tools.command(rich_help_panel=TOOLS)
def new(
    name: Annotated[
        Path | None,
        typer.Argument(metavar="NAME", help="The file to write. Default: as in --from, here."),
    ] = None,
    source: Annotated[
        str,
        typer.Option("--from", metavar="EXPERIMENT", help="An experiment that comes with CREPE."),
    ] = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Write an experiment file to edit: a copy of one that comes with CREPE.

    Example: `crepe new mine --from pong`

    Exit status: 1 if the file exists; nothing is overwritten.
    """
    output = Output(as_json=as_json)
    path = write_copy(name or Path(source), source)
    output.text(f"{path}: written; edit it, then `crepe check {path}` and `crepe play {path}`")
    output.text(f"recordings and logs will be in {paths.var_directory()}; CREPE_VAR changes that")
    output.document({"path": str(path), "var": str(paths.var_directory())})


@tools.command(rich_help_panel=TOOLS)
def check(
    experiment: Annotated[
        str | None,
        typer.Argument(
            metavar="EXPERIMENT",
            help="An experiment file (default: config/rps.toml), or the URL or import path of an "
            "instrument.",
        ),
    ] = None,
    instrument: Annotated[
        bool,
        typer.Option(
            "--instrument", help="Query its instruments and record a moment; stimulates nothing."
        ),
    ] = False,
    redis: Annotated[
        bool,
        typer.Option("--redis", help="Try what CREPE needs of the Redis server in CREPE_REDIS."),
    ] = False,
    machine: Machine = "",
    settings: Settings = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Check an experiment file: types, bounds, names and every stream. Run nothing.

    Example: `crepe check config/rps.toml`, or `crepe check --instrument meame://HOST:8888`

    Exit status: 1 if the file does not fit, or a finding at instrument or server is WRONG.
    """
    from crepe.config.dry_run.dry_run import dry_run
    from crepe.config.overrides import parse_settings
    from crepe.hw.device import is_device

    output = Output(as_json=as_json)
    if experiment and is_device(experiment):
        if not instrument:
            raise ConfigError(f"{experiment}: is a device, which `--instrument` checks")
        _check_device(experiment, output)
        return
    try:
        path = Path(experiment) if experiment else None
        checked = load_experiment(path, parse_settings(settings or ()), machine=machine)
        notes = [*dry_run(checked), *(unseen(checked) if machine else ())]
    except CrepeError as error:
        output.document({"fits": False, "mistakes": error.mistakes})
        raise
    for actor in checked.actors.values():
        reads = ", ".join(actor.reads) or "the instrument"
        writes = ", ".join(actor.writes.values()) or "a file"
        output.text(f"{actor.name:12} {reads} -> {writes}")
    for note in notes:
        output.text(f"{'NOTE':12} {note}")
    output.text(f"{checked.path}: fits ({len(checked.programs)} programs)")
    findings = [
        *(_check_redis(checked, output) if redis else []),
        *(_check_instrument(checked, output) if instrument else []),
    ]
    actors = {
        actor.name: {"reads": list(actor.reads), "writes": list(actor.writes.values())}
        for actor in checked.actors.values()
    }
    output.document(
        {
            "fits": True,
            "path": str(checked.path),
            "programs": [program.name for program in checked.programs],
            "actors": actors,
            "notes": notes,
            "findings": findings,
        }
    )
    if any(finding["is_well"] is False for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def _check_instrument(experiment: Experiment, output: Output) -> list[dict[str, Any]]:
    from crepe.config.instrument_check import check_instrument

    return _print_findings(check_instrument(experiment, paths.run_directory()), output)


def _check_device(url: str, output: Output) -> None:
    from crepe.config.device_check import check_device

    paths.import_from(Path())  # a module beside the reader, as one beside an experiment file
    logging.getLogger("crepe.hw").setLevel(logging.CRITICAL + 1)  # findings tell what goes wrong
    findings = _print_findings(check_device(url), output)
    output.document({"device": url, "findings": findings})
    if any(finding["is_well"] is False for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def _check_redis(experiment: Experiment, output: Output) -> list[dict[str, Any]]:
    from crepe.redis_server.address import without_password
    from crepe.redis_server.check import acl_line, check_server
    from crepe.redis_server.choice import choose

    chosen = choose()
    if chosen.url is None:
        own = Finding(True, f"CREPE_REDIS is not set: CREPE runs its own server, {chosen.binary}")
        return _print_findings([own], output)
    output.text(f"{'server':12} {without_password(chosen.url)}, culture {experiment.name!r}")
    output.text(f"{'rights':12} {acl_line(experiment.name)}")
    return _print_findings(check_server(chosen.url, experiment.name), output)


def _print_findings(findings: Iterable[Finding], output: Output) -> list[dict[str, Any]]:
    printed = []
    for finding in findings:
        # A finding that could not be verified does not count against instrument or server.
        verdict = {True: "ok", False: "WRONG", None: "NOT VERIFIED"}[finding.is_well]
        output.text(f"{verdict:12} {finding.text}")
        printed.append(finding._asdict())
    return printed


@look.command(rich_help_panel=LOOK)
def status(as_json: AsJson = False) -> None:
    """Show the state of every program of the session that runs, and the links to the live page.

    Example: `crepe status --json`

    Exit status: 1 if nothing runs.
    """
    from crepe.safety import arming
    from crepe.supervise.beside import sessions_beside
    from crepe.supervise.start import links_now
    from crepe.supervise.status import rows

    output = Output(as_json=as_json)
    programs = rows()
    output.document(programs)
    if not programs:
        last = session.current()
        if last is not None and last.ended_because:
            output.line(f"session {last.id} is over: {last.ended_because}")
        output.line("nothing runs; start it with `crepe up`")
        raise typer.Exit(ExitCode.FAILED)
    if not as_json:
        _print_status(programs, output)
        for line in page.lines if (page := links_now()) else ():
            output.line(line)
        for beside in sessions_beside(paths.var_directory()):
            output.line(str(beside))
        if by := arming.stopped_by(paths.run_directory()):
            output.line(f"STOPPED by {by}: nothing is stimulated until `crepe arm`", "bold red")


_SHOWN = ("pid", "up/s", "restarts", "lag", "p99/ms", "gaps", "missing")
"""Columns beside program and state; all others are in the JSON document. 80 columns hold these."""


def _print_status(programs: list[dict[str, Any]], output: Output) -> None:
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("program", no_wrap=True, overflow="ignore")
    table.add_column("state", no_wrap=True)
    for name in _SHOWN:
        table.add_column(name, justify="right", no_wrap=True)
    for row in programs:
        # The first word, such as `stale` or `waiting`; the line below has them all.
        state = str(row["state"]).split(" ")[0]
        shown = row | {"p99/ms": f"{row['p99/ms']:.1f}"}
        table.add_row(row["program"], state, *(str(shown[name]) for name in _SHOWN))
    output.console.print(table)
    output.line("lag and missing are in samples")
    for row in programs:
        if " " in str(row["state"]):
            output.line(f"{row['program']}: {row['state']}", "yellow")
        if row["unreadable"]:
            output.line(f"{row['program']}: {row['unreadable']} unreadable messages", "yellow")
        if row["problem"]:
            output.line(f"{row['program']}: {row['problem']}", "red")


@look.command(rich_help_panel=LOOK)
def top(
    once: Annotated[bool, typer.Option("--once", help="Print once and exit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Watch programs, lags, rates, delays and score in the terminal, until Ctrl-C.

    Through a pipe, and with `--json`, the state is printed once.

    Example: `crepe top --once`

    Exit status: 1 if nothing runs.
    """
    from crepe.cli.top import run as run_top

    run_top(Output(as_json=as_json), once=once)


# In the order of their groups in the help.
for part in (start.app, look, sessions.app, operator.app, study.app, tools, services.app):
    app.add_typer(part)
