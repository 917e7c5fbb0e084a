"""Deaths of programs while pulses flow, and how long each kept requests from coming."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import urllib3

from crepe.environment import paths
from crepe.errors import CrepeError
from crepe.store import Store

LOOP = ("acquire", "pipeline", "game", "stimulate", "watchdog", "redis")
_REQUESTER = ("pipeline", "game", "redis")
"""Programs that a train does not notice if they are back soon enough."""
_WATCHED_S = 2.0
_POLL_S = 0.01


class Death(NamedTuple):
    """A program of the loop that was killed or frozen, or an instrument that obeys late."""

    name: str
    nonce: str  # of the simulator
    tick: int
    lasts_s: float  # of being frozen, or until requests went on; infinite for a program that died


class Deaths:
    """The deaths in one stack.

    Parameters
    ----------
    requests
        The stream of requests.
    """

    def __init__(self, var: Path, culture: str, requests: str) -> None:
        self._var = var
        self._culture = culture
        self._requests = requests
        self._deaths: list[Death] = []
        self._watches: list[Thread] = []

    def note(self, name: str, act: Callable[[], None], lasts_s: float | None = None) -> None:
        """Note a death that `act` brings about; None: it lasts until the program is back."""
        simulator = paths.read_json(self._var / "run" / "simulator.json") or {}
        index = len(self._deaths)
        with suppress(urllib3.exceptions.HTTPError, KeyError):
            url = f"http://127.0.0.1:{simulator['http_port']}/simulator/pulses"
            now = urllib3.request("GET", url, retries=False, timeout=2).json()["now"]
            lasting_s = math.inf if lasts_s is None else lasts_s
            self._deaths.append(Death(name, simulator["nonce"], now, lasting_s))
        act()
        if lasts_s is None and name in _REQUESTER and len(self._deaths) > index:
            watch = Thread(target=self._watch, args=(index,), daemon=True)
            watch.start()
            self._watches.append(watch)

    def all(self) -> list[Death]:
        """Return the deaths in order."""
        for watch in self._watches:
            watch.join()
        return self._deaths

    def _watch(self, index: int) -> None:
        """Set how far requests lagged behind the data before they went on.

        In samples, since a stimulator counts so, too.
        """
        deadline_s = time.monotonic() + _WATCHED_S
        before: int | None = None
        lag_s = 0.0
        with suppress(CrepeError), Store(culture=self._culture, patience_s=0) as store:
            while time.monotonic() < deadline_s:
                with suppress(CrepeError, KeyError):
                    n, rate_hz = len(store[self._requests]), store["data"].info.sampling_rate_hz
                    before = n if before is None else before
                    if n > before:
                        self._deaths[index] = self._deaths[index]._replace(lasts_s=lag_s)
                        return
                    lag_s = (len(store["data"]) - n) / rate_hz
                time.sleep(_POLL_S)
