"""A unix socket and nothing else: the least that two processes need."""

import socket
import time
from contextlib import suppress

import numpy as np

from benchmarks.peers.peer import N_CHANNELS, N_SAMPLES, BlockingPeer, Receive, Samples, Send

_N_BYTES = 8 + 4 * N_CHANNELS * N_SAMPLES


class BareSocket(BlockingPeer):
    title = "bare socket"

    def sender(self, topic: str, n_readers: int) -> Send:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(self.place / f"{topic}.sock"))
        server.listen(n_readers)
        clients = [server.accept()[0] for _ in range(n_readers)]

        def send(t_ns: int, samples: Samples) -> None:
            data = t_ns.to_bytes(8, "little") + samples.tobytes()
            for client in clients:
                client.sendall(data)

        return send

    def receiver(self, topic: str) -> Receive:
        client = socket.socket(socket.AF_UNIX)
        while True:
            with suppress(FileNotFoundError, ConnectionRefusedError):
                client.connect(str(self.place / f"{topic}.sock"))
                break
            time.sleep(0.01)

        def receive() -> tuple[int, Samples]:
            data = bytearray()
            while len(data) < _N_BYTES:
                data += client.recv(_N_BYTES - len(data))
            samples = np.frombuffer(data, np.int32, offset=8).reshape(N_CHANNELS, -1)
            return int.from_bytes(data[:8], "little"), samples

        return receive
