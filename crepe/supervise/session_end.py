"""The end of a session: in good order once the recorders have everything, or left to be resumed."""

# Decision 58: when a session has ended.

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from supervisor.states import ProcessStates

from crepe.errors import DeviceError
from crepe.supervise.unrecorded import end_session, last_changes


class SessionEnd:
    """The end of a session, as supervisord's events about the recorders decide it.

    Parameters
    ----------
    recorders
        Names of the programs that record.
    """

    def __init__(self, var: Path, recorders: Collection[str], logger: Any) -> None:
        self._var = var
        self._missing = set(recorders)  # that have not ended in good order
        self._logger = logger
        self._is_stopping = False
        self._changed: dict[Path, int] = {}  # ns, by file of the session

    def on_stopping(self, _: Any) -> None:
        """Note that supervisord stops its programs."""
        self._is_stopping = True
        self._end_if_recorded()

    def on_stopped(self, event: Any) -> None:
        """Note how a program has ended that was stopped."""
        process = event.process
        name = process.config.name
        if not self._is_stopping or name not in self._missing:
            return
        if process.exitstatus == 0:
            self._missing.discard(name)
            self._end_if_recorded()
        else:
            self._logger.critical(
                f"{name} has not recorded everything; the session has not ended, "
                "`crepe up --resume` goes on with it"
            )

    def on_tick(self, processes: Collection[Any]) -> None:
        """Give a recorder that is being stopped more time while its file changes."""
        if not self._is_stopping:
            return
        changed = last_changes(self._var)
        if changed == self._changed:
            return
        self._changed = changed
        for process in processes:
            if process.config.name in self._missing and process.state == ProcessStates.STOPPING:
                process.delay = time.time() + process.config.stopwaitsecs

    def _end_if_recorded(self) -> None:
        if not self._missing:
            try:
                end_session(self._var)
            except DeviceError as error:
                self._logger.critical(str(error))
            except OSError as error:  # an exception here would end supervisord before its programs
                self._logger.critical(f"{self._var}: {error}; the session has not ended")
