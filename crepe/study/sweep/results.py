"""The results of a sweep's runs in a file of SQLite, each kept as soon as its run has ended."""

import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crepe.environment import paths
from crepe.environment.file_lock import lock
from crepe.errors import ConfigError, CrepeError
from crepe.study.sweep.file import Request
from crepe.study.sweep.runs import Outcome

NAME = "results.sqlite"

_SCHEMA = """
create table if not exists runs (
    key text primary key,       -- of command, experiment, settings, seed and version of CREPE
    seed integer not null,
    is_held_out integer not null,
    settings text not null,     -- JSON, by dotted name
    line text not null,         -- the run as a command line
    document text not null,     -- JSON, as the run printed it
    duration_s real not null,
    ended_at text not null      -- ISO 8601, UTC
)
"""


class Results:
    """The results in a directory; whatever has been run once is not run again.

    A sweep file may change: what its runs depend on is in their keys. Runs that failed are not
    kept, so they are tried again.

    Raises
    ------
    ConfigError
        Another process has the directory open.
    CrepeError
        The file is damaged, or cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        paths.private(directory)
        self.path = directory / NAME
        self._lock = (directory / ".lock").open("w")
        try:
            lock(self._lock.fileno())
        except BlockingIOError as error:
            self._lock.close()
            raise ConfigError(f"{directory}: another `crepe sweep` is running there") from error
        self._connection = self._execute_first()

    def _execute_first(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path)
            connection.execute(_SCHEMA)
            connection.commit()
        except sqlite3.Error as error:
            self._lock.close()
            raise CrepeError(f"{self.path}: {error}; move it away to begin anew") from error
        return connection

    def document(self, request: Request) -> dict[str, Any] | None:
        """Return the document of a run that has been done; None if it has not."""
        row = self._connection.execute(
            "select document from runs where key = ?", (request.key,)
        ).fetchone()
        return None if row is None else json.loads(row[0])

    def keep(self, request: Request, outcome: Outcome) -> None:
        """Keep the document of a run. Raises CrepeError if it cannot be written."""
        row = (
            request.key,
            request.seed,
            request.is_held_out,
            json.dumps(request.point.settings, sort_keys=True, default=str),
            request.line,
            json.dumps(outcome.document),
            outcome.duration_s,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            self._connection.execute("insert or replace into runs values (?,?,?,?,?,?,?,?)", row)
            self._connection.commit()
        except sqlite3.Error as error:
            raise CrepeError(f"{self.path}: {error}") from error

    def n_earlier_points(self, requests: Iterable[Request]) -> int:
        """Return how many other points the cultures of these runs have been tried on before."""
        requests = list(requests)
        marks = ",".join("?" * len(requests))
        rows = self._connection.execute(
            f"select distinct settings from runs where seed in ({marks})",
            [request.seed for request in requests],
        ).fetchall()
        own = {json.dumps(r.point.settings, sort_keys=True, default=str) for r in requests}
        return len({row[0] for row in rows} - own)

    def close(self) -> None:
        """Close the file; harmless to repeat."""
        self._connection.close()
        self._lock.close()
