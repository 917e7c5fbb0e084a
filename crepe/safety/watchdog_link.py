"""The stimulator's side of the watchdog: a local heartbeat that does not need Redis.

Datagrams on unix sockets in the run directory. The stimulator sends that it is alive, and whether
a train is under way. The watchdog answers with the name of a stimulator that it had to stop, if
any. Without a fresh answer nothing is stimulated.
"""

import json
import os
import secrets
import socket
import time
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.hw.instrument import Address
from crepe.safety import arming
from crepe.safety.instrument_lock import instrument_lock

STIMULATOR_SOCKET = "stimulator.sock"
FRESH_S = 0.5  # after that an answer of the watchdog counts no more
_LARGEST = 4096


class WatchdogLink:
    """The `Guard` of a stimulator outside this process: latch, arming and watchdog."""

    def __init__(self, run_directory: Path) -> None:
        self.run_directory = run_directory
        self._address = Address("", 0)
        self._instrument: arming.Instrument | None = None  # None until a driver calls `drives`
        self._is_simulator = False  # True when proven: no living culture is behind it
        self._answered_s = float("-inf")
        self._watchdog = ""  # process key of the one that answered last
        self._is_pulsing = True  # until a stop is certain: an earlier process may have left a train
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def drives(self, address: Address, *, is_simulator: bool) -> None:
        if self._instrument is None:
            path = self.run_directory / STIMULATOR_SOCKET
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
        # The watchdog does not change with the name that its next answer is for.
        answered_s = self._answered_s if address == self._address else float("-inf")
        self._address, self._is_simulator = address, is_simulator
        self._is_pulsing = True
        self._disarm()
        self._answered_s = answered_s

    def _disarm(self) -> None:
        """Take a new name, so that an arming of the old one no longer counts."""
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._instrument = arming.Instrument(name, ProcessIdentity.own(), *self._address)
        self._answered_s = float("-inf")
        arming.announce(self.run_directory, self._instrument)

    def pulsing(self, is_pulsing: bool) -> None:
        """Set whether pulses may flow: from before electrodes are connected to a certain stop."""
        self._is_pulsing = is_pulsing
        self.beat()

    def beat(self) -> None:
        """Send a heartbeat, and receive the watchdog's answers."""
        if self._instrument is None:
            return
        fields = {**self._instrument.to_json(), "is_pulsing": self._is_pulsing}
        with suppress(OSError):  # no watchdog: no answer comes, and nothing is stimulated
            address = str(self.run_directory / arming.WATCHDOG_SOCKET)
            self._socket.sendto(json.dumps(fields).encode(), address)
        is_another = False
        with suppress(BlockingIOError):
            while True:
                answer = json.loads(self._socket.recv(_LARGEST))
                if answer["stopped"] == self._instrument.stimulator:
                    self._disarm()
                elif answer["heard"] == self._instrument.stimulator:
                    # The time at the watchdog, not that of arrival: queued answers may be old. The
                    # monotonic clock is one for all processes of a machine.
                    self._answered_s = answer["monotonic_s"]
                    is_another |= self._watchdog not in ("", answer["process"])
                    self._watchdog = answer["process"]
        if is_another:  # the last watchdog was killed: since then nothing could stop a train
            self._answered_s = float("-inf")

    def refusal(self) -> str | None:
        """Return why no pulse may leave now, or None."""
        if self._instrument is None:
            return "no instrument is announced"
        age_s = time.monotonic() - self._answered_s
        if age_s > FRESH_S:
            return f"the watchdog has not answered within {FRESH_S:g} s, or stopped the instrument"
        return arming.refusal(
            self.run_directory, self._instrument.stimulator, is_simulator=self._is_simulator
        )

    def alone(self, wait_s: float, *, may_break: bool = False) -> AbstractContextManager[None]:
        """Keep other programs from the instrument in the block; see `instrument_lock`."""
        return instrument_lock(self.run_directory, wait_s, may_break=may_break)

    def close(self) -> None:
        self._socket.close()


def watchdog_link() -> WatchdogLink:
    """Return the link of this run directory."""
    return WatchdogLink(paths.run_directory())
