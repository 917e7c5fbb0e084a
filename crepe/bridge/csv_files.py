"""The tables of a recorded session as CSV, for R and spreadsheets."""

from pathlib import Path

from crepe.errors import ConfigError, CrepeError
from crepe.recording.choice import find_recording
from crepe.results.stream_table import TABLES
from crepe.store import Store


def export_csv(session: str | Path, out: Path | None = None) -> dict[Path, int]:
    """Write trials, stimuli, spikes and notes of a session, each to a CSV file of its name.

    A table without rows has a file with its header; one whose stream was not recorded has none.

    Parameters
    ----------
    session
        ID of a session, `last`, or the path of a recording.
    out
        Directory to write to; it is made. Default: that of the recording's name, beside it.

    Returns
    -------
    The number of rows of each file.

    Raises
    ------
    DeviceError
        There is no such recording, or it cannot be read.
    CrepeError
        A file cannot be written.
    """
    path = find_recording(session) if isinstance(session, str) else session
    out = out or path.with_suffix("")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CrepeError(f"{out}: cannot be made: {error.strerror}") from error
    n_rows: dict[Path, int] = {}
    with Store(path) as store:
        for name, make in TABLES.items():
            try:
                table = make(store)
            except ConfigError:  # not recorded
                continue
            file = out / f"{name}.csv"
            table.to_csv(file)
            n_rows[file] = len(table)
    return n_rows
