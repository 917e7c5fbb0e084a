"""The commands that compare sessions: `crepe calibrate` and `crepe experiment`."""

from typing import Annotated

import typer

from crepe.cli.options import STUDY, AsJson, ControlsFile, New, Seed
from crepe.cli.output import Output
from crepe.config.own_files import default_file
from crepe.supervise import unfinished

app = typer.Typer()
CONTROLS = "rps-controls"

Trials = Annotated[int | None, typer.Option(min=3, help="Trials in each block.")]
Live = Annotated[
    bool, typer.Option("--live", help="In real time, through Redis. A living culture needs this.")
]
InLockstep = Annotated[
    bool, typer.Option("--lockstep", help="Through Redis, in simulated time: as fast as it goes.")
]


@app.command(rich_help_panel=STUDY)
def calibrate(
    experiment: ControlsFile = None,
    *,
    seed: Seed = None,
    trials: Trials = None,
    live: Live = False,
    lockstep: InLockstep = False,
    new: New = False,
    as_json: AsJson = False,
) -> None:
    """Train the readout of an experiment on labelled trials, and save it.

    Example: `crepe calibrate --trials 30`
    """
    from crepe.cli.experiment import options, run_calibration

    request = options(
        experiment or default_file(CONTROLS), seed, trials, live=live, lockstep=lockstep
    )
    if request.is_supervised:
        unfinished.abandon(new=new)
    run_calibration(request, Output(as_json=as_json))


@app.command(rich_help_panel=STUDY)
def experiment(
    experiment: ControlsFile = None,
    *,
    seed: Seed = None,
    trials: Trials = None,
    live: Live = False,
    lockstep: InLockstep = False,
    new: New = False,
    as_json: AsJson = False,
) -> None:
    """Calibrate, then try every condition of the file; print how often the answer was right.

    Progress goes to stderr: a bar on a terminal, lines through a pipe.

    Example: `crepe experiment --trials 6 --json`
    """
    from crepe.cli.experiment import options, run_experiment

    request = options(
        experiment or default_file(CONTROLS), seed, trials, live=live, lockstep=lockstep
    )
    if request.is_supervised:
        unfinished.abandon(new=new)
    run_experiment(request, Output(as_json=as_json))
