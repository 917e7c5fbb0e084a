"""The emergency stop: latch first, then stop instruments until that is proved, or not verified.

Whatever may hang (a disk, a name server, the instrument) runs on a thread of its own. The operator
has an answer after `ANSWER_S`. The attempts go on, and none begins after `_TRY_S`.
"""

# Decision 52: why in the foreground, and when a stop counts as latched.

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock

from crepe.environment.bounded_call import begin
from crepe.hw.capabilities import StopEvidence
from crepe.hw.remote_stop import Address
from crepe.safety.last_instrument import LastInstrument
from crepe.safety.protocol.announcement import Instrument
from crepe.safety.protocol.latched_directory import LatchedDirectory
from crepe.safety.pursuit import Pursuit

ANSWER_S = 1.4  # after that the operator reads whether everything is stopped
_TRY_S = 30.0  # after that no attempt begins; one that has begun is finished
_LAST_S = 1.0  # the same where nothing runs any more
_POLL_S = 0.02
_STOP_OF = {"": "meame", "http": "meame"}  # an address alone, or copied from a browser

Report = Callable[[str], object]
_Target = tuple[Path | None, LastInstrument | None]
"""The run directory of an instrument's lock, and the instrument if nothing runs there any more."""


class EmergencyStop:
    """One emergency stop. It begins at once, and its threads do not keep the process alive.

    Parameters
    ----------
    run_directories
        All are latched. The instrument announced in the first is stopped; one in the others only
        unless its stimulator is proven to have ended.
    server
        HOST:PORT of the only instrument to stop, a MEAME without a `scheme://` before it; empty for
        all that stimulators have announced.
    by
        Program or person that stops; written into the latch.
    problems
        Reasons why other run directories cannot be used: what runs there is not stopped.
    on_end
        Called on a thread when the attempts to stop an instrument have ended.
    """

    def __init__(
        self,
        run_directories: Sequence[Path],
        server: str,
        *,
        by: str,
        problems: Iterable[str] = (),
        on_end: Callable[[Pursuit], object] = lambda _: None,
    ) -> None:
        self._server = server
        self._on_end = on_end
        self._began_s = time.monotonic()
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._pursuits: list[Pursuit] = []
        self._reported: set[Pursuit] = set()  # those whose outcome is among the lines
        self._lock = Lock()  # around both
        self._is_in_doubt = False
        for problem in problems:
            self._doubt(problem)
        self._directories = [LatchedDirectory(path, by) for path in run_directories]
        self._started = begin(self._start)

    @property
    def is_over(self) -> bool:
        """Whether all attempts have ended."""
        return self._started.done() and all(pursuit.is_over for pursuit in self._pursuits)

    @property
    def is_verified(self) -> bool:
        """Whether everything is latched, and proved to be stopped."""
        return self.evidence.is_verified

    @property
    def evidence(self) -> StopEvidence:
        """Evidence that everything is latched and stopped: the weakest of all."""
        if self._is_in_doubt or not self.is_over:
            return StopEvidence.ASKED
        kinds = list(StopEvidence)
        return min(
            (pursuit.evidence for pursuit in self._pursuits),
            key=kinds.index,
            default=StopEvidence.PROVED,
        )

    def answer(self, report: Report, wait_s: float) -> bool:
        """Return whether everything is stopped, `wait_s` after the begin at the latest.

        Each line for the operator is given to `report`, on this thread.
        """
        deadline_s = self._began_s + wait_s
        while not self.is_over and time.monotonic() < deadline_s:
            self._report_one(report, _POLL_S)
        with self._lock:  # an outcome must stay the last line about its instrument
            for pursuit in [pursuit for pursuit in self._pursuits if pursuit not in self._reported]:
                outlook = f"; attempts go on, and none begins after {_TRY_S:g} s"
                self._report_failure(pursuit, outlook)
        if not self._started.done():
            self._lines.put("NOT VERIFIED: still latching; this machine or its disk is very slow")
        while self._report_one(report, 0.0):
            pass
        return self.is_verified

    def run(self, report: Report) -> bool:
        """Return whether everything is stopped, when that is verified or the attempts have ended.

        `report` is called with all that is known after `ANSWER_S`, and again at the end.
        """
        return self.answer(report, min(ANSWER_S, _TRY_S)) or self.answer(report, float("inf"))

    def call_off(self) -> None:
        """Begin no further attempt: another emergency stop has begun."""
        for pursuit in self._pursuits:
            pursuit.call_off()

    def _report_one(self, report: Report, wait_s: float) -> bool:
        try:
            line = self._lines.get(timeout=wait_s) if wait_s else self._lines.get_nowait()
        except Empty:
            return False
        with suppress(OSError, ValueError):  # a terminal that is gone must not end the stop
            report(line)
        return True

    def _start(self) -> None:
        """Latch, then begin the attempts at each instrument."""
        try:
            # First of all: once its instrument is stopped, no stimulator may start a sub-train.
            self._is_in_doubt |= not self._latch()
            targets = self._named() if self._server else self._announced()
        # No error may end the stop in silence.
        except Exception as error:  # noqa: BLE001
            self._doubt(repr(error))
            return
        if not targets:
            self._doubt("no stimulator has run here; name an instrument: --server HOST:PORT")
        for address, (path, last) in targets.items():
            try_s = self._began_s + (_LAST_S if last else _TRY_S) - time.monotonic()
            if last:
                self._lines.put(str(last))
            self._pursuits.append(Pursuit(path, address, last, try_s=try_s, on_end=self._end))

    def _latch(self) -> bool:
        """Wait for all latches; report each, but those where no stimulator runs in one line."""
        n_idle, is_latched = 0, True
        for i, directory in enumerate(self._directories):
            lines: list[str] = []
            is_held = directory.latch(lines.append)
            is_latched &= is_held
            if i and is_held and directory.is_idle:
                n_idle += 1
                continue
            for line in lines:
                self._lines.put(line)
        if n_idle:
            self._lines.put(f"latched, too: {n_idle} more, in which no stimulator runs")
        return is_latched

    def _named(self) -> Mapping[Address, _Target]:
        # As in a device URL, whose settings have nothing to do with the address.
        scheme, _, rest = self._server.rpartition("://")
        location = rest.partition("?")[0].rstrip("/")
        host, _, port = location.rpartition(":")
        if not host or not port.isdecimal():
            self._doubt(f"--server {self._server}: must be HOST:PORT")
            return self._announced()
        path = self._directories[0].path if self._directories else None
        return {Address(host, int(port), stop=_STOP_OF.get(scheme, scheme)): (path, None)}

    def _announced(self) -> Mapping[Address, _Target]:
        own: Instrument | None = None
        running: dict[Address, _Target] = {}
        for i, directory in enumerate(self._directories):
            try:
                instrument = directory.instrument()
            except Exception as error:  # noqa: BLE001  # the other instruments must be stopped
                # It may have named an instrument that stimulates.
                self._doubt(f"{directory.path}: {str(error) or repr(error)}")
                continue
            if i == 0:
                own = instrument
            elif instrument and instrument.may_run:
                running[_address(instrument)] = (directory.path, None)
        # A simulator that has ended needs no stop.
        if own and (own.may_run or not own.nonce or not running):
            directory = self._directories[0]
            last = LastInstrument(directory.path, own) if directory.is_deserted else None
            return {_address(own): (directory.path, last)} | running
        return running

    def _end(self, pursuit: Pursuit) -> None:
        with self._lock:
            self._reported.add(pursuit)
            if pursuit.stopped_s is not None:
                self._lines.put(
                    f"{pursuit.name}: {pursuit.evidence.sentence}; after "
                    f"{time.monotonic() - self._began_s:.2f} s"
                )
            else:
                self._report_failure(pursuit, "")
        self._on_end(pursuit)

    def _report_failure(self, pursuit: Pursuit, outlook: str) -> None:
        for doubt in pursuit.report.doubts:
            self._lines.put(f"NOT VERIFIED: {doubt}")
        if pursuit.is_of_others:
            return
        self._lines.put(
            f"{pursuit.name}: NOT VERIFIED after {time.monotonic() - self._began_s:.1f} s. "
            f"Switch the stimulator off by hand{outlook}."
        )

    def _doubt(self, text: str) -> None:
        self._is_in_doubt = True
        self._lines.put(f"NOT VERIFIED: {text}")


def _address(instrument: Instrument) -> Address:
    """Return the address that is to be stopped, whatever answers there now."""
    return instrument.address._replace(nonce="")


def stop(
    run_directories: Sequence[Path],
    server: str,
    report: Report,
    *,
    by: str = "crepe stop",
    problems: Iterable[str] = (),
) -> bool:
    """Stop everything; return True if that is verified, False when the attempts have ended.

    The parameters are those of `EmergencyStop` and of its `run`.
    """
    return EmergencyStop(run_directories, server, by=by, problems=problems).run(report)
