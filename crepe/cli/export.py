"""The commands `crepe export`: recorded sessions in the formats of other programs."""

from pathlib import Path
from typing import Annotated

import typer

from crepe.cli.options import TOOLS, AsJson, SessionName
from crepe.cli.output import Output, open_console
from crepe.cli.progress import progress

app = typer.Typer()
export = typer.Typer(
    no_args_is_help=True, help="Write a recorded session in a format of other programs."
)
app.add_typer(export, name="export", rich_help_panel=TOOLS)


@export.command()
def nwb(
    session: SessionName,
    out: Annotated[
        Path | None, typer.Option(help="File to write. Default: beside the recording, SESSION.nwb.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write samples, spikes, trials, stimuli and notes as Neurodata Without Borders (NWB).

    It needs pynwb. What the archive DANDI requires and the experiment does not say is listed.

    Example: `crepe export nwb last`
    """
    from crepe.bridge.nwb import export_nwb

    output = Output(as_json=as_json)
    with progress("export", "s of data", None, open_console(stderr=True)) as reached:
        path, missing = export_nwb(
            session, out, lambda done_s, all_s: reached(done_s, f"of {all_s:.0f}")
        )
    output.text(f"nwb: {path}")
    for problem in missing:
        output.text(problem)
    output.document({"nwb": str(path), "missing": missing})


@export.command()
def csv(
    session: SessionName,
    out: Annotated[
        Path | None, typer.Option(help="Directory to write to. Default: beside the recording.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write trials, stimuli, spikes and notes as CSV files, for R and spreadsheets.

    Example: `crepe export csv last --out tables`
    """
    from crepe.bridge.csv_files import export_csv

    output = Output(as_json=as_json)
    n_rows = export_csv(session, out)
    for path, n in n_rows.items():
        output.text(f"{path}: {n} rows")
    output.document({path.stem: {"csv": str(path), "n_rows": n} for path, n in n_rows.items()})
