"""A simulated ZMQ interface of Open Ephys, which loses messages on request."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, NonNegativeInt, PositiveFloat, PositiveInt

from crepe.environment import process
from crepe.errors import DeviceError
from crepe.hw.generator import Generator, GeneratorSettings
from crepe.hw.openephys.wire import Data, Ttl, pack_data, pack_ttl
from crepe.hw.optional_package import import_optional
from crepe.hw.pace import Pace

log = logging.getLogger(__name__)

_LISTEN_MS = 5
_POLL_S = 0.1


class PublisherSettings(BaseModel):
    """The signal, its blocks, and the ports of a simulated publisher."""

    n_channels: PositiveInt = 8
    """Number of channels, the first of which are sent."""
    sampling_rate_hz: PositiveFloat = 30_000.0
    """Sampling rate."""
    stream: str = "Rhythm_Data"
    """Name of the stream."""
    block_samples: tuple[PositiveInt, ...] = (1024, 992)
    """Lengths of blocks in turn; in Open Ephys they follow the sound card's buffer."""
    first_sample: NonNegativeInt = 4_096
    """Sample number of the first frame."""
    seed: NonNegativeInt = 1
    """Number from which the samples follow."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(0, ge=0, le=65534)
    """Port of the data; the next one takes requests. 0: any two free ones."""


class Publisher:
    """The plugin: one message for each channel and block, numbered since the start.

    Acquisition starts with `start`, which restarts the numbers of messages.
    """

    def __init__(self, settings: PublisherSettings) -> None:
        self.settings = settings
        self.n_beats = 0
        self._zmq = import_optional("zmq", "pyzmq", "openephys")
        self._signal = Generator(
            GeneratorSettings(
                n_channels=settings.n_channels,
                sampling_rate_hz=settings.sampling_rate_hz,
                seed=settings.seed,
                speed=0,
            )
        )
        self._context = self._zmq.Context()
        self._data, self._listen, self.port = self._bind()
        self._lock = threading.RLock()
        self._n_channels = settings.n_channels
        self._pending: list[Ttl] = []
        self._n_to_lose = 0
        self._word = 0
        self._number = 0
        self._sample = settings.first_sample
        self._is_acquiring = self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="open ephys publisher", daemon=True)
        self._thread.start()

    @property
    def sample(self) -> int:
        """Number of the next sample."""
        return self._sample

    @property
    def mode(self) -> str:
        """The GUI's mode."""
        return "ACQUIRE" if self._is_acquiring else "IDLE"

    def samples(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return samples [start, stop) as they were or will be sent, in microvolts."""
        with self._lock:
            info = self._signal.open(start)
            parts = []
            while start < stop:
                segment = self._signal.read(0)
                assert segment is not None
                parts.append(segment.samples[:, : stop - start])
                start = segment.stop
        return np.concatenate(parts, axis=1).astype(np.float32) * np.float32(info.scale_uv[0])

    def start(self) -> None:
        """Start acquisition."""
        with self._lock:
            self._number, self._is_acquiring = 0, True

    def stop(self) -> None:
        """Stop acquisition; no message announces that."""
        with self._lock:
            self._is_acquiring = False

    def lose(self, n_messages: int) -> None:
        """Count the next messages without sending them, as a full queue does."""
        with self._lock:
            self._n_to_lose = n_messages

    def skip(self, n_samples: int) -> None:
        """Skip samples, as where the acquisition board dropped frames."""
        with self._lock:
            self._sample += n_samples

    def send_channels(self, n_channels: int) -> None:
        """Send the first channels only, as after a change in the editor."""
        with self._lock:
            self._n_channels = n_channels

    def edge(self, line: int, *, is_on: bool) -> int:
        """Announce an edge at the next sample, before its block; return its sample number."""
        with self._lock:
            self._word = self._word & ~(1 << line) | (is_on << line)
            self._pending.append(Ttl(None, self.settings.stream, self._sample, line, is_on))
            return self._sample

    def close(self) -> None:
        """End the publisher; harmless to repeat."""
        self._is_closed = True
        self._thread.join()
        self._context.destroy(linger=0)

    def _bind(self) -> tuple[Any, Any, int]:
        """Bind both sockets, to free ports if none is given."""
        settings = self.settings
        for _ in range(100):
            data, listen = self._context.socket(self._zmq.PUB), self._context.socket(self._zmq.REP)
            address = f"tcp://{settings.host}"
            port = settings.port or data.bind_to_random_port(address, 20_000, 60_000)
            try:
                if settings.port:
                    data.bind(f"{address}:{port}")
                listen.bind(f"{address}:{port + 1}")
                return data, listen, int(port)
            except self._zmq.ZMQError as error:
                data.close()
                listen.close()
                if settings.port:
                    self._context.destroy(linger=0)
                    place = f"{settings.host} ports {port} and {port + 1}"
                    raise DeviceError(f"{place}: {error}; choose others") from error
        raise RuntimeError("no two free ports in a row")

    def _run(self) -> None:
        lengths: Iterator[int] = cycle(self.settings.block_samples)
        pace: Pace | None = None
        while not self._is_closed:
            if self._listen.poll(0 if self._is_acquiring else _LISTEN_MS):
                self._listen.recv()
                self.n_beats += 1
                self._listen.send(b"heartbeat received")
            if not self._is_acquiring:
                pace = None
                continue
            pace = pace or Pace(self.settings.sampling_rate_hz, 1.0)
            n = next(lengths)
            while not pace.wait(n, 0.1) and not self._is_closed:
                pass
            with self._lock:
                if self._is_acquiring and not self._is_closed:
                    self._publish(n)

    def _publish(self, n_samples: int) -> None:
        start, stop, t_ms = self._sample, self._sample + n_samples, time.time_ns() // 1_000_000
        for ttl in self._pending:
            self._send(pack_ttl(ttl._replace(message_num=self._next()), self._word, t_ms))
        self._pending.clear()
        samples, settings = self.samples(start, stop), self.settings
        for channel in range(self._n_channels):
            data = Data(
                self._next(),
                settings.stream,
                channel,
                f"CH{channel + 1}",
                start,
                settings.sampling_rate_hz,
                samples[channel],
                is_simulated=True,
            )
            self._send(pack_data(data, t_ms))
        self._sample = stop

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _send(self, parts: Sequence[bytes]) -> None:
        if self._n_to_lose:
            self._n_to_lose -= 1
        else:
            self._data.send_multipart(parts)


@contextlib.contextmanager
def publishing(settings: PublisherSettings) -> Iterator[Publisher]:
    """Run a publisher that acquires, while the block lasts."""
    publisher = Publisher(settings)
    try:
        publisher.start()
        yield publisher
    finally:
        publisher.close()


def serve(settings: PublisherSettings) -> None:
    """Run in the foreground until SIGTERM or SIGINT. Raises DeviceError if a port is taken."""
    is_over = threading.Event()

    async def run() -> None:
        with publishing(settings) as publisher:
            device = f"openephys://{settings.host}:{publisher.port}"
            log.info('simulated Open Ephys; to record from it: device = "%s"', device)
            while not is_over.is_set():
                await asyncio.sleep(_POLL_S)

    process.serve(run, is_over.set)
