"""The reader of both data ports: it never waits for anybody.

RHX has one sending thread: a reader that stalls holds up its waveforms, its memory, and its stop.
So what comes is taken at once, and passed on to a client only as far as that keeps up.
"""

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from crepe.hw.rhx.blocks import block_bytes
from crepe.hw.rhx.controller import close_all

log = logging.getLogger(__name__)

_RECEIVE_BYTES = 1 << 18
_POLL_S = 0.1
_CLIENT_BYTES = 16 << 20  # 4 s of 64 channels at 30 kHz; a client with a longer lag is dropped


class Drain:
    """A thread that drains the waveform port to one client, and the spike port to none.

    Parameters
    ----------
    sockets
        Of waveforms and of spikes.
    on_end
        Called on the thread when RHX has closed a port, with the reason.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], n_words: int, on_end: Callable[[str], None]
    ) -> None:
        self._sockets = list(sockets)
        self._n_bytes = block_bytes(n_words)
        self._on_end = on_end
        self._at = 0  # bytes of the block that is coming
        self._lock = threading.Lock()
        self._client: socket.socket | None = None
        self._joining: socket.socket | None = None  # until the next block begins
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._is_closed = False
        self.received_s = time.monotonic()
        self._selector = selectors.DefaultSelector()
        for each in self._sockets:
            each.setblocking(False)
            self._selector.register(each, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="drains", daemon=True)
        self._thread.start()

    @property
    def is_closed(self) -> bool:
        """Whether nothing is drained any more."""
        return self._is_closed

    def join(self, client: socket.socket) -> None:
        """Give a client all blocks from the next on; the one before it is dropped.

        Where the run has just ended, the client is closed at once, so that it begins another one.
        """
        client.setblocking(False)
        with self._lock:
            if self._is_closed:
                close_all([client])
                return
            self._drop("another client has taken the data")
            self._joining = client

    def close(self) -> None:
        """Close both data sockets at once; harmless to repeat."""
        self._is_closed = True
        close_all(self._sockets)
        with self._lock:
            self._drop("")

    def _run(self) -> None:
        reason = ""
        while not self._is_closed and not reason:
            for key, _ in self._selector.select(_POLL_S):
                try:
                    data = key.fileobj.recv(_RECEIVE_BYTES)  # type: ignore[union-attr]  # a socket
                except BlockingIOError:
                    continue
                except OSError as error:
                    reason = f"data port: {error}"
                    break
                if not data:
                    reason = "data port: closed by RHX"
                    break
                if key.fileobj is self._sockets[0]:
                    self.received_s = time.monotonic()
                    self._pass_on(data)
            with self._lock:
                self._send()
        self._selector.close()
        if not self._is_closed:
            self.close()
            self._on_end(reason)

    def _pass_on(self, data: bytes) -> None:
        with self._lock:
            begin = -self._at % self._n_bytes  # of the next block in this data
            self._at = (self._at + len(data)) % self._n_bytes
            if self._joining is not None and begin < len(data):
                self._client, self._joining = self._joining, None
                data = data[begin:]
            if self._client is None:
                return
            self._queue.append(data)
            self._queued += len(data)
            self._send()
            if self._queued > _CLIENT_BYTES:
                self._drop("the recorder does not keep up; it is cut off, so that RHX is not held")

    def _send(self) -> None:
        """Send as much as the client takes now."""
        while self._client is not None and self._queue:
            try:
                n = self._client.send(self._queue[0])
            except BlockingIOError:
                return
            except OSError:
                self._drop("")
                return
            self._queued -= n
            rest = self._queue.popleft()[n:]
            if rest:
                self._queue.appendleft(rest)

    def _drop(self, reason: str) -> None:
        if reason and self._client is not None:
            log.warning("%s", reason)
        close_all([each for each in (self._client, self._joining) if each is not None])
        self._client = self._joining = None
        self._queue.clear()
        self._queued = 0
