"""CREPE: what an actor's program does with a segment, and what a reader of the past calls."""

from collections import deque

from benchmarks.peers.peer import N_CHANNELS, N_SAMPLES, Receive, Samples, Send
from benchmarks.peers.redis_py import RedisPeer
from crepe.messages import Segment, StreamInfo
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore


class CrepeStore(RedisPeer):
    title = "CREPE"
    packages = ("crepe-mea",)

    def sender(self, topic: str, n_readers: int) -> Send:
        del n_readers
        store = RedisStore(self.url)
        store.declare(topic, StreamInfo(labels=tuple(map(str, range(N_CHANNELS))), is_live=True))
        stop = 0

        def send(t_ns: int, samples: Samples) -> None:
            nonlocal stop
            start, stop = stop, stop + N_SAMPLES
            payload = codec.pack([Segment(start, stop, samples)], start, stop)
            store.append([(topic, Entry(start, stop, payload, t_ns))])

        return send

    def receiver(self, topic: str) -> Receive:
        store, cursor = RedisStore(self.url), 0
        ahead: deque[Entry] = deque()

        def receive() -> tuple[int, Samples]:
            nonlocal cursor
            while not ahead:
                ahead.extend(
                    it for _, it in store.wait({topic: cursor}, 1.0) if isinstance(it, Entry)
                )
            entry = ahead.popleft()
            cursor = entry.stop
            (message,) = codec.unpack(Segment, entry.payload, entry.start, entry.stop)
            return entry.t_ns, message.samples

        return receive

    def history(self, topic: str) -> Samples:
        with Store(self.url) as store:
            stream = store[topic]
            samples: Samples = stream.read(0, len(stream))
        return samples
