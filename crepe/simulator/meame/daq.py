"""Samples over TCP: both data ports, and the clock that paces them without drift."""

import asyncio
import logging
import socket
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from crepe.hw.meame.wire import N_CHANNELS, pack_block, sawtooth
from crepe.messages import Spikes
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.quirks import Faults, Quirk

log = logging.getLogger(__name__)

_CLIENT_S = 5.0  # a client with a longer lag is dropped
_LATE_PORTS_S = 0.1
_QUIRKY_BLOCKS = 100  # before a quirk of the stream begins


class Daq:
    """Acquisition: configured once, started, and sent to every client of a data port.

    Parameters
    ----------
    sockets
        `data` and `sawtooth`: bound, but not listening before the start.
    """

    def __init__(
        self,
        instrument: SimulatedMeame,
        sockets: Mapping[str, socket.socket],
        faults: Faults,
    ) -> None:
        self._instrument = instrument
        self._sockets = sockets
        self._faults = faults
        self._quirks = instrument.settings.quirks
        self.segment_samples = 0  # 0 until connected
        self._is_configured = False
        self.is_started = False
        self.is_sending = False
        self.pacing: asyncio.Task[None] | None = None
        self._listeners: dict[str, set[asyncio.StreamWriter]] = {"data": set(), "sawtooth": set()}
        self._cut_off: set[asyncio.StreamWriter] = set()  # their sockets stay open, and silent
        self._cut_until_s = 0.0  # by the clock of the loop
        self._servers: list[asyncio.Server] = []
        self._sawtooth_at = 0
        self._n_blocks = 0
        self._n_samples = 0  # since the start
        self._joined: dict[int, int] = {}  # by port of a client, the first sample that it received

    def connect(self, sampling_rate_hz: int, segment_samples: int) -> None:
        """Configure; a second call changes nothing. Raises ValueError for impossible settings."""
        if self._is_configured:
            log.info("already configured")
            return
        if not 1000 <= sampling_rate_hz <= 50_000 or not 1 <= segment_samples <= sampling_rate_hz:
            if Quirk.CONNECT_ALWAYS_SUCCEEDS in self._quirks:
                self._is_configured = True
                return
            raise ValueError(f"{sampling_rate_hz} Hz in segments of {segment_samples}")
        self._instrument.connect(sampling_rate_hz)
        self.segment_samples = segment_samples
        self._is_configured = True

    async def start(self) -> bool:
        """Open the data ports and send samples; return True if that begins for the first time.

        None are sent if /DAQ/connect returned 200 for settings that the device cannot have; the
        ports open all the same.
        """
        if not self._is_configured:
            return False
        self.is_sending = True
        if self.is_started:
            return False
        self.is_started = True
        self._instrument.start()
        if Quirk.LATE_PORTS in self._quirks:
            loop = asyncio.get_running_loop()
            loop.call_later(_LATE_PORTS_S, lambda: loop.create_task(self._listen()))
        else:
            await self._listen()
        if self.segment_samples:
            self.pacing = asyncio.create_task(self._pace())
        return self.pacing is not None

    def stop(self) -> None:
        """Stop sending until the next start; the culture continues."""
        if Quirk.IGNORED_STOP not in self._quirks:
            self.is_sending = False

    def truth(self, port: int, start: int, stop: int) -> Spikes:
        """Return the true spikes in a window, in the sample indices of the client with this port.

        There are none before the client connected.
        """
        first = self._joined.get(port)
        if first is None:
            return Spikes.none(start, stop)
        spikes = self._instrument.truth(start + first, stop + first)
        return replace(spikes, start=start, stop=stop, sample=spikes.sample - first)

    async def wait_for_network(self) -> None:
        """Wait until a cut of the network is over; a new one begins at once."""
        self._cut()
        await asyncio.sleep(max(0.0, self._cut_until_s - asyncio.get_running_loop().time()))

    def _cut(self) -> bool:
        """Begin a cut of the network if one is due; return whether it is cut now."""
        now_s = asyncio.get_running_loop().time()
        if self._faults.cut_s:
            self._cut_until_s, self._faults.cut_s = now_s + self._faults.cut_s, 0.0
            for listeners in self._listeners.values():
                self._cut_off |= listeners
                listeners.clear()
        if now_s < self._cut_until_s:
            return True
        for writer in self._cut_off:
            writer.transport.abort()
        self._cut_off.clear()
        return False

    async def _listen(self) -> None:
        for name, bound in self._sockets.items():
            join = partial(self._join, name)
            self._servers.append(await asyncio.start_server(join, sock=bound))

    def _join(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Add a client: it receives whole blocks, from the next on."""
        del reader
        if name == "data":
            self._joined[writer.get_extra_info("peername")[1]] = self._n_samples
        writer.transport.set_write_buffer_limits(high=0)
        self._listeners[name].add(writer)

    async def _pace(self) -> None:
        """Send a block each segment: the n-th is due n segments after the start, without drift."""
        loop = asyncio.get_running_loop()
        n, rate_hz = self.segment_samples, self._instrument.sampling_rate_hz
        began_s = loop.time()
        while True:
            self._n_blocks += 1
            wait_s = began_s + self._n_blocks * n / rate_hz - loop.time()
            await asyncio.sleep(max(0.0, wait_s))
            if self._faults.stall_s:
                stall_s, self._faults.stall_s = self._faults.stall_s, 0.0
                await asyncio.sleep(stall_s)
            samples = self._instrument.advance(n)
            self._n_samples += n
            if self._cut() or not self.is_sending:
                # A client counts only samples that it receives, so its first one moves along.
                self._joined = {port: first + n for port, first in self._joined.items()}
                continue
            self._send("data", self._block(samples), rate_hz)
            if self._listeners["sawtooth"]:
                at, self._sawtooth_at = self._sawtooth_at, self._sawtooth_at + n
                self._send("sawtooth", pack_block(sawtooth(at, at + n)), rate_hz)

    def _block(self, samples: NDArray[np.int32]) -> bytes:
        """Return a block as it is sent, with quirks and faults."""
        if Quirk.ZERO_LAST_SAMPLE in self._quirks:
            samples = samples.copy()
            samples[:, -1] = 0
        if self._n_blocks >= _QUIRKY_BLOCKS and Quirk.STALL in self._quirks:
            self.is_sending = False
            return b""
        if self._n_blocks == _QUIRKY_BLOCKS and Quirk.SHORT_BLOCK in self._quirks:
            samples = samples[:, : self.segment_samples // 2]
        block = pack_block(samples)
        cut, self._faults.truncate_bytes = self._faults.truncate_bytes, 0
        return block[: len(block) - cut]

    def _send(self, name: str, block: bytes, rate_hz: float) -> None:
        limit = 4 * N_CHANNELS * max(2.0 * self.segment_samples, _CLIENT_S * rate_hz)
        if self._faults.drop:
            self._faults.drop = False
            self._drop_all()
        for writer in list(self._listeners[name]):
            transport = writer.transport
            if transport.is_closing():
                self._listeners[name].discard(writer)
            elif transport.get_write_buffer_size() > limit:
                peer = writer.get_extra_info("peername")
                log.warning("%s client %s: more than %.0f s behind, dropped", name, peer, _CLIENT_S)
                self._listeners[name].discard(writer)
                # `close` would keep the buffer until the client has read it.
                transport.abort()
            else:
                writer.write(block)

    def _drop_all(self) -> None:
        for listeners in self._listeners.values():
            for writer in listeners:
                writer.transport.abort()
            listeners.clear()

    def close(self) -> None:
        for writer in self._cut_off:
            writer.transport.abort()
        for server in self._servers:
            server.close()
        self._drop_all()
