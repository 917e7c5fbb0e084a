"""ZeroMQ, which Open Ephys and many laboratories' own programs use: PUB and SUB over a socket."""

import numpy as np
import zmq

from benchmarks.peers.peer import N_CHANNELS, BlockingPeer, Receive, Samples, Send


class ZeroMq(BlockingPeer):
    title = "ZeroMQ"
    packages = ("pyzmq",)

    def sender(self, topic: str, n_readers: int) -> Send:
        del n_readers
        publisher = zmq.Context.instance().socket(zmq.PUB)
        publisher.bind(f"ipc://{self.place}/{topic}.zmq")

        def send(t_ns: int, samples: Samples) -> None:
            publisher.send_multipart([t_ns.to_bytes(8, "little"), samples])

        return send

    def receiver(self, topic: str) -> Receive:
        subscriber = zmq.Context.instance().socket(zmq.SUB)
        subscriber.subscribe(b"")
        subscriber.connect(f"ipc://{self.place}/{topic}.zmq")

        def receive() -> tuple[int, Samples]:
            t_ns, data = subscriber.recv_multipart()
            samples = np.frombuffer(data, np.int32).reshape(N_CHANNELS, -1)
            return int.from_bytes(t_ns, "little"), samples

        return receive
