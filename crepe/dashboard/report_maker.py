"""Reports, made in a process of their own: one at a time, and with a low priority."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.results.library import REPORT_PAGE, report_directory

_NICENESS = 10  # a running loop comes first
_END_S = 5.0


class ReportState(NamedTuple):
    """The state of a session's report."""

    state: Literal["none", "making", "ready", "failed"]
    reason: str = ""  # why it failed


class ReportMaker:
    """A maker of reports of the sessions in `var`; `close` it when the program ends."""

    def __init__(self, var: Path) -> None:
        self._var = var
        self._process: subprocess.Popen[bytes] | None = None
        self._session = ""  # of the report that was begun last
        self._failed: dict[str, str] = {}  # by session: why

    @property
    def making(self) -> str:
        """ID of the session whose report is being made, or an empty text."""
        if self._process is None:
            return ""
        status = self._process.poll()
        if status is None:
            return self._session
        if status:
            self._failed[self._session] = self._last_line() or f"it ended with status {status}"
        self._process = None
        return ""

    def begin(self, session_id: str, recording: Path) -> bool:
        """Begin a report; return False while another is being made. `state` shows its progress."""
        if self.making:
            return False
        self._failed.pop(session_id, None)
        self._session = session_id
        out = report_directory(self._var, session_id)
        # The report polls its parent and ends with it, whichever thread began it.
        arguments = ["report", str(recording), "--out", str(out), "--parent", str(os.getpid())]
        try:
            self._process = self._start(arguments)
        except (OSError, ConfigError) as error:
            self._failed[session_id] = f"it cannot be begun: {error}"
        return True

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        paths.private(self._var / "reports")
        paths.private(self._log.parent)
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                # -P: a file in the working directory must not be imported in place of a module.
                [sys.executable, "-P", "-m", "crepe", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "CREPE_VAR": str(self._var)},
            )
        niceness = max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0))  # only root may lower it
        with suppress(ProcessLookupError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
        return process

    def state(self, session_id: str) -> ReportState:
        """Return the state of a session's report; a failed one may leave an older one in place."""
        if self.making == session_id:
            return ReportState("making")
        if session_id in self._failed:
            return ReportState("failed", self._failed[session_id])
        page = report_directory(self._var, session_id) / REPORT_PAGE
        return ReportState("ready" if page.is_file() else "none")

    def close(self) -> None:
        """End the process, if one runs; harmless to repeat."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    @property
    def _log(self) -> Path:
        return self._var / "log" / "report.log"

    def _last_line(self) -> str:
        """Return the last line that the process has printed: its error."""
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except OSError:  # the log was removed
            return ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1].removeprefix("crepe: ") if lines else ""
