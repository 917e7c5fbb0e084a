"""The Lab Streaming Layer: an outlet, and inlets with buffers of NumPy."""

import numpy as np
import pylsl

from benchmarks.peers.peer import (
    N_CHANNELS,
    N_SAMPLES,
    RATE_HZ,
    BlockingPeer,
    Receive,
    Samples,
    Send,
)

# Streams are looked for on this computer only, and those of this measurement only.
_SETTINGS = """
[multicast]
ResolveScope = machine
AddressesOverride = {{127.0.0.1}}
ListenAddress = 127.0.0.1
TTLOverride = 0
[ports]
IPv6 = disable
[lab]
KnownPeers = {{127.0.0.1}}
SessionID = {session}
[log]
level = -3
"""


class Lsl(BlockingPeer):
    title = "LSL"
    packages = ("pylsl",)

    def sender(self, topic: str, n_readers: int) -> Send:
        del n_readers
        self._configure()
        about = pylsl.StreamInfo(topic, "MEA", N_CHANNELS, RATE_HZ, "int32", topic)
        outlet = pylsl.StreamOutlet(about, chunk_size=N_SAMPLES)

        def send(t_ns: int, samples: Samples) -> None:
            outlet.push_chunk(np.ascontiguousarray(samples.T), t_ns / 1e9)

        return send

    def receiver(self, topic: str) -> Receive:
        self._configure()
        streams = []
        while not streams:
            streams = pylsl.resolve_byprop("name", topic, timeout=1.0)
        inlet = pylsl.StreamInlet(streams[0], max_chunklen=N_SAMPLES)
        inlet.open_stream(timeout=30)

        def receive() -> tuple[int, Samples]:
            taken, at_s = [], []
            while len(at_s) < N_SAMPLES:
                part, times_s = inlet.pull_chunk(30.0, N_SAMPLES - len(at_s), as_numpy=True)
                taken.append(part)
                at_s.extend(times_s)
            samples = taken[0] if len(taken) == 1 else np.concatenate(taken)
            return round(at_s[-1] * 1e9), samples.T

        return receive

    def _configure(self) -> None:
        pylsl.set_config_content(_SETTINGS.format(session=self.place.name))
