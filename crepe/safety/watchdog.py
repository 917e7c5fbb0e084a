"""The watchdog: a program that stops the instrument when the stimulator no longer can.

It receives the stimulator's heartbeat over a unix socket and needs nothing else, above all no
Redis. If a train is under way and the heartbeat has stopped, it stops the DSP and repeats that
until it is verified. The stimulator may have been killed, hang, or wait for a frozen Redis.
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

from crepe.environment.process import is_orphan
from crepe.environment.process_identity import ProcessIdentity
from crepe.hw.meame.dsp_stop import stop_dsp
from crepe.hw.meame.http import HttpControl, Server
from crepe.safety import arming
from crepe.safety.instrument_lock import instrument_lock

log = logging.getLogger(__name__)

SILENT_S = 0.5  # a stimulator that is silent for longer, with a train under way, is given up
_POLL_S = 0.05
_CALL_S = 0.3  # for one call to the instrument
_LOCK_S = 0.05
_LEAVE_S = 5.0  # after SIGTERM: longest time for stopping the instrument first
_LARGEST = 4096


class Watchdog:
    """The watchdog program. It ends by SIGTERM or with supervisord, after stopping a running train.

    Parameters
    ----------
    announce
        Publishes what happened. It may take long: it is called on a thread of its own.
    """

    def __init__(self, run_directory: Path, announce: Callable[[str], None]) -> None:
        self._run_directory = run_directory
        self._process = ProcessIdentity.own().key
        self._announce = announce
        self._instrument: arming.Instrument | None = None
        self._received_s = 0.0
        self._is_pulsing = False
        self._stopped = ""  # the stimulator that was stopped last
        self._is_ending = False
        self._leave_s = float("inf")
        path = run_directory / arming.WATCHDOG_SOCKET
        # A killed watchdog leaves its socket behind, and `bind` refuses a path that exists.
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(_POLL_S)

    def run(self) -> None:
        """Watch until SIGTERM, SIGINT or the end of supervisord."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        log.info("watching")
        while True:
            self._listen()
            silent_s = time.monotonic() - self._received_s
            if self._is_ending or is_orphan():
                # Without the watchdog nothing could stop a train that runs, so that comes first:
                # for `_LEAVE_S` at most after SIGTERM, without a limit for an orphan.
                is_late = time.monotonic() > self._leave_s
                if not self._is_pulsing or self._stop("the watchdog was told to end") or is_late:
                    return
            elif self._is_pulsing and silent_s > SILENT_S:
                self._stop(f"the stimulator was silent for {silent_s:.2f} s")

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._is_ending = True
        self._leave_s = time.monotonic() + _LEAVE_S

    def _listen(self) -> None:
        """Receive a heartbeat, if one comes, and answer it."""
        try:
            data, sender = self._socket.recvfrom(_LARGEST)
        except TimeoutError:
            return
        fields = json.loads(data)
        self._is_pulsing = fields.pop("is_pulsing")
        self._instrument = arming.Instrument.from_json(fields)
        self._received_s = time.monotonic()
        answer = {
            "heard": self._instrument.stimulator,
            "stopped": self._stopped,
            "monotonic_s": self._received_s,
            "process": self._process,
        }
        with suppress(OSError):  # the stimulator has ended meanwhile
            self._socket.sendto(json.dumps(answer).encode(), sender)

    def _stop(self, why: str) -> bool:
        """Stop the instrument; return True if that is verified."""
        assert self._instrument is not None
        # Named before the stop is verified: a stimulator that revives must be disarmed.
        instrument, self._stopped = self._instrument, self._instrument.stimulator
        with suppress(OSError):  # an unwritable disk must not prevent the stop
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
            return False  # `run` tries again
        self._is_pulsing = False
        text = f"the watchdog stopped the instrument (stimulator {instrument.process}): {why}"
        log.error("%s; verified after %.2f s", text, took_s)
        threading.Thread(target=self._announce, args=(text,), daemon=True).start()
        return True
