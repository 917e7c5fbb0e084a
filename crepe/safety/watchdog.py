"""The watchdog: a program that stops the instrument when the stimulator no longer can.

It hears the stimulator's heartbeat over a unix socket and needs nothing else, no Redis above all.
If a train is under way and the heartbeat has stopped, whether the stimulator was killed, hangs, or
waits for a Redis that is frozen, it stops the DSP and repeats that until it is verified.
"""

import json
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType

from crepe.environment.process import watch_parent
from crepe.environment.process_identity import ProcessIdentity
from crepe.hw.meame.dsp_stop import stop_dsp
from crepe.hw.meame.http import HttpControl, Server
from crepe.safety import arming
from crepe.safety.instrument_lock import instrument_lock
from crepe.safety.watchdog_link import WATCHDOG_SOCKET

log = logging.getLogger(__name__)

SILENT_S = 0.5  # a stimulator that is silent for longer, with a train under way, is given up
_POLL_S = 0.05
_CALL_S = 0.3  # for one call to the instrument
_LOCK_S = 0.05
_LEAVE_S = 5.0  # told to stop: so long it goes on trying to stop the instrument first
_LARGEST = 4096


class Watchdog:
    """Runs until SIGTERM, or until supervisord is gone, and stops a train that is under way first.

    Parameters
    ----------
    tell
        Says what happened to the world; may take its time, it is called on a thread.
    """

    def __init__(self, run_directory: Path, tell: Callable[[str], None]) -> None:
        self._run_directory = run_directory
        self._process = ProcessIdentity.own().key
        self._tell = tell
        self._heard: arming.Instrument | None = None
        self._heard_s = 0.0
        self._is_pulsing = False
        self._stopped = ""  # the stimulator that was stopped last
        self._is_told_to_stop = False
        self._leave_s = float("inf")
        path = run_directory / WATCHDOG_SOCKET
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(_POLL_S)

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        is_orphan = watch_parent()
        log.info("watching")
        while True:
            self._listen()
            silent_s = time.monotonic() - self._heard_s
            if self._is_told_to_stop or is_orphan():
                is_late = time.monotonic() > self._leave_s
                if not self._is_pulsing or self._stop("the watchdog was told to end") or is_late:
                    return
            elif self._is_pulsing and silent_s > SILENT_S:
                self._stop(f"the stimulator was silent for {silent_s:.2f} s")

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._is_told_to_stop = True
        self._leave_s = time.monotonic() + _LEAVE_S

    def _listen(self) -> None:
        """Take in a heartbeat, if one comes, and answer it."""
        try:
            data, sender = self._socket.recvfrom(_LARGEST)
        except TimeoutError:
            return
        words = json.loads(data)
        self._is_pulsing = words.pop("is_pulsing")
        self._heard = arming.Instrument.from_json(words)
        self._heard_s = time.monotonic()
        answer = {
            "heard": self._heard.stimulator,
            "stopped": self._stopped,
            "monotonic_s": self._heard_s,
            "process": self._process,
        }
        with suppress(OSError):  # it is gone again
            self._socket.sendto(json.dumps(answer).encode(), sender)

    def _stop(self, why: str) -> bool:
        """Stop the instrument; True if that is verified."""
        assert self._heard is not None
        instrument, self._stopped = self._heard, self._heard.stimulator
        with suppress(OSError):  # a disk that cannot be written must not keep us from stopping
            arming.disarm(self._run_directory)
        began_s = time.monotonic()
        log.error("%s with a train under way; stopping the instrument", why)
        server = Server(instrument.host, instrument.http_port, 0, instrument.nonce)
        with (
            HttpControl(server, _CALL_S) as control,
            instrument_lock(self._run_directory, _LOCK_S, may_break=True),
        ):
            doubts = stop_dsp(control)
        took_s = time.monotonic() - began_s
        if doubts:
            log.error("NOT VERIFIED after %.2f s, trying again: %s", took_s, doubts[0])
            return False  # the loop comes back to it
        self._is_pulsing = False
        text = f"the watchdog stopped the instrument (stimulator {instrument.process}): {why}"
        log.error("%s; verified after %.2f s", text, took_s)
        threading.Thread(target=self._tell, args=(text,), daemon=True).start()
        return True
