"""The commands of `crepe`; `stop` as it stands here gives the help, see `crepe.__main__`."""

import json
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from crepe import __version__, cli_sessions, config, places, programs, redis_server, session
from crepe.errors import ConfigError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Closed-loop experiments with neuron cultures on multi-electrode arrays.",
)
culture = typer.Typer(no_args_is_help=True, help="The simulated culture.")
app.add_typer(culture, name="culture")
app.add_typer(cli_sessions.app)
console = Console()
CONTROLS = places.project_directory() / "config" / "rps-controls.toml"

ExperimentFile = Annotated[
    Path | None, typer.Argument(metavar="[EXPERIMENT]", help="Default: config/rps.toml.")
]
ControlsFile = Annotated[
    Path | None, typer.Argument(metavar="[EXPERIMENT]", help="Default: config/rps-controls.toml.")
]

Trials = Annotated[int | None, typer.Option(min=3, help="In each block, instead of the file's.")]
Live = Annotated[
    bool, typer.Option("--live", help="Through Redis in real time, not in this process.")
]
InLockstep = Annotated[bool, typer.Option("--lockstep", help="Through Redis, as fast as it goes.")]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Say the version and stop.")] = False,
) -> None:
    if version:
        print(f"crepe {__version__}")
        raise typer.Exit


@app.command()
def play(
    experiment: ExperimentFile = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Number of trials.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the file's.")] = None,
    file: Annotated[Path | None, typer.Option(help="Analyse this MCS HDF5 recording.")] = None,
    person: Annotated[bool, typer.Option(help="You play: type `crepe gesture rock`.")] = False,
) -> None:
    """Run an experiment from start to end, with a scoreboard; stop everything afterwards."""
    from crepe.analyse import analyse
    from crepe.play import play as play_game
    from crepe.play import prepare

    player = "person" if person else None
    ready = prepare(experiment, rounds=rounds, seed=seed, file=file, player=player)
    is_done = play_game(ready, console) if file is None else analyse(ready, console)
    raise typer.Exit(0 if is_done else 1)


@app.command()
def calibrate(
    experiment: ControlsFile = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the file's.")] = None,
    trials: Trials = None,
    live: Live = False,
    lockstep: InLockstep = False,
) -> None:
    """Train the readout of an experiment on labelled trials, and keep it."""
    from crepe.experiment_report import asked_for, run_calibration

    asked = asked_for(experiment or CONTROLS, seed, trials, live=live, lockstep=lockstep)
    run_calibration(asked, console)


@app.command()
def experiment(
    experiment: ControlsFile = None,
    *,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the file's.")] = None,
    trials: Trials = None,
    live: Live = False,
    lockstep: InLockstep = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Calibrate, then try every condition of the file; say how often the answer was right."""
    from crepe.experiment_report import asked_for, run_experiment

    asked = asked_for(experiment or CONTROLS, seed, trials, live=live, lockstep=lockstep)
    run_experiment(asked, console, as_json=as_json)


@app.command()
def up(
    experiment: ExperimentFile = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a cut-off session.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Give a cut-off session up.")] = False,
    foreground: Annotated[bool, typer.Option(help="Become supervisord.")] = False,
) -> None:
    """Start all programs of an experiment; they run until `crepe down`."""
    from crepe.play import page_lines, ready_store
    from crepe.supervise import control

    found = config.load(experiment)
    found.check_tokens()
    if control.is_running():
        raise ConfigError(f"{places.var_directory()}: runs already; stop it with `crepe down`")
    left = session.found_unclean()
    if left is not None and not (resume or new):
        print(f"session {left.id} of {left.experiment_path} was cut off and has not ended.")
        if not sys.stdin.isatty():
            raise ConfigError("say --resume to go on with it, or --new to give it up")
        resume = typer.confirm("Go on with it? (No: a new session begins, its recording stays.)")
    console.print(places.disk_message(places.var_directory(), found.bytes_per_s), soft_wrap=True)
    control.up(
        found.programs,
        found.path if experiment else None,
        session_is="resume" if resume and left else "new",
        foreground=foreground,
    )
    with ready_store(found):
        pass
    for line in page_lines(found):
        console.print(line, soft_wrap=True, markup=False)
    console.print(redis_server.redis_cli_line(places.var_directory()) + " looks into the streams")


@app.command()
def down() -> None:
    """Stop all programs, in order, and leave none behind."""
    from crepe.supervise import control

    console.print("stopped" if control.down() else "nothing was running")


@app.command()
def run(program: Annotated[str, typer.Argument(help="As in the experiment file.")]) -> None:
    """Be one program of the experiment in CREPE_EXPERIMENT; supervisord calls this."""
    programs.main(program)


@app.command()
def check(
    experiment: ExperimentFile = None,
    instrument: Annotated[
        bool, typer.Option("--instrument", help="Ask its MEAME, too; stimulates nothing.")
    ] = False,
) -> None:
    """Prove an experiment file: types, bounds, names and every wire. Runs nothing."""
    found = config.load(experiment)
    for actor in found.actors.values():
        reads = ", ".join(actor.reads) or "the instrument"
        writes = ", ".join(actor.writes.values()) or "a file"
        console.print(f"{actor.name:12} {reads} -> {writes}", soft_wrap=True)
    console.print(f"{found.path}: fits ({len(found.programs)} programs)", soft_wrap=True)
    if instrument:
        _check_instrument(found)


def _check_instrument(experiment: config.Experiment) -> None:
    from crepe.instrument_check import check_instrument

    is_well = True
    for finding in check_instrument(experiment, places.run_directory()):
        word = {True: "ok", False: "WRONG", None: "NOT VERIFIED"}[finding.is_well]
        console.print(f"{word:12} {finding.text}", soft_wrap=True, markup=False)
        is_well = is_well and finding.is_well is not False
    raise typer.Exit(0 if is_well else 1)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """How every program does."""
    from crepe.status import rows

    found = rows()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if not found:
        console.print("nothing runs; start it with `crepe up`")
        raise typer.Exit(1)
    table = Table(*found[0], box=None)
    for row in found:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


@app.command()
def top(
    once: Annotated[bool, typer.Option("--once", help="One look, and no more.")] = False,
) -> None:
    """Watch programs, lags, rates, delays and score in the terminal; Ctrl-C ends it."""
    from crepe.top import run as run_top

    run_top(console, once=once)


@app.command()
def say(
    name: Annotated[str, typer.Argument(help="pause, start, condition, player or note")],
    value: Annotated[str, typer.Argument(help="Of condition, player and note.")] = "",
) -> None:
    """Tell the running experiment something; it is recorded with its sample index."""
    from crepe import say as saying
    from crepe.status import running_experiment
    from crepe.store import Store

    experiment = running_experiment()
    with Store(culture=experiment.name) as store:
        saying.say(store, experiment, name, value)


@app.command()
def gesture(name: Annotated[str, typer.Argument(help="rock, paper or scissors")]) -> None:
    """Show the culture a gesture; the running game takes it if a person plays."""
    from crepe import say as saying
    from crepe.status import running_experiment
    from crepe.store import Store

    experiment = running_experiment()
    with Store(culture=experiment.name) as store:
        console.print(saying.gesture(store, experiment, name))


@app.command()
def arm(
    minutes: Annotated[float, typer.Option(help="How long; 480 at most.")] = 60.0,
) -> None:
    """Let the running stimulator stimulate, for a while; takes the latch of `crepe stop` away."""
    from crepe import arming

    found = arming.arm(arming.to_arm(), minutes)
    console.print(
        f"armed for {minutes:g} minutes: stimulator {found.stimulator} on "
        f"{found.host}:{found.http_port}; `crepe stop` ends it"
    )


@app.command()
def stop(
    server: Annotated[str, typer.Option(help="HOST:PORT, if none was announced here.")] = "",
) -> None:
    """Emergency stop: no stimulation from now on, until `crepe arm`. Needs no Redis."""
    from crepe import arming
    from crepe.emergency import stop as emergency_stop

    is_verified = emergency_stop(arming.run_directories(), server, print)
    raise typer.Exit(0 if is_verified else 1)


@app.command()
def sensor(
    gestures: Annotated[
        list[str] | None, typer.Argument(help="rock, paper, scissors or none; default: one drawn.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Frames as JSON, one on each line.")] = None,
    url: Annotated[str, typer.Option(help="Default: the door that runs here.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated hands.")] = 0,
    pi: Annotated[
        bool, typer.Option("--pi", help="A Raspberry Pi with button and AMG8833.")
    ] = False,
) -> None:
    """Be a sensor: show hands to the sensor door, 10 frames a second, and print the answers."""
    from crepe.sensor import pi as raspberry
    from crepe.sensor.client import DoorClient, find_door
    from crepe.sensor.desk import State
    from crepe.sensor.show import line, show_gestures, show_recorded

    client = DoorClient(url or find_door())
    if pi:
        raspberry.run(client)
    if file is not None:
        answers = show_recorded(client, file)
    else:
        answers = show_gestures(client, gestures or [], seed)
    has_result = False
    for answer in answers:
        print(line(answer), flush=True)
        has_result = has_result or answer.state is State.RESULT
    raise typer.Exit(0 if has_result else 1)


@app.command()
def redis() -> None:
    """Be the Redis server that the programs use, in the foreground."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    programs.run(config.load(places.experiment_path(), only="redis"), "redis")


@app.command(
    name="redis-cli",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def redis_cli(context: typer.Context) -> None:
    """Talk to the running Redis server: `crepe redis-cli XRANGE crepe:data - + COUNT 1`."""
    from crepe.redis_cli import cli
    from crepe.store.locate import find_url

    raise typer.Exit(cli(context.args, find_url()))


@culture.command("report")
def culture_report(
    experiment: ExperimentFile = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the file's.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Without stimulation.")] = 60.0,
    out: Annotated[Path | None, typer.Option(help="Directory; default: this one.")] = None,
) -> None:
    """Draw what the simulated culture does: culture.png, and the numbers as culture.json."""
    from crepe.culture_report import run as run_report

    run_report(experiment, seed, seconds, out, console)


@app.command()
def simulate(
    experiment: ExperimentFile = None,
    host: Annotated[str | None, typer.Option(help="Address; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="HTTP port; default 8888.")] = None,
    data_port: Annotated[int | None, typer.Option(help="Default 12340.")] = None,
    sawtooth_port: Annotated[int | None, typer.Option(help="Default 12341.")] = None,
) -> None:
    """Be a simulated MEAME server with a simulated culture, in the foreground.

    A port that was asked for, here or in the file, and is taken is an error; the others move to
    the next that is free.
    """
    from crepe.simulator.server import serve

    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    table = config.load(experiment).culture.simulated
    if table is None:
        raise ConfigError("no [culture.simulated] table to simulate from")
    asked = {
        "host": host,
        "http_port": port,
        "data_port": data_port,
        "sawtooth_port": sawtooth_port,
    }
    changes = {name: value for name, value in asked.items() if value is not None}
    serve(table.model_copy(update=changes), places.run_directory())
