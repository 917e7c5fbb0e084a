"""The least Python on a Redis server: XADD and XREAD on a bare socket, no message, no fence."""

import socket
from collections import deque
from typing import Any

import hiredis
import numpy as np

from benchmarks.peers.peer import N_CHANNELS, Receive, Samples, Send
from benchmarks.peers.redis_py import RedisPeer


class Floor(RedisPeer):
    title = "least Python on Redis"
    packages = ("hiredis",)
    keeps = False  # Redis does, but nothing here reads it

    def sender(self, topic: str, n_readers: int) -> Send:
        del n_readers
        redis_ = _Bare(self.place / "redis.sock")

        def send(t_ns: int, samples: Samples) -> None:
            redis_.call("XADD", topic, "*", "t_ns", t_ns, "data", samples.tobytes())

        return send

    def receiver(self, topic: str) -> Receive:
        redis_, last = _Bare(self.place / "redis.sock"), b"0-0"
        ahead: deque[Any] = deque()

        def receive() -> tuple[int, Samples]:
            nonlocal last
            while not ahead:
                read = ("XREAD", "COUNT", 64, "BLOCK", 1000, "STREAMS", topic, last)
                for _, entries in redis_.call(*read) or ():
                    ahead.extend(entries)
            last, fields = ahead.popleft()
            return int(fields[1]), np.frombuffer(fields[3], np.int32).reshape(N_CHANNELS, -1)

        return receive


class _Bare:
    """Redis commands on a bare socket."""

    def __init__(self, path: object) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._replies = hiredis.Reader()

    def call(self, *arguments: str | bytes | int) -> Any:
        self._socket.sendall(hiredis.pack_command(arguments))
        while (reply := self._replies.gets()) is False:
            self._replies.feed(self._socket.recv(1 << 16))
        return reply
