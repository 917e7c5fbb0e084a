"""Redis Streams with redis-py alone, as a laboratory would begin, and as BRAND's nodes do it."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgpack
import msgpack_numpy
import numpy as np
import redis

from benchmarks.peers.peer import N_CHANNELS, BlockingPeer, Receive, Samples, Send
from benchmarks.server import running_server_in


class RedisPeer(BlockingPeer):
    """A peer that needs a Redis server; all have the same, with an append-only file."""

    keeps = True

    @property
    def url(self) -> str:
        return f"unix://{self.place}/redis.sock"

    @contextmanager
    def serving(self) -> Iterator[list[int]]:
        with running_server_in(self.place) as process:
            yield [process.pid]


class RedisPy(RedisPeer):
    """A dictionary of MessagePack in each entry."""

    title = "redis-py"
    packages = ("redis", "hiredis", "msgpack-numpy")

    def sender(self, topic: str, n_readers: int) -> Send:
        del n_readers
        client = redis.Redis.from_url(self.url)

        def send(t_ns: int, samples: Samples) -> None:
            data = msgpack.packb({"samples": samples}, default=msgpack_numpy.encode)
            client.xadd(topic, {"t_ns": t_ns, "data": data}, maxlen=30_000)

        return send

    def receiver(self, topic: str) -> Receive:
        client, last, ahead = redis.Redis.from_url(self.url, socket_timeout=None), b"0-0", []

        def receive() -> tuple[int, Samples]:
            nonlocal last
            while not ahead:
                for _, entries in client.xread({topic: last}, count=64, block=1000):
                    ahead.extend(entries)
            last, fields = ahead.pop(0)
            return int(fields[b"t_ns"]), _unpacked(fields)

        return receive

    def history(self, topic: str) -> Samples:
        entries = redis.Redis.from_url(self.url).xrange(topic)
        return np.concatenate([_unpacked(fields) for _, fields in entries], axis=1)


def _unpacked(fields: dict[bytes, bytes]) -> Samples:
    unpacked = msgpack.unpackb(fields[b"data"], object_hook=msgpack_numpy.decode)
    samples: Samples = unpacked["samples"]
    return samples


class Brand(RedisPeer):
    """As nodes of BRAND talk: fields of raw bytes, one entry at a time, for ever."""

    title = "BRAND-style"
    packages = ("redis", "hiredis")

    def sender(self, topic: str, n_readers: int) -> Send:
        del n_readers
        client = redis.Redis(unix_socket_path=f"{self.place}/redis.sock")
        n_sent = 0

        def send(t_ns: int, samples: Samples) -> None:
            nonlocal n_sent
            n_sent += 1
            client.xadd(
                topic,
                {
                    "ts": np.uint64(t_ns).tobytes(),
                    "i": np.uint64(n_sent).tobytes(),
                    "samples": samples.tobytes(),
                },
                maxlen=30_000,
                approximate=True,
            )

        return send

    def receiver(self, topic: str) -> Receive:
        client, last = redis.Redis(unix_socket_path=f"{self.place}/redis.sock"), b"0-0"

        def receive() -> tuple[int, Samples]:
            nonlocal last
            ((_, ((last, fields),)),) = client.xread({topic: last}, count=1, block=0)
            return int(np.frombuffer(fields[b"ts"], np.uint64)[0]), _raw(fields)

        return receive

    def history(self, topic: str) -> Samples:
        entries = redis.Redis(unix_socket_path=f"{self.place}/redis.sock").xrange(topic)
        return np.concatenate([_raw(fields) for _, fields in entries], axis=1)


def _raw(fields: dict[bytes, bytes]) -> Samples:
    return np.frombuffer(fields[b"samples"], np.int32).reshape(N_CHANNELS, -1)
