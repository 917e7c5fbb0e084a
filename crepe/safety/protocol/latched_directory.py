"""One run directory as an emergency stop sees it, whatever its disk does."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from crepe.environment.bounded_call import begin
from crepe.safety import arming
from crepe.safety.protocol.announcement import Instrument, announced
from crepe.safety.protocol.datagrams import State
from crepe.safety.protocol.orders import latch_in_memory

_DISK_S = 0.35  # for a disk, and for the watchdog, to answer at all


class LatchedDirectory:
    """One run directory: its latch, which is closed at once, and the instrument announced in it.

    What its disk does not do in a moment, its watchdog does or knows.
    """

    def __init__(self, path: Path, by: str) -> None:
        self.path = path
        self._deadline_s = time.monotonic() + _DISK_S
        self._latch = begin(arming.latch, path, by)
        self._announced = begin(announced, path)
        self._state = begin(latch_in_memory, path, by)

    def latch(self, report: Callable[[str], object]) -> bool:
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

    @property
    def is_deserted(self) -> bool:
        """Whether neither a stimulator nor a watchdog runs in it."""
        return self.is_idle and self._memory() is None

    def _memory(self) -> State | None:
        with suppress(OSError):
            return self._state.result(self._left_s)
        return None

    @property
    def _left_s(self) -> float:
        return max(0.0, self._deadline_s - time.monotonic())
