"""`crepe simulate`: simulated instruments in the foreground."""

import logging
import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from crepe.cli.options import ExperimentFile, Seed
from crepe.config.experiment import load_experiment
from crepe.environment import paths
from crepe.errors import ConfigError

_MEAME = "meame"


class _WithDefault(TyperGroup):
    """A group in which `meame` needs no name."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # typer has its own click
        if not args or args[0] not in {*self.commands, "-h", "--help"}:
            args = [_MEAME, *args]
        return super().parse_args(ctx, args)


simulate = typer.Typer(
    cls=_WithDefault, help="Run a simulated instrument with a simulated culture, until Ctrl-C."
)


@simulate.command(_MEAME)
def meame(
    experiment: ExperimentFile = None,
    host: Annotated[str | None, typer.Option(help="Address. Default: 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port of the HTTP server. Default: 8888.")
    ] = None,
    data_port: Annotated[
        int | None,
        typer.Option(
            help="Port of the samples. Default: 12340. An experiment needs `?data_port=N` in the "
            "device of its recorder for any other."
        ),
    ] = None,
    sawtooth_port: Annotated[
        int | None, typer.Option(help="Port of the test signal. Default: 12341.")
    ] = None,
) -> None:
    """Run a simulated MEAME server with a simulated culture, in the foreground, until Ctrl-C.

    It logs the device to write into `[actors.acquire]`. A port that an option or the file sets
    must be free; the other ports move to the next free one. The name `meame` may be left out.

    Example: `crepe simulate meame --port 8899 --data-port 12399`
    """
    from crepe.simulator.meame.server import serve

    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    table = load_experiment(experiment).culture.simulated
    if table is None:
        raise ConfigError("no [culture.simulated] table to simulate from")
    options = {
        "host": host,
        "http_port": port,
        "data_port": data_port,
        "sawtooth_port": sawtooth_port,
    }
    changes = {name: value for name, value in options.items() if value is not None}
    serve(table.model_copy(update=changes), paths.run_directory())


@simulate.command("rhx")
def rhx(
    *,
    rhd: Annotated[
        bool, typer.Option("--rhd", help="A controller that only records (RHD), instead of RHS.")
    ] = False,
    rate: Annotated[int, typer.Option(help="Sampling rate in Hz: 20000, 25000 or 30000.")] = 20_000,
    step_ua: Annotated[float, typer.Option(help="Step of stimulation currents in uA.")] = 0.5,
    seed: Seed = None,
    port: Annotated[
        int | None, typer.Option(help="Port of commands. Default: 5000, or the next free one.")
    ] = None,
    unclicked: Annotated[
        bool, typer.Option("--unclicked", help="Begin with the port closed, as RHX does.")
    ] = False,
    click: Annotated[
        bool, typer.Option("--click", help="Click Connect in the simulated RHX that runs, and end.")
    ] = False,
) -> None:
    """Run a simulated Intan RHX with a simulated culture, in the foreground, until Ctrl-C.

    Its command port takes one client, and closes when that goes: then Enter, or `--click` in
    another terminal, does what an operator does in RHX: Network > Remote TCP Control > Connect.
    The first click is made at the start. The device is `rhx://simulator`.

    Example: `crepe simulate rhx --rhd --port 5020`

    Exit status: 1 if a port is taken, or with `--click` if no simulated RHX runs.
    """
    from crepe.simulator.rhx.control import ask

    run_directory = paths.run_directory()
    if click:
        ask(run_directory, click=True)
        return
    from crepe.simulator.rhx.server import serve
    from crepe.simulator.rhx.settings import ControllerType, RhxSimulatorSettings

    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    settings = RhxSimulatorSettings(
        controller=ControllerType.RHD if rhd else ControllerType.RHS,
        sampling_rate_hz=rate,
        step_ua=step_ua,
        seed=seed or 0,
        **({} if port is None else {"port": port}),
    )
    serve(settings, run_directory, is_clicked=not unclicked)


@simulate.command("openephys")
def openephys(
    channels: Annotated[int, typer.Option(min=1, help="Number of channels.")] = 16,
    rate: Annotated[float, typer.Option(min=1, help="Sampling rate in Hz.")] = 30_000.0,
    seed: Seed = None,
    port: Annotated[
        int, typer.Option(min=1, max=65534, help="Port of the data; the next takes heartbeats.")
    ] = 5556,
) -> None:
    """Run a simulated ZMQ interface of Open Ephys, in the foreground, until Ctrl-C.

    It sends noise with spikes at known times; nothing answers to stimulation.

    Example: `crepe simulate openephys --channels 32`

    Exit status: 1 if a port is taken.
    """
    from crepe.simulator.openephys.publisher import PublisherSettings, serve

    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    serve(PublisherSettings(n_channels=channels, sampling_rate_hz=rate, seed=seed or 0, port=port))
