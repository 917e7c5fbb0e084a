"""The commands that people send to a running experiment."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer()
console = Console()


@app.command()
def say(
    name: Annotated[str, typer.Argument(help="pause, start, condition, player or note")],
    value: Annotated[str, typer.Argument(help="Of condition, player and note.")] = "",
) -> None:
    """Send a command to the running experiment; it is recorded with its sample index."""
    from crepe.cli import send_command
    from crepe.store import Store
    from crepe.supervise.status import running_experiment

    experiment = running_experiment()
    with Store(culture=experiment.name) as store:
        send_command.send_command(store, experiment, name, value)


@app.command()
def gesture(name: Annotated[str, typer.Argument(help="rock, paper or scissors")]) -> None:
    """Send a gesture to the running game, which takes it if a person plays."""
    from crepe.cli import send_command
    from crepe.store import Store
    from crepe.supervise.status import running_experiment

    experiment = running_experiment()
    with Store(culture=experiment.name) as store:
        console.print(send_command.send_gesture(store, experiment, name))


@app.command()
def arm(
    minutes: Annotated[float, typer.Option(help="How long; 480 at most.")] = 60.0,
) -> None:
    """Permit stimulation for a while, and release the latch of `crepe stop`."""
    from crepe.safety import arming

    instrument = arming.arm(arming.to_arm(), minutes)
    console.print(
        f"armed for {minutes:g} minutes: stimulator {instrument.stimulator} on "
        f"{instrument.host}:{instrument.http_port}, for requests of "
        f"{', '.join(instrument.requesters) or 'no program'}; `crepe stop` ends it"
    )


@app.command()
def stop(
    server: Annotated[
        str, typer.Option(help="HOST:PORT, if no stimulator has announced one.")
    ] = "",
) -> None:
    """Stop all stimulation until `crepe arm` (emergency stop). Needs no Redis."""
    from crepe.safety import emergency_stop

    # Typed commands take the fast path of `crepe.__main__`, except with --help.
    raise typer.Exit(emergency_stop.main(["--server", server]))


@app.command()
def sensor(
    gestures: Annotated[
        list[str] | None, typer.Argument(help="rock, paper, scissors or none; default: one drawn.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Frames as JSON, one on each line.")] = None,
    url: Annotated[str, typer.Option(help="Default: the sensor gateway that runs here.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated frames.")] = 0,
    pi: Annotated[
        bool, typer.Option("--pi", help="A Raspberry Pi with button and AMG8833.")
    ] = False,
) -> None:
    """Send frames to the sensor gateway, 10 a second, and print its answers."""
    from crepe.sensor.client import GatewayClient, find_gateway
    from crepe.sensor.input_tracker import State
    from crepe.sensor.pi import run as run_pi
    from crepe.sensor.send import line, send_gestures, send_recorded

    client = GatewayClient(url or find_gateway())
    if pi:
        run_pi(client)
    if file is not None:
        answers = send_recorded(client, file)
    else:
        answers = send_gestures(client, gestures or [], seed)
    has_result = False
    for answer in answers:
        print(line(answer), flush=True)
        has_result = has_result or answer.state is State.RESULT
    raise typer.Exit(0 if has_result else 1)
