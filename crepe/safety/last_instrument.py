"""The instrument that was driven last in a run directory where nothing runs any more.

Its address is only remembered: another simulator, or another person's program, may have it now.
"""

import time
from contextlib import suppress
from pathlib import Path

from crepe.environment.bounded_call import call_within
from crepe.errors import DeviceError
from crepe.hw.meame.http import HttpControl, Server
from crepe.safety.instrument_lease import holder
from crepe.safety.protocol.announcement import INSTRUMENT_FILE, Instrument

_DISK_S = 0.2  # for a disk to answer at all


class LastInstrument:
    """An instrument whose stimulator and watchdog have ended, and whether it may be stopped."""

    def __init__(self, run_directory: Path, instrument: Instrument) -> None:
        self._path = run_directory
        self._server = Server(instrument.host, instrument.http_port, 0, instrument.nonce)

    def __str__(self) -> str:
        """Which instrument it is, and since when."""
        at = "at an unknown time"
        with suppress(OSError):
            status = call_within(_DISK_S, (self._path / INSTRUMENT_FILE).stat)
            at = time.strftime("on %Y-%m-%d at %H:%M:%S", time.localtime(status.st_mtime))
        return (
            f"no stimulator runs in {self._path}; the last one has driven {self._server.name}, "
            f"announced {at}"
        )

    def objection(self, control: HttpControl) -> str:
        """Return why nothing may be written to the server at the address; empty if it may.

        An instrument that no program of this machine drives is stopped: it may still play.
        """
        if self._server.nonce:
            proves = HttpControl(control.server._replace(nonce=self._server.nonce))
            with proves:
                is_ours = proves.is_our_simulator()
            return "" if is_ours else "its simulator has ended"
        if process := holder(control.server.host, control.server.http_port):
            return f"{process} stimulates with it now"
        with suppress(DeviceError):  # what is no simulator must be stopped, whatever it answers
            control.status()
        return "a simulator of others has its address now" if control.is_simulated else ""
