"""The instrument that was driven last in a run directory where nothing runs any more.

Its address is only remembered: another simulator, or another person's program, may have it now.
"""

import time
from contextlib import suppress
from pathlib import Path

from crepe.environment.bounded_call import call_within
from crepe.hw.remote_stop import open_stop
from crepe.safety.instrument_lease import holder
from crepe.safety.protocol.announcement import INSTRUMENT_FILE, Instrument

_DISK_S = 0.2  # for a disk to answer at all


class LastInstrument:
    """An instrument whose stimulator and watchdog have ended, and whether it may be stopped."""

    def __init__(self, run_directory: Path, instrument: Instrument) -> None:
        self._path = run_directory
        self._address = instrument.address

    def __str__(self) -> str:
        """Which instrument it is, and since when."""
        at = "at an unknown time"
        with suppress(OSError):
            status = call_within(_DISK_S, (self._path / INSTRUMENT_FILE).stat)
            at = time.strftime("on %Y-%m-%d at %H:%M:%S", time.localtime(status.st_mtime))
        name = f"{self._address.stop}://{self._address.host}:{self._address.http_port}"
        return f"no stimulator runs in {self._path}; the last one has driven {name}, announced {at}"

    def objection(self, call_s: float, left_s: float) -> str:
        """Return why nothing may be written to the instrument at the address; empty if it may.

        An instrument that no program of this machine drives is stopped: it may still play.
        """
        host, port, nonce, _ = self._address
        if not nonce and (process := holder(host, port)):
            return f"{process} stimulates with it now"
        return open_stop(self._address).objection(call_s, left_s)
