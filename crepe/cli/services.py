"""The commands that run one program in the foreground."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from crepe.cli.run import run_part, run_program
from crepe.config.experiment import load_experiment
from crepe.config.program_part import load_program
from crepe.environment import paths
from crepe.errors import ConfigError

app = typer.Typer()
culture = typer.Typer(no_args_is_help=True, help="The simulated culture.")
app.add_typer(culture, name="culture")
console = Console()

ExperimentFile = Annotated[
    Path | None, typer.Argument(metavar="[EXPERIMENT]", help="Default: config/rps.toml.")
]


@app.command()
def run(program: Annotated[str, typer.Argument(help="As in the experiment file.")]) -> None:
    """Run one program of the experiment in CREPE_EXPERIMENT; supervisord calls this."""
    run_program(program)


@app.command()
def redis() -> None:
    """Run the Redis server that the programs use, in the foreground."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    run_part(load_program(paths.experiment_path(), "redis"))


@app.command(
    name="redis-cli",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def redis_cli(context: typer.Context) -> None:
    """Send a command to the Redis server: `crepe redis-cli XRANGE crepe:data - + COUNT 1`."""
    from crepe.redis_server.find_url import find_url
    from crepe.redis_server.prompt import cli

    raise typer.Exit(cli(context.args, find_url()))


@app.command()
def simulate(
    experiment: ExperimentFile = None,
    host: Annotated[str | None, typer.Option(help="Address; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="HTTP port; default 8888.")] = None,
    data_port: Annotated[int | None, typer.Option(help="Default 12340.")] = None,
    sawtooth_port: Annotated[int | None, typer.Option(help="Default 12341.")] = None,
) -> None:
    """Run a simulated MEAME server with a simulated culture, in the foreground.

    A port that an option or the file sets must be free. The other ports move to the next free one.
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


@culture.command("report")
def culture_report(
    experiment: ExperimentFile = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of the file's.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Without stimulation.")] = 60.0,
    out: Annotated[Path | None, typer.Option(help="Directory; default: this one.")] = None,
) -> None:
    """Draw the activity of the simulated culture: culture.png, and numbers in culture.json."""
    from crepe.report.culture import run as run_report

    run_report(experiment, seed, seconds, out, console)
