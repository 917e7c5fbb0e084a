"""Attempts to stop one instrument, again and again on a thread of their own, until one counts.

Whoever stops an instrument must not wait for it: a server may drip, be silent, or never end.
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from crepe.errors import ConfigError
from crepe.hw.capabilities import StopEvidence
from crepe.hw.remote_stop import Address, RemoteStop, StopReport, open_stop
from crepe.safety.instrument_lock import instrument_lock
from crepe.safety.last_instrument import LastInstrument

_CALL_S = 0.3  # for one call to the instrument, in the first attempt
_LONGEST_CALL_S = 2.4  # in later ones: each waits twice as long as the one before
_LOCK_S = 0.1
_PAUSE_S = 0.1
_NONE_YET = StopReport(StopEvidence.ASKED, ("no attempt to stop it has ended yet",))


class Pursuit:
    """The attempts to stop one instrument; they begin at once.

    Parameters
    ----------
    run_directory
        Its lock keeps other programs from the instrument; a lock that is held is broken. None if
        there is no directory to lock in.
    address
        Its address, and the class that stops it.
    last
        What is remembered of it where nothing runs any more: if another instrument has its
        address now, nothing is written, and the attempts end.
    try_s
        After so long no further attempt begins.
    on_end
        Called on the thread of the attempts when they have ended.
    """

    def __init__(
        self,
        run_directory: Path | None,
        address: Address,
        last: LastInstrument | None = None,
        *,
        try_s: float = float("inf"),
        on_end: Callable[["Pursuit"], object] = lambda _: None,
    ) -> None:
        self.address = address
        self.report = _NONE_YET  # of the last attempt
        self.is_of_others = False  # nothing was written to the server
        self.stopped_s: float | None = None  # time until an attempt that counts
        self._stop: RemoteStop | None = None
        self._run_directory = run_directory
        self._began_s = time.monotonic()
        self._try_s = try_s
        self._on_end = on_end
        self._last = last
        self._is_called_off = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stops", daemon=True)
        self._thread.start()

    @property
    def evidence(self) -> StopEvidence:
        """Evidence that the instrument has stopped."""
        return self.report.evidence if self.stopped_s is not None else StopEvidence.ASKED

    @property
    def is_verified(self) -> bool:
        """Whether it is proved that the instrument has stopped."""
        return self.evidence.is_verified

    @property
    def name(self) -> str:
        """Name of the instrument."""
        return self._stop.name if self._stop else f"{self.address.host}:{self.address.http_port}"

    @property
    def is_over(self) -> bool:
        """Whether the attempts have ended."""
        return not self._thread.is_alive()

    @property
    def elapsed_s(self) -> float:
        """Time since the first attempt began."""
        return time.monotonic() - self._began_s

    @property
    def is_called_off(self) -> bool:
        """Whether the attempts were called off before one counted."""
        return self.stopped_s is None and self._is_called_off.is_set()

    def wait(self, wait_s: float) -> None:
        """Wait until the attempts have ended, for `wait_s` at most."""
        self._thread.join(max(0.0, wait_s))

    def call_off(self) -> None:
        """Begin no further attempt."""
        self._is_called_off.set()

    def _run(self) -> None:
        call_s = _CALL_S
        while not self._is_called_off.is_set():
            try:
                self.report = self._attempt(call_s)
            except ConfigError as error:  # no later attempt could do better
                self.report = StopReport(StopEvidence.ASKED, (str(error),))
                break
            # Nothing at all may end the attempts but their time.
            except Exception as error:  # noqa: BLE001
                doubt = f"{self.name}: {str(error) or repr(error)}"
                self.report = StopReport(StopEvidence.ASKED, (doubt,))
            if not self.report.doubts:
                self.stopped_s = self.elapsed_s
                break
            if self.elapsed_s + _PAUSE_S >= self._try_s:
                break
            # A server that does what it is asked, but late, is verified in a later attempt.
            call_s = min(2 * call_s, _LONGEST_CALL_S)
            self._is_called_off.wait(_PAUSE_S)
        self._on_end(self)

    def _attempt(self, call_s: float) -> StopReport:
        if self._stop is None:
            self._stop = open_stop(self.address)
        left_s = min(self._try_s - self.elapsed_s, threading.TIMEOUT_MAX)
        if self._last is not None and (
            objection := self._last.objection(call_s, max(left_s, call_s))
        ):
            self.is_of_others = True
            self.call_off()
            doubt = (
                f"{self.name}: {objection}; nothing was written to it; name an instrument to stop "
                "it: --server HOST:PORT"
            )
            return StopReport(StopEvidence.ASKED, (doubt,))
        return self._stop.attempt(call_s, left_s, self._alone)

    def _alone(self) -> AbstractContextManager[None]:
        if self._run_directory is None:
            return nullcontext()
        return instrument_lock(self._run_directory, _LOCK_S, may_break=True)
