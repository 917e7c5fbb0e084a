"""Has reports made by another process, one at a time, behind everything else that runs here."""

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
    """How it stands with a session's report."""

    state: Literal["none", "making", "ready", "failed"]
    reason: str = ""  # why it failed


class ReportMaker:
    """Makes reports of sessions in `var`; `close` it when the program ends."""

    def __init__(self, var: Path) -> None:
        self._var = var
        self._process: subprocess.Popen[bytes] | None = None
        self._session = ""  # whose report was begun last
        self._failed: dict[str, str] = {}  # by session: why

    @property
    def making(self) -> str:
        """ID of the session whose report is being made, or nothing."""
        if self._process is None:
            return ""
        status = self._process.poll()
        if status is None:
            return self._session
        if status:
            self._failed[self._session] = self._last_words() or f"it ended with status {status}"
        self._process = None
        return ""

    def begin(self, session_id: str, recording: Path) -> bool:
        """Begin a report, whose `state` then says the rest; False while another is being made."""
        if self.making:
            return False
        self._failed.pop(session_id, None)
        self._session = session_id
        out = report_directory(self._var, session_id)
        words = ["report", str(recording), "--out", str(out), "--parent", str(os.getpid())]
        try:
            self._process = self._started(words)
        except (OSError, ConfigError) as error:
            self._failed[session_id] = f"it cannot be begun: {error}"
        return True

    def _started(self, words: list[str]) -> subprocess.Popen[bytes]:
        paths.private(self._var / "reports")
        paths.private(self._log.parent)
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "crepe", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "CREPE_VAR": str(self._var)},
            )
        niceness = max(_NICENESS, os.getpriority(os.PRIO_PROCESS, 0))  # it may only go up
        with suppress(ProcessLookupError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
        return process

    def state(self, session_id: str) -> ReportState:
        """Whether a session has a report; one that failed may have an older one all the same."""
        if self.making == session_id:
            return ReportState("making")
        if session_id in self._failed:
            return ReportState("failed", self._failed[session_id])
        page = report_directory(self._var, session_id) / REPORT_PAGE
        return ReportState("ready" if page.is_file() else "none")

    def close(self) -> None:
        """End what is being made; harmless to repeat."""
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

    def _last_words(self) -> str:
        try:
            text = self._log.read_text(encoding="utf-8", errors="replace")
        except OSError:  # somebody has cleaned up
            return ""
        said = [line.strip() for line in text.splitlines() if line.strip()]
        return said[-1].removeprefix("crepe: ") if said else ""
