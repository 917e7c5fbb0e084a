"""The stop of an instrument by a program that does not drive it: `crepe stop`, the watchdog.

The driver announces by `Guard.drives` where its instrument is, and which class stops it. That
class needs no driver, since the driver may hang; nor numpy, since a stop must not wait for it.
"""

# Decision 76: why a class of its own, and what happens without one.

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from crepe.errors import ConfigError
from crepe.hw.capabilities import StopEvidence
from crepe.hw.entry_points import IMPORT_PATH, STOPS, import_class, path_of


class Address(NamedTuple):
    """The address at which other programs reach an instrument to stop it."""

    host: str
    http_port: int
    nonce: str = ""  # of our own simulator
    stop: str = ""  # scheme or import path of its `RemoteStop`; empty: it has none


class StopReport(NamedTuple):
    """The outcome of one attempt to stop an instrument."""

    evidence: StopEvidence
    doubts: tuple[str, ...] = ()  # reasons why this attempt does not count; empty: it does


class RemoteStop(ABC):
    """The stop of one instrument. Made for each emergency stop; `attempt` until one counts."""

    def __init__(self, address: Address) -> None:
        self.address = address

    @property
    def name(self) -> str:
        """Name of the instrument, for the operator."""
        return f"{self.address.stop}://{self.address.host}:{self.address.http_port}"

    def objection(self, call_s: float, left_s: float) -> str:
        """Return why another instrument has the address by now; empty if that is not known.

        Called before the first attempt where the address is only remembered, since the program
        that drove the instrument has ended. Writes nothing. Parameters as in `attempt`.
        """
        del call_s, left_s
        return ""

    @abstractmethod
    def attempt(
        self,
        call_s: float,
        left_s: float,
        alone: Callable[[], AbstractContextManager[None]],
    ) -> StopReport:
        """Stop once. Any error counts as a doubt.

        Parameters
        ----------
        call_s
            Longest time for one request; more in each attempt.
        left_s
            Time until the attempts end.
        alone
            Block in which no other program of CREPE calls the instrument.
        """


def open_stop(address: Address) -> RemoteStop:
    """Return the stop of an instrument.

    Raises ConfigError if the instrument has none, or if its class cannot be imported here.
    """
    place = f"instrument {address.host}:{address.http_port}"
    if not address.stop:
        raise ConfigError(f"{place}: only the program that drives it can stop it")
    path = address.stop
    if not IMPORT_PATH.fullmatch(path):
        path = path_of(path, STOPS, place)
    stop: RemoteStop = import_class(path, RemoteStop, place)(address)
    return stop
