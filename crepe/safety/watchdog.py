"""The watchdog: a program that stops the instrument when the stimulator no longer can.

It receives the stimulator's heartbeat over a unix socket and needs nothing else, above all no
Redis. If a train is under way and the heartbeat has stopped, it stops the DSP and repeats that
until an attempt counts. The stimulator may have been killed, hang, or wait for a frozen Redis. It
also keeps the latch of an emergency stop in memory, for a disk that cannot be written.
"""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import FrameType

from crepe.environment.bounded_call import begin, call_within
from crepe.environment.clock import boot_time_ns
from crepe.environment.process import is_orphan
from crepe.environment.process_identity import ProcessIdentity
from crepe.safety import arming
from crepe.safety.protocol.announcement import Instrument
from crepe.safety.protocol.datagrams import (
    LARGEST,
    Answer,
    Heartbeat,
    Latch,
    Order,
    State,
    pack,
    unpack,
)
from crepe.safety.protocol.orders import WATCHDOG_SOCKET
from crepe.safety.pursuit import Pursuit

log = logging.getLogger(__name__)

SILENT_S = 0.5  # a stimulator that is silent for longer, with a train under way, is given up
_POLL_S = 0.05
_DISK_S = 0.2  # for a disk to answer at all
_RETRY_NS = 1_000_000_000  # between attempts to write the latch
_LEAVE_S = 5.0  # after SIGTERM: longest time for stopping the instrument first


class Watchdog:
    """The watchdog program. It ends by SIGTERM or with supervisord, after stopping a running train.

    It never waits for the instrument: the attempts to stop it run on a thread of their own.

    Parameters
    ----------
    announce
        Publishes what happened. It may take long: it is called on a thread of its own.
    """

    def __init__(
        self,
        run_directory: Path,
        announce: Callable[[str], None],
        now_ns: Callable[[], int] = boot_time_ns,
    ) -> None:
        self._run_directory = run_directory
        self._process = ProcessIdentity.own().key
        self._announce = announce
        self._now_ns = now_ns  # goes on while the computer sleeps: then, too, no heartbeat comes
        self._instrument: Instrument | None = None
        self._received_ns = 0
        self._is_pulsing = False
        self._latch = Latch()
        self._written = self._attempted = Latch()  # the latches on the disk, and on their way
        self._writing: Future[None] | None = None
        self._tried_ns = 0
        self._stopped = ""  # the stimulator that was stopped last
        self._pursuit: Pursuit | None = None  # the attempts to stop it, until they are verified
        self._reason = ""  # of these attempts
        self._n_foreign = 0  # datagrams that were none of CREPE's
        self._is_ending = False
        self._leave_s = float("inf")
        path = run_directory / WATCHDOG_SOCKET
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
        while not self.step():
            pass

    def step(self) -> bool:
        """Receive a datagram, if one comes, and act; return whether the watchdog has ended."""
        self._listen()
        self._write_latch()
        self._follow_pursuit()
        silent_s = (self._now_ns() - self._received_ns) / 1e9
        if self._is_ending or is_orphan():
            # Without the watchdog nothing could stop a train that runs, so that comes first:
            # for `_LEAVE_S` at most after SIGTERM, without a limit for an orphan.
            self._stop("the watchdog was told to end")
            return not self._is_pulsing or time.monotonic() > self._leave_s
        if silent_s > SILENT_S:
            self._stop(f"the stimulator was silent for {silent_s:.2f} s")
        elif self._pursuit is not None:
            # It is back, and disarmed: from now on it stops the instrument itself.
            self._pursuit.call_off()
        return False

    def close(self) -> None:
        """Release the socket."""
        self._socket.close()

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._is_ending = True
        self._leave_s = time.monotonic() + _LEAVE_S

    def _listen(self) -> None:
        """Receive one datagram, if one comes, and answer it."""
        try:
            data, sender = self._socket.recvfrom(LARGEST)
        except TimeoutError:
            return
        answer: Answer | State
        match unpack(data):
            case Heartbeat() as heartbeat:
                answer = self._on_heartbeat(heartbeat)
            case Order() as order:
                answer = self._on_order(order)
            case _:
                if not self._n_foreign:  # once: a flood of them must not fill the disk
                    log.warning("a datagram of %d bytes is none of CREPE's; ignored", len(data))
                self._n_foreign += 1
                return
        if sender:
            with suppress(OSError):  # it has ended meanwhile, or hangs
                self._socket.sendto(pack(answer), sender)

    def _on_heartbeat(self, heartbeat: Heartbeat) -> Answer:
        self._received_ns = self._now_ns()
        self._is_pulsing = heartbeat.is_pulsing
        self._instrument = heartbeat.instrument
        self._latch = self._latch.merged(heartbeat.latch, self._received_ns)
        # Until its attempts have ended no pulse may be allowed: they would cut the next train.
        stimulator = "" if self._pursuit else self._instrument.stimulator
        return Answer(stimulator, self._stopped, self._received_ns, self._process, self._latch)

    def _on_order(self, order: Order) -> State:
        if order.by or order.releases:
            now_ns = self._now_ns()
            self._latch = self._latch.merged(Latch(now_ns, order.by), now_ns)
            log.warning("%s", f"latched by {order.by}" if order.by else "the latch is released")
        return State(self._latch, self._instrument)

    def _write_latch(self) -> None:
        """Write a latch that is only in memory as soon as the disk can be written."""
        if self._writing is not None and self._writing.done():
            if self._writing.exception() is None:
                self._written = self._attempted
            self._writing = None
        now_ns = self._now_ns()
        # A second after the stop at the earliest: usually `crepe stop` writes it itself.
        is_due = now_ns - max(self._tried_ns, self._latch.at_ns) >= _RETRY_NS
        is_missing = self._latch.is_closed and self._latch != self._written
        if is_missing and is_due and self._writing is None:
            self._tried_ns, self._attempted = now_ns, self._latch
            self._writing = begin(_latch_on_disk, self._run_directory, self._latch.by)

    def _stop(self, reason: str) -> None:
        """Begin to stop the instrument, if pulses may flow."""
        if not self._is_pulsing or self._instrument is None or self._pursuit is not None:
            return
        # Named before the stop is verified: a stimulator that revives must be disarmed.
        instrument, self._stopped = self._instrument, self._instrument.stimulator
        self._reason = reason
        log.error("%s with a train under way; stopping the instrument", reason)
        self._pursuit = Pursuit(self._run_directory, instrument.address)
        with suppress(OSError):  # an unwritable or dead disk must not prevent the stop
            call_within(_DISK_S, arming.disarm, self._run_directory)

    def _follow_pursuit(self) -> None:
        """Note how the attempts to stop have ended, and publish what is known of the stop."""
        pursuit = self._pursuit
        if pursuit is None or not pursuit.is_over:
            return
        self._pursuit = None
        if pursuit.is_called_off:
            log.error("NOT VERIFIED, and the stimulator is back: %s", pursuit.report.doubts[0])
            return
        assert self._instrument is not None
        if self._instrument.stimulator == self._stopped:
            self._is_pulsing = False
        deed = "stopped" if pursuit.is_verified else "tried to stop"
        text = (
            f"the watchdog {deed} the instrument (stimulator {self._instrument.process}): "
            f"{self._reason}"
        )
        if not pursuit.is_verified:
            text = f"{text}; {'; '.join(pursuit.report.doubts) or pursuit.evidence.sentence}"
            text = text if "NOT VERIFIED" in text else f"{text}; the stop is NOT VERIFIED"
        log.error("%s; %s after %.2f s", text, pursuit.evidence, pursuit.elapsed_s)
        threading.Thread(target=self._announce, args=(text,), daemon=True).start()


def _latch_on_disk(run_directory: Path, by: str) -> None:
    """Write the latch unless there is one. Raises OSError."""
    if arming.stopped_by(run_directory) is None:
        arming.latch(run_directory, by)
