"""`crepe simulate`: the simulated instrument on the wire, as MEAME serves it.

HTTP and both data ports live in one event loop, so that no call to the DSP interleaves with
another, nor with a block of samples.
"""

import asyncio
import errno
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray

from crepe import places
from crepe.errors import DeviceError
from crepe.hw.meame_http import SIMULATOR_FILE
from crepe.hw.meame_wire import TICKS_PER_S, pack_block, sawtooth
from crepe.simulator.dsp import Dsp
from crepe.simulator.instrument import SimulatedMeame
from crepe.simulator.routes import make_app
from crepe.simulator.settings import SimulatorSettings

log = logging.getLogger(__name__)

_CLIENT_S = 5.0  # a client that is so far behind is dropped
_KEEP_ALIVE_S = 3600  # a stimulator's connection must not end between two trains
_PORTS_TRIED = 200


class Simulator:
    """State of the server: acquisition, listeners, and the instrument."""

    def __init__(self, settings: SimulatorSettings, run_directory: Path) -> None:
        self.settings = settings
        self.instrument = SimulatedMeame(settings)
        self.nonce = secrets.token_hex(32)
        self.segment_samples = 0  # 0 until connected
        self.is_started = False
        self.n_sent = 0  # samples, since the start
        self._run_directory = run_directory
        self._began_s = time.monotonic()
        self._sockets = {
            "http": _bound(settings, settings.http_port),
            "data": _bound(settings, settings.data_port),
            "sawtooth": _bound(settings, settings.sawtooth_port),
        }
        self._ports = {name: each.getsockname()[1] for name, each in self._sockets.items()}
        self._listeners: dict[str, set[asyncio.StreamWriter]] = {"data": set(), "sawtooth": set()}
        self._sawtooth_at = 0
        self._servers: list[asyncio.Server] = []
        self._pacing: asyncio.Task[None] | None = None
        self._http = uvicorn.Server(
            uvicorn.Config(
                make_app(self),
                log_level="warning",
                lifespan="off",
                ws="none",
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )

    @property
    def http_port(self) -> int:
        return int(self._ports["http"])

    @property
    def data_port(self) -> int:
        return int(self._ports["data"])

    @property
    def sawtooth_port(self) -> int:
        return int(self._ports["sawtooth"])

    async def run(self) -> None:
        """Serve until `stop`."""
        self._http.capture_signals = nullcontext  # type: ignore  # our own handlers are enough
        self._sockets["http"].listen(64)  # there may be no listener yet on a port the system chose
        self._announce()
        try:
            await self._http.serve(sockets=[self._sockets["http"]])
        finally:
            (self._run_directory / SIMULATOR_FILE).unlink(missing_ok=True)
            for server in self._servers:
                server.close()
            for writer in (w for listeners in self._listeners.values() for w in listeners):
                writer.transport.abort()
            for each in self._sockets.values():
                each.close()
            if self._pacing is not None:
                self._pacing.cancel()
                with suppress(asyncio.CancelledError):
                    await self._pacing  # raises what ended it, if something did

    def stop(self) -> None:
        """End `run`; call it in the event loop."""
        self._http.should_exit = True

    def _announce(self) -> None:
        places.write_json(
            self._run_directory / SIMULATOR_FILE,
            {
                "host": self.settings.host,
                "http_port": self.http_port,
                "data_port": self.data_port,
                "sawtooth_port": self.sawtooth_port,
                "pid": os.getpid(),
                "nonce": self.nonce,
            },
        )
        log.info(
            "simulated MEAME on http://%s:%d, data %d, sawtooth %d",
            *(self.settings.host, self.http_port, self.data_port, self.sawtooth_port),
        )

    # Acquisition

    def connect(self, sampling_rate_hz: int, segment_samples: int) -> None:
        """Configure; a second time changes nothing, as with MEAME."""
        if self.segment_samples:
            log.info("already configured")
            return
        if not 1000 <= sampling_rate_hz <= 50_000 or not 1 <= segment_samples <= sampling_rate_hz:
            raise ValueError(f"{sampling_rate_hz} Hz in segments of {segment_samples}")
        self.instrument.connect(sampling_rate_hz)
        self.segment_samples = segment_samples

    def catch_up(self) -> Dsp:
        """The DSP, its clock at the present: it runs by itself, whatever is acquired."""
        elapsed_s = time.monotonic() - self._began_s
        self.instrument.dsp.run_until(int(elapsed_s * TICKS_PER_S))
        return self.instrument.dsp

    async def start(self) -> None:
        """Open the data ports and let time go; without a configuration nothing happens."""
        if self.is_started or not self.segment_samples:
            return
        self.is_started = True
        self.catch_up()
        self.instrument.start()
        for name in ("data", "sawtooth"):
            join = partial(self._join, name)
            self._servers.append(await asyncio.start_server(join, sock=self._sockets[name]))
        self._pacing = asyncio.create_task(self._pace())
        self._pacing.add_done_callback(lambda _: self.stop())  # without samples it is no use

    def _join(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new client: it gets whole blocks, from the next on."""
        del reader
        writer.transport.set_write_buffer_limits(high=0)
        self._listeners[name].add(writer)

    async def _pace(self) -> None:
        """A block each segment, without drift: the n-th is due n segments after the start."""
        loop = asyncio.get_running_loop()
        n, rate_hz = self.segment_samples, self.instrument.sampling_rate_hz
        began_s = loop.time()
        while True:
            self.n_sent += n
            wait_s = began_s + self.n_sent / rate_hz - loop.time()
            await asyncio.sleep(max(0.0, wait_s))
            self._send("data", self.instrument.advance(n), rate_hz)
            if self._listeners["sawtooth"]:
                at, self._sawtooth_at = self._sawtooth_at, self._sawtooth_at + n
                self._send("sawtooth", sawtooth(at, at + n), rate_hz)

    def _send(self, name: str, samples: NDArray[np.int32], rate_hz: float) -> None:
        block = pack_block(samples)
        most = len(block) * max(2.0, _CLIENT_S * rate_hz / samples.shape[1])
        for writer in list(self._listeners[name]):
            transport = writer.transport
            if transport.is_closing():
                self._listeners[name].discard(writer)
            elif transport.get_write_buffer_size() > most:
                peer = writer.get_extra_info("peername")
                log.warning("%s client %s: more than %.0f s behind, dropped", name, peer, _CLIENT_S)
                self._listeners[name].discard(writer)
                transport.abort()
            else:
                writer.write(block)


def _bound(settings: SimulatorSettings, port: int) -> socket.socket:
    """A socket on the port, or on the next free one if that is allowed. Raises DeviceError."""
    n = 1 if settings.are_ports_fixed or port == 0 else _PORTS_TRIED
    for candidate in range(port, min(port + n, 65536)):
        # asyncio turns Nagle's delay off only where the protocol is named
        found = socket.socket(proto=socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((settings.host, candidate))
            if candidate:
                found.listen(64)  # claims it: another that has bound it, too, is refused from now
            return found
        except OSError as error:
            found.close()
            if n == 1 or error.errno != errno.EADDRINUSE:
                place = f"{settings.host} port {candidate}"
                raise DeviceError(f"{place}: {error.strerror}; choose another") from error
    raise DeviceError(f"ports {port} to {port + n - 1}: all taken, one must be free")


def serve(settings: SimulatorSettings, run_directory: Path) -> None:
    """Run in the foreground until SIGTERM or SIGINT. Raises DeviceError if a port is taken."""
    simulator = Simulator(settings, run_directory)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, simulator.stop)
        watch = asyncio.create_task(_end_with_parent(simulator))
        await simulator.run()
        watch.cancel()

    asyncio.run(main())


async def _end_with_parent(simulator: Simulator) -> None:
    """Under supervisord: end when it is gone."""
    parent = os.getppid()
    while "SUPERVISOR_ENABLED" in os.environ:
        await asyncio.sleep(1.0)
        if os.getppid() != parent:
            log.info("supervisord is gone")
            simulator.stop()


@contextmanager
def running_simulator(settings: SimulatorSettings, run_directory: Path) -> Iterator[Simulator]:
    """A server on a thread of this process, for tests."""
    simulator = Simulator(settings, run_directory)
    loop: Any = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(simulator.run(),))
    thread.start()
    try:
        yield simulator
    finally:
        loop.call_soon_threadsafe(simulator.stop)
        thread.join()
        loop.close()
