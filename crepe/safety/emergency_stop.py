"""The emergency stop: latch first, then stop the DSP until that is verified, or report it is not.

Whatever may hang (a disk, a name server, the instrument) runs on a thread of its own. The operator
has an answer after `ANSWER_S`, and the attempts go on until `_TRY_S`.
"""

# Decision 52: why in the foreground, and when a stop counts as latched.

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from crepe.environment.bounded_call import begin
from crepe.hw.meame.http import Server
from crepe.safety import arming
from crepe.safety.protocol.announcement import Instrument, announced
from crepe.safety.protocol.datagrams import State
from crepe.safety.protocol.orders import latch_in_memory
from crepe.safety.pursuit import Pursuit

ANSWER_S = 1.4  # after that the operator reads whether everything is stopped
_TRY_S = 30.0  # after that the stimulator must be switched off by hand
_DISK_S = 0.35  # for a disk, and for the watchdog, to answer at all
_POLL_S = 0.02

Report = Callable[[str], object]


class _Directory:
    """One run directory: its latch, and the instrument that is announced in it."""

    def __init__(self, path: Path, by: str) -> None:
        self.path = path
        self._deadline_s = time.monotonic() + _DISK_S
        self._latch = begin(arming.latch, path, by)
        self._announced = begin(announced, path)
        self._state = begin(latch_in_memory, path, by)

    def latch(self, report: Report) -> bool:
        """Wait for the latch; return whether nothing is stimulated any more."""
        try:
            self._latch.result(self._left_s)
        except Exception as error:  # noqa: BLE001  # whatever it is, the stop goes on
            state = self._memory()
            is_refused = isinstance(error, OSError) and not isinstance(error, TimeoutError)
            if state is None and is_refused and self.is_idle:
                report(
                    f"not latched: {self.path}: {str(error) or repr(error)}; but no stimulator "
                    "runs there, and one that starts fires nothing until it can be written and "
                    "`crepe arm` was given"
                )
                return True
            if state is None or not state.latch.is_closed:
                report(
                    f"NOT LATCHED: {self.path}: {str(error) or repr(error)}; end the experiment "
                    "with `crepe down`, or it may go on"
                )
                return False
            report(
                f"latched in memory: nothing is stimulated from {self.path} until `crepe arm`; "
                f"not on the disk: {error}"
            )
        else:
            report(f"latched: nothing is stimulated from {self.path} until `crepe arm`")
        return True

    def instrument(self) -> Instrument | None:
        """Return the instrument of its stimulator; None if there is none.

        Raises an error if that can be read neither from the disk nor of the watchdog.
        """
        try:
            return self._announced.result(self._left_s)
        except Exception:
            state = self._memory()
            if state is not None and state.instrument is not None:
                return state.instrument
            raise

    @property
    def is_idle(self) -> bool:
        """Whether it is proven that no stimulator runs in it."""
        try:
            instrument = self.instrument()
        except Exception:  # noqa: BLE001  # whatever it is, that proves nothing
            return False
        return instrument is None or not instrument.may_run

    def _memory(self) -> State | None:
        with suppress(OSError):
            return self._state.result(self._left_s)
        return None

    @property
    def _left_s(self) -> float:
        return max(0.0, self._deadline_s - time.monotonic())


class EmergencyStop:
    """One emergency stop. It begins at once, and its threads do not keep the process alive.

    Parameters
    ----------
    run_directories
        All are latched. The instrument announced in the first is stopped; one in the others only
        unless its stimulator is proven to have ended.
    server
        HOST:PORT of the only instrument to stop; empty for all that stimulators have announced.
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
        self._is_in_doubt = False
        for problem in problems:
            self._doubt(problem)
        self._directories = [_Directory(path, by) for path in run_directories]
        self._started = begin(self._start)

    @property
    def is_over(self) -> bool:
        """Whether all attempts have ended."""
        return self._started.done() and all(pursuit.is_over for pursuit in self._pursuits)

    @property
    def is_verified(self) -> bool:
        """Whether everything is latched and stopped, as the registers say."""
        return (
            self.is_over
            and not self._is_in_doubt
            and all(pursuit.is_verified for pursuit in self._pursuits)
        )

    def answer(self, report: Report, wait_s: float) -> bool:
        """Return whether everything is stopped, `wait_s` after the begin at the latest.

        Each line for the operator is given to `report`, on this thread.
        """
        deadline_s = self._began_s + wait_s
        while not self.is_over and time.monotonic() < deadline_s:
            self._report_one(report, _POLL_S)
        for pursuit in [pursuit for pursuit in self._pursuits if not pursuit.is_over]:
            self._report_failure(pursuit, f"; attempts go on until {_TRY_S:g} s have passed")
        if not self._started.done() and time.monotonic() >= deadline_s:
            self._lines.put("NOT VERIFIED: still latching; this machine or its disk is very slow")
        while self._report_one(report, 0.0):
            pass
        return self.is_verified

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
            servers = self._named() if self._server else self._announced()
        # No error may end the stop in silence.
        except Exception as error:  # noqa: BLE001
            self._doubt(repr(error))
            return
        if not servers:
            self._doubt("no stimulator has run here; name an instrument: --server HOST:PORT")
        for server, path in servers.items():
            try_s = self._began_s + _TRY_S - time.monotonic()
            self._pursuits.append(Pursuit(path, server, try_s=try_s, on_end=self._end))

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

    def _named(self) -> Mapping[Server, Path | None]:
        # As in a device URL, whose scheme and settings have nothing to do with the address.
        location = self._server.rpartition("://")[2].partition("?")[0].rstrip("/")
        host, _, port = location.rpartition(":")
        if not host or not port.isdecimal():
            self._doubt(f"--server {self._server}: must be HOST:PORT")
            return self._announced()
        path = self._directories[0].path if self._directories else None
        return {Server(host, int(port), 0): path}

    def _announced(self) -> Mapping[Server, Path | None]:
        """Return the instruments to stop, with the run directory of their lock."""
        instruments: dict[Path, Instrument] = {}
        own: dict[Path, Instrument] = {}
        for i, directory in enumerate(self._directories):
            try:
                instrument = directory.instrument()
            except Exception as error:  # noqa: BLE001  # the other instruments must be stopped
                # It may have named an instrument that stimulates.
                self._doubt(f"{directory.path}: {str(error) or repr(error)}")
                continue
            if instrument and i == 0:
                own[directory.path] = instrument
            elif instrument and instrument.may_run:
                instruments[directory.path] = instrument
        for path, instrument in own.items():  # a simulator that has ended needs no stop
            if instrument.may_run or not instrument.nonce or not instruments:
                instruments = {path: instrument, **instruments}
        return {Server(it.host, it.http_port, 0): path for path, it in instruments.items()}

    def _end(self, pursuit: Pursuit) -> None:
        if pursuit.is_verified:
            self._lines.put(
                f"{pursuit.name}: stopped, read back and verified after "
                f"{time.monotonic() - self._began_s:.2f} s"
            )
            if pursuit.note:
                self._lines.put(f"{pursuit.name}: {pursuit.note}")
        else:
            self._report_failure(pursuit, "")
        self._on_end(pursuit)

    def _report_failure(self, pursuit: Pursuit, outlook: str) -> None:
        for doubt in pursuit.doubts:
            self._lines.put(f"NOT VERIFIED: {doubt}")
        self._lines.put(
            f"{pursuit.name}: NOT VERIFIED after {time.monotonic() - self._began_s:.1f} s. "
            f"Switch the stimulator off by hand{outlook}."
        )

    def _doubt(self, text: str) -> None:
        self._is_in_doubt = True
        self._lines.put(f"NOT VERIFIED: {text}")


def stop(
    run_directories: Sequence[Path],
    server: str,
    report: Report,
    *,
    by: str = "crepe stop",
    problems: Iterable[str] = (),
) -> bool:
    """Stop everything; return True if that is verified, False when the attempts have ended.

    The parameters are those of `EmergencyStop`. `report` is called with each line for the
    operator: with all that is known after `ANSWER_S`, and again at the end.
    """
    attempts = EmergencyStop(run_directories, server, by=by, problems=problems)
    return attempts.answer(report, min(ANSWER_S, _TRY_S)) or attempts.answer(report, float("inf"))
