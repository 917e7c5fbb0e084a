"""The stop of RHX by `crepe stop` and the watchdog, through the program that may command it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from crepe.hw.capabilities import StopEvidence
from crepe.hw.remote_stop import Address, RemoteStop, StopReport
from crepe.hw.rhx.client import ServiceClient

_LONGER = 4  # times: the program makes many calls for one request


class RhxStop(RemoteStop):
    """The stop of an Intan controller, as RHX reports it. The host is the program's socket."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._name = f"the program rhx ({address.host})"

    @property
    def name(self) -> str:
        return self._name

    def attempt(
        self,
        call_s: float,
        left_s: float,
        alone: Callable[[], AbstractContextManager[None]],
    ) -> StopReport:
        del left_s, alone  # the program itself lets only one request at a time through
        client = ServiceClient(Path(self.address.host))
        try:
            answer = client.call("stop", _LONGER * call_s)
        finally:
            client.close()
        self._name = answer["name"]
        doubts = tuple(f"{self.name}: {doubt}" for doubt in answer["doubts"])
        return StopReport(StopEvidence.ASKED if doubts else StopEvidence.REPORTED, doubts)
