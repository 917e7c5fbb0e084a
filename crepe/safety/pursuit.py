"""Attempts to stop one instrument, again and again on a thread of their own, until one is verified.

Whoever stops an instrument must not wait for it: a server may drip, be silent, or never end.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from crepe.hw.meame.dsp_stop import stop_dsp
from crepe.hw.meame.http import HttpControl, Server
from crepe.hw.rhx.client import ServiceClient
from crepe.safety.instrument_lock import instrument_lock

_CALL_S = 0.3  # for one call to the instrument, in the first attempt
_LONGEST_CALL_S = 2.4  # in later ones: each waits twice as long as the one before
_SERVICE_S = 4  # times as long, for a program that makes many calls for one request
_LOCK_S = 0.1
_PAUSE_S = 0.1


class Pursuit:
    """The attempts to stop one instrument; they begin at once.

    Parameters
    ----------
    run_directory
        Its lock keeps other programs from the instrument; a lock that is held is broken. None if
        there is no directory to lock in.
    server
        Its address. A name is resolved within the time that is left.
    try_s
        After so long no further attempt begins.
    on_end
        Called on the thread of the attempts when they have ended.
    """

    def __init__(
        self,
        run_directory: Path | None,
        server: Server,
        *,
        try_s: float = float("inf"),
        on_end: Callable[["Pursuit"], object] = lambda _: None,
    ) -> None:
        self.server = server
        self.doubts: list[str] = ["no attempt to stop it has ended yet"]  # of the last attempt
        self.verified_s: float | None = None  # time until the verified stop
        self.note = ""  # what no read-back can prove of the stop
        self._name = ""  # as a service names its instrument
        self._run_directory = run_directory
        self._began_s = time.monotonic()
        self._try_s = try_s
        self._on_end = on_end
        self._is_called_off = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stops", daemon=True)
        self._thread.start()

    @property
    def is_verified(self) -> bool:
        """Whether the instrument is stopped, as its registers say."""
        return self.verified_s is not None

    @property
    def is_over(self) -> bool:
        """Whether the attempts have ended."""
        return not self._thread.is_alive()

    @property
    def elapsed_s(self) -> float:
        """Time since the first attempt began."""
        return time.monotonic() - self._began_s

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
                self.doubts = self._attempt(call_s)
            # Nothing at all may end the attempts but their time.
            except Exception as error:  # noqa: BLE001
                self.doubts = [f"{self.name}: {str(error) or repr(error)}"]
            if not self.doubts:
                self.verified_s = self.elapsed_s
                break
            if self.elapsed_s + _PAUSE_S >= self._try_s:
                break
            # A server that does what it is asked, but late, is verified in a later attempt.
            call_s = min(2 * call_s, _LONGEST_CALL_S)
            self._is_called_off.wait(_PAUSE_S)
        self._on_end(self)

    @property
    def name(self) -> str:
        """Name of the instrument for people."""
        return self._name or self.server.name

    def _attempt(self, call_s: float) -> list[str]:
        """Stop once; return all that is not verified."""
        if self.server.is_service:
            return self._by_service(_SERVICE_S * call_s)
        left_s = min(self._try_s - self.elapsed_s, threading.TIMEOUT_MAX)
        self.server = self.server.resolved(max(left_s, call_s))
        with ExitStack() as stack:
            control = stack.enter_context(HttpControl(self.server, call_s))
            if self._run_directory is not None:
                stack.enter_context(instrument_lock(self._run_directory, _LOCK_S, may_break=True))
            return stop_dsp(control)

    def _by_service(self, wait_s: float) -> list[str]:
        """Have the program that owns the instrument's only connection stop it."""
        client = ServiceClient(Path(self.server.host))
        try:
            answer = client.call("stop", wait_s)
        finally:
            client.close()
        self._name, self.note = answer["name"], answer["note"]
        return [f"{self.name}: {doubt}" for doubt in answer["doubts"]]
