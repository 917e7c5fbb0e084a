"""A sender of the Lab Streaming Layer, in this process or in another; discovery stays on loopback.

liblsl has no setting for the address of its data port, which listens on all of them.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIG = """
[multicast]
ResolveScope = machine
AddressesOverride = {127.0.0.1}
ListenAddress = 127.0.0.1
TTLOverride = 0
[ports]
IPv6 = disable
[lab]
KnownPeers = {127.0.0.1}
SessionID = %s
[tuning]
MulticastMinRTT = 0.05
UnicastMinRTT = 0.05
[log]
level = -3
"""
"""Streams are only seen by programs of this machine that have the same session."""


@cache
def lsl() -> Any:
    """Return pylsl, set up for this process and those that it starts. Raises what pylsl raises."""
    import pylsl

    session = os.environ.setdefault("LSL_TEST_SESSION", f"crepe-{os.getpid()}")
    pylsl.set_config_content(CONFIG % session)
    return pylsl


class Outlet:
    """A regular stream whose samples count up: channel c of sample i is i + c, modulo 2^15."""

    def __init__(
        self,
        name: str,
        *,
        n_channels: int = 4,
        rate_hz: float = 10_000.0,
        kind: str = "int16",
        unit: str | None = "microvolts",
        labels: bool = True,
        source_id: str = "",
    ) -> None:
        info = lsl().StreamInfo(name, "MEA", n_channels, rate_hz, kind, source_id or name)
        if labels:
            info.set_channel_labels([f"E{i}" for i in range(n_channels)])
        if unit:
            info.set_channel_units(unit)
        self.n_channels, self.rate_hz, self.n_sent = n_channels, rate_hz, 0
        self._outlet = lsl().StreamOutlet(info, max_buffered=60)
        self._dtype = np.dtype({"double64": "float64"}.get(kind, kind))
        self.origin_s = lsl().local_clock()

    def wait(self) -> None:
        """Wait for a receiver."""
        while not self._outlet.wait_for_consumers(0.05):
            pass
        self.origin_s = lsl().local_clock() - self.n_sent / self.rate_hz

    def send(self, n_samples: int) -> None:
        """Send the next samples, with the time stamps that they should have."""
        samples = counting(self.n_sent, self.n_sent + n_samples, self.n_channels)
        self.n_sent += n_samples
        stamp_s = self.origin_s + (self.n_sent - 1) / self.rate_hz
        self._outlet.push_chunk(np.ascontiguousarray(samples.T.astype(self._dtype)), stamp_s)

    def skip(self, n_samples: int) -> None:
        """Lose the next samples."""
        self.n_sent += n_samples

    def close(self) -> None:
        """Take the stream off the network."""
        del self._outlet


def counting(start: int, stop: int, n_channels: int) -> NDArray[np.int64]:
    """Return the samples of an outlet: (n_channels, stop - start)."""
    return (np.arange(start, stop) + np.arange(n_channels)[:, np.newaxis]) % (1 << 15)


@contextmanager
def sending(name: str) -> Iterator[str]:
    """Send in real time on a thread while the block lasts; return the name of the stream."""
    outlet, is_over = Outlet(name), threading.Event()

    def run() -> None:
        while not is_over.wait(0.01):
            n_due = round((lsl().local_clock() - outlet.origin_s) * outlet.rate_hz)
            outlet.send(n_due - outlet.n_sent)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield name
    finally:
        is_over.set()
        thread.join()
        outlet.close()


def main(name: str, n_channels: int, rate_hz: float, seconds: float) -> None:
    """Send in real time in chunks of 10 ms, from when the first receiver is there."""
    outlet = Outlet(name, n_channels=n_channels, rate_hz=rate_hz)
    outlet.wait()
    chunk = round(rate_hz / 100)
    for _ in range(round(seconds * 100)):
        ahead_s = outlet.origin_s + (outlet.n_sent + chunk) / rate_hz - lsl().local_clock()
        time.sleep(max(0.0, ahead_s))
        outlet.send(chunk)
    sys.stdin.read()  # the last samples must be fetched before the stream goes


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
