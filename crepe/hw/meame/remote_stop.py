"""The stop of a MEAME by `crepe stop` and the watchdog."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

from crepe.errors import DeviceError
from crepe.hw.capabilities import StopEvidence
from crepe.hw.meame.dsp_stop import stop_dsp
from crepe.hw.meame.http import HttpControl, Server
from crepe.hw.remote_stop import Address, RemoteStop, StopReport


class MeameStop(RemoteStop):
    """The stop of a MEAME's DSP, proved by its registers."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._server = Server(address.host, address.http_port, 0)

    @property
    def name(self) -> str:
        return self._server.name

    def objection(self, call_s: float, left_s: float) -> str:
        server = self._server.resolved(max(left_s, call_s))._replace(nonce=self.address.nonce)
        with HttpControl(server, call_s) as control:
            if self.address.nonce:
                return "" if control.is_our_simulator() else "its simulator has ended"
            with suppress(DeviceError):  # what is no simulator must be stopped, whatever it answers
                control.status()
            return "a simulator of others has its address now" if control.is_simulated else ""

    def attempt(
        self,
        call_s: float,
        left_s: float,
        alone: Callable[[], AbstractContextManager[None]],
    ) -> StopReport:
        self._server = self._server.resolved(max(left_s, call_s))
        with HttpControl(self._server, call_s) as control, alone():
            doubts = stop_dsp(control)
        return StopReport(StopEvidence.ASKED if doubts else StopEvidence.PROVED, tuple(doubts))
