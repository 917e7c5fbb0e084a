"""The commands that start an experiment or stop it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from crepe.config.experiment import load_experiment
from crepe.environment import paths
from crepe.redis_server.server import redis_cli_line
from crepe.supervise import unfinished

app = typer.Typer()
console = Console()
CONTROLS = paths.project_directory() / "config" / "rps-controls.toml"

ExperimentFile = Annotated[
    Path | None, typer.Argument(metavar="[EXPERIMENT]", help="Default: config/rps.toml.")
]
ControlsFile = Annotated[
    Path | None, typer.Argument(metavar="[EXPERIMENT]", help="Default: config/rps-controls.toml.")
]

Seed = Annotated[int | None, typer.Option(min=0, help="Instead of the file's.")]
Trials = Annotated[int | None, typer.Option(min=3, help="In each block, instead of the file's.")]
Live = Annotated[
    bool, typer.Option("--live", help="Through Redis in real time, not in this process.")
]
InLockstep = Annotated[bool, typer.Option("--lockstep", help="Through Redis, as fast as it goes.")]
New = Annotated[bool, typer.Option("--new", help="Abandon an unfinished session.")]
TakeOver = Annotated[
    bool, typer.Option("--take-over", help="End the session that holds the culture on the server.")
]


@app.command()
def play(
    experiment: ExperimentFile = None,
    *,
    rounds: Annotated[int | None, typer.Option(min=1, help="Number of trials.")] = None,
    seed: Seed = None,
    file: Annotated[Path | None, typer.Option(help="Analyse this MCS HDF5 recording.")] = None,
    person: Annotated[bool, typer.Option(help="You play: type `crepe gesture rock`.")] = False,
    new: New = False,
    take_over: TakeOver = False,
) -> None:
    """Run an experiment from start to end, with a scoreboard; stop everything afterwards."""
    from crepe.cli.play import play as play_game
    from crepe.cli.play_recording import analyse
    from crepe.config.overrides import prepare

    player = "person" if person else None
    ready = prepare(experiment, rounds=rounds, seed=seed, file=file, player=player)
    unfinished.abandon(new=new)
    run = play_game if file is None else analyse
    raise typer.Exit(0 if run(ready, console, take_over=take_over) else 1)


@app.command()
def calibrate(
    experiment: ControlsFile = None,
    *,
    seed: Seed = None,
    trials: Trials = None,
    live: Live = False,
    lockstep: InLockstep = False,
    new: New = False,
) -> None:
    """Train the readout of an experiment on labelled trials, and save it."""
    from crepe.cli.experiment import options, run_calibration

    request = options(experiment or CONTROLS, seed, trials, live=live, lockstep=lockstep)
    if request.is_supervised:
        unfinished.abandon(new=new)
    run_calibration(request, console)


@app.command()
def experiment(
    experiment: ControlsFile = None,
    *,
    seed: Seed = None,
    trials: Trials = None,
    live: Live = False,
    lockstep: InLockstep = False,
    new: New = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Calibrate, then try every condition of the file; print how often the answer was right."""
    from crepe.cli.experiment import options, run_experiment

    request = options(experiment or CONTROLS, seed, trials, live=live, lockstep=lockstep)
    if request.is_supervised:
        unfinished.abandon(new=new)
    run_experiment(request, console, as_json=as_json)


@app.command()
def up(
    experiment: ExperimentFile = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an unfinished session.")] = False,
    new: New = False,
    take_over: TakeOver = False,
    foreground: Annotated[bool, typer.Option(help="Become supervisord.")] = False,
) -> None:
    """Start all programs of an experiment; they run until `crepe down`."""
    from crepe.supervise import start

    # Without an argument supervisord passes CREPE_EXPERIMENT on, so that is the file to check.
    checked = load_experiment(experiment or paths.experiment_path())
    session_is = unfinished.resume_or_new(resume=resume, new=new)
    path = checked.path if experiment else None
    with start.up(checked, path, session_is, take_over=take_over, foreground=foreground):
        pass  # only the store is closed; the programs run on
    for line in start.page_lines(checked):
        console.print(line, soft_wrap=True, markup=False)
    line = redis_cli_line(paths.var_directory())
    console.print(f"{line} shows the streams", soft_wrap=True, markup=False)


@app.command()
def down() -> None:
    """Stop all programs in order, and leave no process behind."""
    from crepe.supervise import control

    supervisor = control.running()
    console.print("stopped" if control.down() else "nothing was running")
    if supervisor is not None and not supervisor.process.is_visible:
        console.print(
            f"supervisord ({supervisor.process}) has ended; whether a program that it ran is left "
            "cannot be seen from here",
            soft_wrap=True,
        )
