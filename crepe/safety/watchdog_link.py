"""The stimulator's side of the watchdog: a local heartbeat, past Redis, and what comes back.

Datagrams on unix sockets in the run directory. The stimulator says `I am alive, and a train is (or
is not) under way`; the watchdog answers with the name of a stimulator that it had to stop, if any.
Without an answer that is fresh nothing is stimulated.
"""

import json
import os
import secrets
import socket
import time
from contextlib import suppress
from pathlib import Path

from crepe.safety import arming

STIMULATOR_SOCKET = "stimulator.sock"
WATCHDOG_SOCKET = "watchdog.sock"
FRESH_S = 0.5  # an answer of the watchdog is good for so long
_LARGEST = 4096


class Guard:
    """Asks before every pulse train whether it may be, and keeps the watchdog fed.

    Parameters
    ----------
    host, http_port, nonce
        Of the instrument; announced, so that it can be stopped by others.
    """

    def __init__(self, run_directory: Path, host: str, http_port: int, nonce: str) -> None:
        self.run_directory = run_directory
        self._instrument = arming.Instrument("", os.getpid(), host, http_port, nonce)
        self.is_simulator = False  # True when it has proved that no living culture is behind it
        self._answered_s = float("-inf")
        self._watchdog = 0  # pid of the one that answered last
        self._is_pulsing = True  # until it is certain that nothing of an earlier process runs
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        path = run_directory / STIMULATOR_SOCKET
        path.unlink(missing_ok=True)
        self._socket.bind(str(path))
        self.disarm()

    def disarm(self) -> None:
        """Take a new name: an arming of the old one no longer counts."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._instrument = self._instrument._replace(stimulator=name)
        self._answered_s = float("-inf")
        arming.announce(self.run_directory, self._instrument)

    def pulsing(self, is_pulsing: bool) -> None:
        """True from before electrodes are connected until all is stopped for certain."""
        self._is_pulsing = is_pulsing
        self.beat()

    def beat(self) -> None:
        """Say that this process is alive, and take in what the watchdog says."""
        words = {**self._instrument._asdict(), "is_pulsing": self._is_pulsing}
        with suppress(OSError):  # it is not there; then no answer comes, and nothing is stimulated
            address = str(self.run_directory / WATCHDOG_SOCKET)
            self._socket.sendto(json.dumps(words).encode(), address)
        is_another = False
        with suppress(BlockingIOError):
            while True:
                answer = json.loads(self._socket.recv(_LARGEST))
                if answer["stopped"] == self._instrument.stimulator:
                    self.disarm()
                elif answer["heard"] == self._instrument.stimulator:
                    self._answered_s = answer["monotonic_s"]
                    is_another |= self._watchdog not in (0, answer["pid"])
                    self._watchdog = answer["pid"]
        if is_another:  # the one before was killed: what ran since had nobody to stop it
            self._answered_s = float("-inf")

    def refusal(self) -> str | None:
        """Why no pulse may leave now, or None."""
        age_s = time.monotonic() - self._answered_s
        if age_s > FRESH_S:
            return f"the watchdog has not answered within {FRESH_S:g} s, or stopped the instrument"
        return arming.refusal(
            self.run_directory, self._instrument.stimulator, is_simulator=self.is_simulator
        )

    def close(self) -> None:
        self._socket.close()
