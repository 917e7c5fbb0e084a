"""The stop of a MEAME by `crepe stop` and the watchdog."""

from collections.abc import Callable
from contextlib import AbstractContextManager

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
