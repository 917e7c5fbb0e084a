"""The MEAME client's recording half: samples over TCP."""

import logging
import socket
import time
from collections import deque
from dataclasses import replace

import numpy as np
from pydantic import Field, PositiveFloat, PositiveInt

from crepe.electrodes.geometry import OWN_LAYOUT, with_geometry
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import DeviceError
from crepe.hw.capabilities import Latency, RecorderCapabilities
from crepe.hw.instrument import Recorder
from crepe.hw.meame import wire
from crepe.hw.meame.framing import Framing
from crepe.hw.meame.http import SIMULATOR, HttpControl, Server, open_control
from crepe.hw.meame.settings import MeameSettings
from crepe.messages import Segment, Spikes, StreamInfo

log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_RECEIVE_BYTES = 1 << 18
_MEASURE_S = 10.0
_RATE_TOLERANCE = 0.15  # MEAME's rates are further apart
_STALL_S = 2.0  # MEAME never closes a data socket; after so long a silence it is abandoned


CAPABILITIES = RecorderCapabilities(
    latency=Latency(source="simulator only"),
    clock="the crystal of the MCS interface board; blocks carry no number and no time",
    only_while_stopped=("sampling rate and segment length, by a restart of MEAME",),
    verified=("sampling rate and segment length, of a simulator",),
    not_verified=(
        "sampling rate and segment length, if another client has configured MEAME: the recorder "
        "looks for a quiet reference, and measures the rate",
        "microvolts per count (scale_uv): MEAME does not report it",
        "the number of samples lost in an outage: estimated from this computer's clock",
    ),
)


class RecorderSettings(MeameSettings):
    """The settings of `meame://` for recording."""

    sampling_rate_hz: PositiveInt = 10_000
    """Sampling rate to request of the server."""
    segment_samples: int = Field(100, ge=10)
    """Length of a segment, in samples; in shorter ones lost framing could not be noticed."""
    scale_uv: PositiveFloat = 0.059605
    """Microvolts per count; MEAME does not report it."""
    data_port: int = Field(12340, ge=1, le=65535)
    """TCP port of the samples."""


class MeameRecorder(Recorder):
    """Segments from MEAME's data port; one block is one segment."""

    Settings = RecorderSettings

    def __init__(self, settings: RecorderSettings) -> None:
        self._settings = settings
        self._server: Server | None = None
        self._socket: socket.socket | None = None
        self._block = bytearray()
        self._received_s = 0.0
        self._framing = Framing("")
        self._ready: deque[Segment] = deque()
        self._identity = ""
        self._truth: HttpControl | None = None  # of a simulator, which knows the true spikes
        self._origin = self._position = 0  # sample index of the first sample; of the next
        self._measured_from: tuple[float, int] | None = None  # monotonic time, position

    def open(self, position: int) -> StreamInfo:
        settings = self._settings
        self.close()
        # Nothing waits for one that was lost: the caller has heartbeats to send, and tries again.
        wait_s = settings.wait_s if self._server is None else 0.0
        control, named, is_proven = open_control(settings.location, settings.data_port, wait_s)
        server = control.server
        with control:
            control.connect(settings.sampling_rate_hz, settings.segment_samples)
            is_simulated = is_proven or control.is_simulated
            # A real MEAME reports none: `Framing` notices another length, `_measure` another rate.
            if is_simulated:
                self._check(server, control.acquisition())
            control.start()
        try:
            self._socket = socket.create_connection((server.host, server.data_port), _CONNECT_S)
        except OSError as error:
            raise DeviceError(
                f"{server.name} data port {server.data_port}: {error}; it opens when the "
                "instrument runs"
            ) from error
        self._server = server
        # Our own simulator needs no arming, and is a new one after each start.
        self._identity = "" if is_proven else control.simulated_by
        self._truth = HttpControl(server) if is_simulated else None
        self._origin = self._position = position
        self._block.clear()
        self._received_s = time.monotonic()
        self._framing = Framing(f"{settings.location} data port")
        self._ready.clear()
        self._measured_from = None
        return replace(
            self.expected(),
            origin_t_ns=time.time_ns(),
            is_simulated=is_simulated,
            source=f"MEAME {named.host}:{named.http_port}",
        )

    @property
    def capabilities(self) -> RecorderCapabilities:
        return CAPABILITIES

    @property
    def identity(self) -> str:
        return self._identity

    def expected(self) -> StreamInfo:
        settings = self._settings
        info = StreamInfo(
            sampling_rate_hz=float(settings.sampling_rate_hz),
            labels=MCS_60_LABELS,
            scale_uv=(settings.scale_uv,),
            segment_samples=settings.segment_samples,
            longest_samples=settings.segment_samples,
            is_live=True,
            is_simulated=settings.location == SIMULATOR,
            source=f"MEAME {settings.location}",
        )
        return with_geometry(info, OWN_LAYOUT, info.source)

    def _check(self, server: Server, actual: tuple[int, int]) -> None:
        """Raise DeviceError if another client has configured the server otherwise."""
        requested = (self._settings.sampling_rate_hz, self._settings.segment_samples)
        if actual != requested:
            raise DeviceError(
                f"{server.name}: runs at {actual[0]} Hz in segments of {actual[1]} samples, "
                f"asked for {requested[0]} Hz and {requested[1]}; restart it to change that"
            )

    def read(self, timeout_s: float) -> Segment | None:
        deadline = time.monotonic() + timeout_s
        while not self._ready:
            segment = self._receive(deadline)
            if segment is None:
                return None
            self._ready.extend(self._framing.check(segment))
        return self._ready.popleft()

    def _receive(self, deadline: float) -> Segment | None:
        """Return the next block, or None if it is not complete by the deadline."""
        if self._socket is None or self._server is None:
            raise DeviceError(f"{self._settings.location}: not open")
        n = self._settings.segment_samples
        n_bytes = wire.block_bytes(n)
        while len(self._block) < n_bytes:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                self._check_silence()
                return None
            self._socket.settimeout(left_s)
            try:
                received = self._socket.recv(min(n_bytes - len(self._block), _RECEIVE_BYTES))
            except TimeoutError:
                self._check_silence()
                return None
            except OSError as error:
                raise DeviceError(f"{self._server.name} data port: {error}") from error
            if not received:
                raise DeviceError(f"{self._server.name} data port: closed by the server")
            self._block += received
            self._received_s = time.monotonic()
        samples = wire.unpack_block(self._block, n)
        # A new one for each block, since `samples` are a view of the old.
        self._block = bytearray()
        start, self._position = self._position, self._position + n
        self._measure()
        return Segment(start, self._position, samples, time.time_ns())

    def _check_silence(self) -> None:
        """Raise DeviceError if nothing was received for `_STALL_S`."""
        if time.monotonic() - self._received_s > _STALL_S:
            raise DeviceError(f"{self._settings.location} data port: silent for {_STALL_S:g} s")

    def _measure(self) -> None:
        """Warn if samples come at another rate: MEAME keeps its first setting until restarted."""
        now_s = time.monotonic()
        began_s, began = self._measured_from or (now_s, self._position)
        if now_s - began_s >= _MEASURE_S:
            requested_hz = self._settings.sampling_rate_hz
            measured_hz = (self._position - began) / (now_s - began_s)
            if abs(measured_hz / requested_hz - 1) > _RATE_TOLERANCE:
                log.warning("data port: %.0f samples/s, asked for %d", measured_hz, requested_hz)
            began_s, began = now_s, self._position
        self._measured_from = (began_s, began)

    def truth(self, start: int, stop: int) -> Spikes | None:
        if self._truth is None or self._socket is None:
            return None
        port = self._socket.getsockname()[1]
        spikes = self._truth.truth(port, start - self._origin, stop - self._origin)
        try:
            return Spikes(
                start,
                stop,
                np.array(spikes["cells"], np.int32),
                np.array(spikes["samples"], np.int64) + self._origin,
                np.array(spikes["depths_uv"], np.float32),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DeviceError(f"{self._settings.location}: no true spikes ({error!r})") from error

    def close(self) -> None:
        if self._truth is not None:
            self._truth.close()
            self._truth = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
