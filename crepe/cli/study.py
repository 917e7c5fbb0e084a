"""The commands of studies: `calibrate`, `experiment`, `map` and `sweep`."""

from pathlib import Path
from typing import Annotated

import typer

from crepe.cli.options import STUDY, AsJson, ControlsFile, New, Seed, Settings, complete_sessions
from crepe.cli.output import Output
from crepe.config.own_files import default_file
from crepe.errors import ConfigError
from crepe.supervise import unfinished

app = typer.Typer()
CONTROLS, MAP = "rps-controls", "map"

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
    settings: Settings = None,
    new: New = False,
    as_json: AsJson = False,
) -> None:
    """Train the readout of an experiment on labelled trials, and save it.

    Example: `crepe calibrate --trials 30`
    """
    from crepe.cli.experiment import options, run_calibration

    request = options(
        experiment or default_file(CONTROLS),
        seed,
        trials,
        live=live,
        lockstep=lockstep,
        settings=settings,
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
    map_path: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="MAP",
            help="A map.json, from which a game with a coach gets its electrodes.",
        ),
    ] = None,
    live: Live = False,
    lockstep: InLockstep = False,
    settings: Settings = None,
    new: New = False,
    as_json: AsJson = False,
) -> None:
    """Calibrate, then try every condition of the file; print how often the answer was right.

    Progress goes to stderr: a bar on a terminal, lines through a pipe.

    Example: `crepe experiment --trials 6 --json`
    """
    from crepe.cli.experiment import options, run_experiment

    request = options(
        experiment or default_file(CONTROLS),
        seed,
        trials,
        live=live,
        lockstep=lockstep,
        map_path=map_path,
        settings=settings,
    )
    if request.is_supervised:
        unfinished.abandon(new=new)
    run_experiment(request, Output(as_json=as_json))


@app.command("map", rich_help_panel=STUDY)
def map_responses(
    experiment: Annotated[
        Path | None,
        typer.Argument(metavar="EXPERIMENT", help="An experiment file. Default: config/map.toml."),
    ] = None,
    *,
    seed: Seed = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Number of pulses at each electrode.")
    ] = None,
    live: Live = False,
    lockstep: InLockstep = False,
    settings: Settings = None,
    session: Annotated[
        str | None,
        typer.Option(
            metavar="SESSION",
            help="Stimulate nothing: make the map of a recorded session.",
            autocompletion=complete_sessions,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to. Default: var/maps/SESSION.")
    ] = None,
    new: New = False,
    as_json: AsJson = False,
) -> None:
    """Give single pulses at every electrode, and test which electrodes answer to which.

    Writes map.json, which other experiments read, map.csv and map.png.

    Example: `crepe map --rounds 8`
    """
    from crepe.cli.experiment import options, run_map, write_map

    output = Output(as_json=as_json)
    if session is not None:
        if experiment or rounds or live or lockstep or seed is not None or new or settings:
            raise ConfigError("--session: makes a map of a recording; only --out and --json fit")
        write_map(session, out, output)
        return
    request = options(
        experiment or default_file(MAP),
        seed,
        rounds,
        live=live,
        lockstep=lockstep,
        settings=settings,
    )
    if request.is_supervised:
        unfinished.abandon(new=new)
    run_map(request, out, output)


@app.command(rich_help_panel=STUDY)
def sweep(
    file: Annotated[Path, typer.Argument(metavar="SWEEP", help="A sweep file (TOML).")],
    *,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Number of runs at a time. Default: the cores of this machine."),
    ] = None,
    dask: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="A scheduler of Dask that does the runs: tcp://HOST:8786."
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Directory of results and report. Default: var/sweeps/NAME."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment with many settings on several cultures, and compare them.

    Each run prints its score and the command line that repeats it. An interrupted sweep goes on
    where it was when the command is given again. The best settings are tried on other cultures.

    Example: `crepe sweep sweep.toml --workers 2`

    Exit status: 1 if a run failed; the others are kept.
    """
    from crepe.cli.sweep.run import run_sweep

    run_sweep(file, workers, dask, out, Output(as_json=as_json))
