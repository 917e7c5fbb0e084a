"""The commands that people send to a running experiment."""

from pathlib import Path
from typing import Annotated

import typer

from crepe.cli.options import SAFETY, SPEAK, AsJson, complete_commands, complete_gestures
from crepe.cli.output import Output
from crepe.errors import ConfigError, ExitCode

app = typer.Typer()


@app.command(rich_help_panel=SPEAK)
def say(
    name: Annotated[
        str,
        typer.Argument(
            help="pause, start, condition, player or note.", autocompletion=complete_commands
        ),
    ],
    value: Annotated[str, typer.Argument(help="What condition, player and note need.")] = "",
    as_json: AsJson = False,
) -> None:
    """Send a command to the running experiment; it is recorded with its sample index.

    Example: `crepe say note "medium changed"`

    Exit status: 1 if nothing runs, or the game refuses the command.
    """
    from crepe.cli import send_command
    from crepe.store import Store
    from crepe.supervise.status import running_file

    output = Output(as_json=as_json)
    experiment = running_file()
    with Store(culture=experiment.name) as store:
        send_command.send_command(store, experiment.title, name, value)
    output.text(f"sent: {name} {value}".rstrip())
    output.document({"command": name, "value": value})


@app.command(rich_help_panel=SPEAK)
def gesture(
    name: Annotated[
        str, typer.Argument(help="rock, paper or scissors.", autocompletion=complete_gestures)
    ],
    as_json: AsJson = False,
) -> None:
    """Show a gesture to the running game, which takes it if a person plays.

    Example: `crepe gesture rock`, after `crepe say player person`

    Exit status: 1 if nothing runs, or the game refuses the gesture.
    """
    from crepe.cli import send_command
    from crepe.store import Store
    from crepe.supervise.status import running_file

    output = Output(as_json=as_json)
    experiment = running_file()
    with Store(culture=experiment.name) as store:
        state = send_command.send_gesture(store, experiment.title, name)
    shown = (state.gesture or name) if state else name
    if state is None:
        output.text(
            "shown, but no trial began with it: games take gestures in a rest, and while they wait"
        )
    else:
        output.text(f"trial {state.trial}: shown {shown}")
    output.document({"gesture": shown, "trial": state.trial if state else None})


@app.command(rich_help_panel=SPEAK)
def sensor(
    gestures: Annotated[
        list[str] | None,
        typer.Argument(
            help="rock, paper, scissors or none. Default: one, drawn by the seed.",
            autocompletion=complete_gestures,
        ),
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(help="Frames as JSON, one on each line, instead of gestures.")
    ] = None,
    url: Annotated[
        str, typer.Option(help="Address of the sensor gateway. Default: the one that runs here.")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulated frames.")] = 0,
    pi: Annotated[
        bool, typer.Option("--pi", help="Be a Raspberry Pi with button and AMG8833, until Ctrl-C.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send frames of an infrared sensor to the sensor gateway, 10 a second; print its answers.

    Example: `crepe sensor rock scissors`

    Exit status: 1 if no trial came to a result.
    """
    from crepe.sensor.client import Gateway, GatewayClient, find_gateway
    from crepe.sensor.input_tracker import State
    from crepe.sensor.pi import run as run_pi
    from crepe.sensor.send import line, send_gestures, send_recorded
    from crepe.web.token import chosen_token

    if pi and as_json:
        raise ConfigError("--json: --pi has no end at which to print a document; leave one out")
    output = Output(as_json=as_json)
    gateway = Gateway(url, chosen_token("sensor")) if url else find_gateway()
    client = GatewayClient(*gateway)
    if pi:
        run_pi(client)
    if file is not None:
        answers = send_recorded(client, file)
    else:
        answers = send_gestures(client, gestures or [], seed)
    received = []
    for answer in answers:
        output.line(line(answer))
        received.append(answer._asdict())
    output.document({"answers": received})
    has_result = any(answer["state"] is State.RESULT for answer in received)
    raise typer.Exit(ExitCode.DONE if has_result else ExitCode.FAILED)


@app.command(rich_help_panel=SAFETY)
def arm(
    minutes: Annotated[float, typer.Option(help="How long; 480 at most.")] = 60.0,
    release: Annotated[
        bool,
        typer.Option(
            "--release", help="Only release the latch of `crepe stop`, where no stimulator runs."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Permit stimulation for a while, and release the latch of `crepe stop`.

    It arms the stimulator of this directory, or of CREPE_VAR, for the programs that it names; of
    one that runs elsewhere it prints how to arm it.

    Example: `crepe arm --minutes 30`

    Exit status: 1 if no stimulator runs here, or with --release if one may run.
    """
    from crepe.environment import paths
    from crepe.safety import arming

    output = Output(as_json=as_json)
    if release:
        by = arming.release(paths.run_directory())
        output.text(f"released the stop by {by}; a real instrument still needs `crepe arm`")
        output.document({"released": by})
        return
    instrument = arming.arm(arming.to_arm(), minutes)
    output.text(
        f"armed for {minutes:g} minutes: stimulator {instrument.stimulator} on "
        f"{instrument.host}:{instrument.http_port}, for requests of "
        f"{', '.join(instrument.requesters) or 'no program'}; `crepe stop` ends it"
    )
    output.document(
        {
            "minutes": minutes,
            "stimulator": instrument.stimulator,
            "host": instrument.host,
            "http_port": instrument.http_port,
            "requesters": list(instrument.requesters),
        }
    )


@app.command(rich_help_panel=SAFETY)
def stop(
    server: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="The instrument, if none was announced.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Stop all stimulation until `crepe arm`: the emergency stop. It needs no Redis and no disk.

    It answers within 2 s. If the stop is NOT VERIFIED, it goes on trying, and no attempt begins
    after 30 s; the last may take as long again.

    Example: `crepe stop`

    Exit status: 1 if the stop is NOT VERIFIED; then switch the stimulator off by hand.
    """
    from crepe.safety.stop_command import run as emergency_stop

    # Typed commands take the fast path of `crepe.__main__`, except with --help.
    raise typer.Exit(emergency_stop(server, as_json=as_json))
