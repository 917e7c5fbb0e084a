"""The commands that start an experiment or stop it."""

from pathlib import Path
from typing import Annotated

import typer

from crepe.cli.options import (
    START_AND_STOP,
    AsJson,
    ExperimentFile,
    Machine,
    New,
    Seed,
    Settings,
    TakeOver,
)
from crepe.cli.output import Output
from crepe.cli.progress import machine_lines, starting, stopping
from crepe.config.experiment import Experiment, load_experiment
from crepe.environment import paths, session
from crepe.errors import ConfigError, CrepeError, ExitCode
from crepe.messages import GameState
from crepe.safety import arming
from crepe.supervise import control, unfinished

app = typer.Typer()


@app.command(rich_help_panel=START_AND_STOP)
def play(
    experiment: ExperimentFile = None,
    *,
    rounds: Annotated[int | None, typer.Option(min=1, help="Number of trials.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End after so many seconds of data.")
    ] = None,
    seed: Seed = None,
    file: Annotated[
        Path | None, typer.Option(help="Analyse this recording: MCS HDF5, or one of CREPE's.")
    ] = None,
    recording: Annotated[
        str, typer.Option(help="With --file: label or name of one of its recordings.")
    ] = "",
    stream: Annotated[
        str, typer.Option(help="With --file: label or name of one of its analog streams.")
    ] = "",
    geometry: Annotated[
        str,
        typer.Option(
            help="Array of the electrodes, such as 60MEA200, or a probeinterface file (.json)."
        ),
    ] = "",
    person: Annotated[
        bool, typer.Option("--person", help="Play yourself: `crepe gesture rock`.")
    ] = False,
    lockstep: Annotated[
        bool,
        typer.Option(
            "--lockstep", help="In simulated time, which waits for a slow or busy machine."
        ),
    ] = False,
    settings: Settings = None,
    new: New = False,
    take_over: TakeOver = False,
    as_json: AsJson = False,
) -> None:
    """Run an experiment from start to end, with a scoreboard; stop everything afterwards.

    A file without a game runs until its data end, until --seconds, or until Ctrl-C.

    Example: `crepe play --rounds 3`

    Exit status: 1 if the game was not played to its end, or all its stimuli were refused.
    """
    from crepe.cli.play import play as play_game
    from crepe.cli.play_data import play_data, play_file
    from crepe.config.overrides import FileChoice, parse_settings, prepare

    player = "person" if person else None
    control.must_be_down()  # its programs may read the file that `prepare` writes
    ready = prepare(
        experiment,
        settings=parse_settings(settings or ()),
        rounds=rounds,
        seed=seed,
        file=FileChoice(file, recording, stream) if file else None,
        geometry=geometry,
        player=player,
        in_lockstep=lockstep,
    )
    if (recording or stream) and file is None:
        raise ConfigError("--recording and --stream choose from a file: give --file as well")
    unfinished.abandon(new=new)
    output = Output(as_json=as_json)
    report_latch(ready, output)
    run = play_file if file is not None else play_game if ready.streams_of(GameState) else play_data
    is_played = run(ready, output, seconds=seconds, take_over=take_over)
    raise typer.Exit(ExitCode.DONE if is_played else ExitCode.FAILED)


@app.command(rich_help_panel=START_AND_STOP)
def up(
    experiment: ExperimentFile = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume a session that was cut off.")
    ] = False,
    settings: Settings = None,
    machine: Machine = "",
    new: New = False,
    take_over: TakeOver = False,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Become supervisord, as a container needs it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Start all programs of an experiment; they run until `crepe down`.

    With --machine this machine joins the session that runs, and starts its part of the programs;
    they run until the session ends on the main machine.

    Example: `crepe up config/rps.toml`

    Exit status: 1 if a program does not start (all are stopped again), for --resume with nothing
    to resume, or for --machine without a session to join.
    """
    from crepe.config.overrides import parse_settings, prepare
    from crepe.supervise import start

    output = Output(as_json=as_json)
    control.must_be_down()  # its programs may read the file that `prepare` writes
    # Without an argument supervisord passes CREPE_EXPERIMENT on, so that is the file to check.
    if machine:
        _join(
            experiment,
            machine,
            output,
            foreground=foreground,
            others=(resume, new, take_over, bool(settings)),
        )
        return
    checked = prepare(
        experiment or paths.experiment_path(), settings=parse_settings(settings or ())
    )
    session_is = unfinished.resume_or_new(resume=resume, new=new)
    path = checked.path if experiment or settings else None
    report_latch(checked, output)
    if foreground:
        start.up(checked, path, session_is, take_over=take_over, foreground=True)
    with starting(checked) as reached:
        start.up(checked, path, session_is, take_over=take_over, reached=reached).close()
    page = start.page_links(checked)
    for line in page.lines if page else ():
        output.text(line)
    for line in machine_lines(checked):
        output.text(line)
    newest = f"crepe redis-cli XREVRANGE {checked.name}:data + - COUNT 1"
    output.text(f"`{newest}` shows the newest data")
    begun = session.current()
    output.document(
        {
            "session": begun.id if begun else None,
            "experiment": str(checked.path),
            "programs": [program.name for program in checked.programs],
            "live_page": page._asdict() if page else None,
            "redis_cli": "crepe redis-cli",
        }
    )


def _join(
    path: Path | None, machine: str, output: Output, *, foreground: bool, others: tuple[bool, ...]
) -> None:
    """Join the session that the main machine runs."""
    from crepe.supervise import start

    if any(others):
        raise ConfigError(
            "--machine: the session and its settings are the main machine's; leave out --resume, "
            "--new, --take-over and --set"
        )
    checked = load_experiment(path or paths.experiment_path(), machine=machine)
    if foreground:
        start.up(checked, checked.path, "", foreground=True)
    with starting(checked) as reached:
        start.up(checked, checked.path, "", reached=reached).close()
    joined = session.current()
    output.text(f"machine {machine}: joined session {joined.id if joined else ''}")
    output.document(
        {
            "session": joined.id if joined else None,
            "experiment": str(checked.path),
            "machine": machine,
            "programs": [program.name for program in checked.programs],
        }
    )


@app.command(rich_help_panel=START_AND_STOP)
def down(as_json: AsJson = False) -> None:
    """Stop all programs in order, and leave no process behind.

    It waits for a recorder that lags while that makes progress, and shows how much is left.

    Example: `crepe down`

    Exit status: 1 if a process still runs, or the recording lacks something: then the session
    has not ended, and `crepe up --resume` goes on with it.
    """
    output = Output(as_json=as_json)
    supervisor = control.running()
    with stopping() as left:
        has_stopped, unrecorded = control.down(left=left)
    output.text("stopped" if has_stopped else "nothing was running")
    is_visible = supervisor is None or supervisor.process.is_visible
    output.document(
        {
            "has_stopped": has_stopped,
            "are_processes_visible": is_visible,
            "unrecorded": unrecorded,
        }
    )
    if supervisor is not None and not is_visible:
        output.line(
            f"supervisord ({supervisor.process}) has ended; whether a program that it ran is left "
            "cannot be seen from here"
        )
    if unrecorded:
        raise CrepeError(unrecorded)


def report_latch(experiment: Experiment, output: Output) -> None:
    """Print that an earlier `crepe stop` forbids all stimulation, or that it does not hold here."""
    by = arming.stopped_by(paths.run_directory())
    if by is None or not experiment.can_stimulate:
        return
    if experiment.lockstep_s is not None:
        output.line(
            f"the stop by {by} does not hold in lock-step, where no instrument is driven: the "
            "culture is simulated in the stimulator itself. In real time it holds until "
            "`crepe arm`",
            "bold red",
        )
        return
    output.line(
        f"STOPPED by {by}: nothing is stimulated until `crepe arm`, which works as soon as "
        "the programs run",
        "bold red",
    )
