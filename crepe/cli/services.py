"""The commands that run one program in the foreground."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from crepe.cli.options import TOOLS, AsJson, ExperimentFile, ProgramName, Seed
from crepe.cli.output import Output, open_console
from crepe.cli.progress import progress
from crepe.cli.run import run_part, run_program
from crepe.cli.simulate import simulate
from crepe.config.program_part import load_program
from crepe.environment import paths

app = typer.Typer()
culture = typer.Typer(no_args_is_help=True, help="Look at the simulated culture.")
app.add_typer(culture, name="culture", rich_help_panel=TOOLS)
app.add_typer(simulate, name="simulate", rich_help_panel=TOOLS)


@app.command(
    name="redis-cli",
    rich_help_panel=TOOLS,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def redis_cli(context: typer.Context, as_json: AsJson = False) -> None:
    """Send a command to the Redis server that runs, or open a prompt on it.

    Example: `crepe redis-cli XRANGE crepe:data - + COUNT 1`

    Exit status: 1 if the server refuses the command.
    """
    from crepe.redis_server.find_url import find_place
    from crepe.redis_server.prompt import cli

    raise typer.Exit(cli(context.args, *find_place(), as_json=as_json))


@app.command(rich_help_panel=TOOLS)
def redis() -> None:
    """Run the Redis server that the programs use, in the foreground, until Ctrl-C.

    Example: `crepe redis`
    """
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    run_part(load_program(paths.experiment_path(), "redis"))


@app.command(rich_help_panel=TOOLS)
def run(program: ProgramName) -> None:
    """Run one program of the experiment in CREPE_EXPERIMENT; supervisord calls this.

    Example: `crepe run detect`
    """
    run_program(program)


@culture.command("report")
def culture_report(
    experiment: ExperimentFile = None,
    seed: Seed = None,
    seconds: Annotated[
        float, typer.Option(min=1, help="Length of the part without stimulation.")
    ] = 60.0,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to. Default: this one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw the activity of the simulated culture: culture.png, and numbers in culture.json.

    Example: `crepe culture report --seconds 20`
    """
    from crepe.report.culture import run as run_report
    from crepe.report.culture import total_s

    output, directory = Output(as_json=as_json), out or Path()
    with progress("culture", "s", total_s(seconds), open_console(stderr=True)) as reached:
        report = run_report(experiment, seed, seconds, directory, reached)
    output.text(
        f"SIMULATED culture, seed {report.settings.seed}; spikes: threshold crossings, "
        "multi-unit activity"
    )
    for name, value in report.numbers.items():
        output.text(f"{value:10.2f}  {name}")
    picture, numbers = directory / "culture.png", directory / "culture.json"
    output.text(f"{picture}, {numbers}")
    output.document(
        {
            "is_simulated": True,
            "seed": report.settings.seed,
            "seconds": seconds,
            **report.numbers,
            "picture": str(picture),
            "numbers": str(numbers),
        }
    )
