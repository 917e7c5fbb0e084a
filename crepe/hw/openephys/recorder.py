"""`openephys://`: samples and digital events from Open Ephys' ZMQ interface."""

# Decision 77: why a live stream is not described before it is there.

import logging
import threading
import time
from collections import deque

from pydantic import Field, PositiveFloat, PositiveInt

from crepe.errors import ConfigError, DeviceError
from crepe.hw.capabilities import Latency, RecorderCapabilities, SampleIndex
from crepe.hw.instrument import DeviceSettings, Recorder
from crepe.hw.openephys.assembly import Assembly, Block, Channels
from crepe.hw.openephys.gui import Gui
from crepe.hw.openephys.subscription import Subscription
from crepe.hw.openephys.wire import Data, Other, Ttl
from crepe.hw.optional_package import import_optional
from crepe.hw.segmenter import Segmenter
from crepe.messages import Command, Segment, StreamInfo

log = logging.getLogger(__name__)

_DEFAULT_PORT = 5556
_HELD_S = 30.0  # samples of so long wait for the reader
_MOST_EVENTS = 10_000
_SILENT_BLOCKS = 3
_LEARNT_BLOCKS = 6  # in which the channels of a new connection are learnt, and a segment comes
_POLL_S = 0.01


class OpenEphysSettings(DeviceSettings):
    """The settings of `openephys://HOST:5556?stream=NAME`."""

    location: str = Field("127.0.0.1:5556", pattern=r"^[^:/]+(:\d{1,5})?/?$")
    """Host and data port of the ZMQ interface; heartbeats go to the next port."""
    stream: str = ""
    """Name of the stream that the plugin must send; by default any."""
    segment_samples: PositiveInt = 100
    """Length of a segment, in samples."""
    sampling_rate_hz: PositiveFloat | None = None
    """Sampling rate that the stream must have; Open Ephys sets it."""
    scale_uv: PositiveFloat = 1.0
    """Microvolts per unit of the samples: 1 for headstages, 1e6 for inputs in volts; the messages
    state no unit."""
    wait_s: PositiveFloat = 10.0
    """Longest wait for the first blocks."""
    silence_s: PositiveFloat = 1.0
    """Time without a block after which the instrument counts as lost, if it is more than 3
    blocks."""
    starts_acquisition: bool = False
    """Start acquisition by the GUI's HTTP server, and stop it at the end if it was started so."""
    gui_port: int = Field(37497, ge=1, le=65535)
    """Port of the GUI's HTTP server."""


class OpenEphysRecorder(Recorder):
    """Segments assembled from blocks; gaps are where Open Ephys' sample numbers jump."""

    Settings = OpenEphysSettings

    def __init__(self, settings: OpenEphysSettings) -> None:
        import_optional("zmq", "pyzmq", "openephys")  # a missing package shows before the start
        host, _, port = settings.location.rstrip("/").partition(":")
        self._host, self._port = host, int(port or _DEFAULT_PORT)
        if not 1 <= self._port < 65535:
            raise ConfigError(f"openephys://{settings.location}: port must be 1 to 65534")
        self._settings = settings
        self._place = f"Open Ephys {host}:{self._port}"
        self._gui = Gui(host, settings.gui_port)
        self._subscription: Subscription | None = None
        self._changed = threading.Condition()
        self._was_open = False
        self._block_s = 0.0  # length of the last block
        self._reset(0)

    def _reset(self, position: int) -> None:
        self._assembly = Assembly(self._settings.stream)
        self._origin, self._shift = position, 0  # from Open Ephys' sample number to ours
        self._segmenter: Segmenter | None = None  # None until the first block
        self._ready: deque[Segment] = deque()
        # Open Ephys' sample number, and the edge; the oldest go where nothing publishes them
        self._events: deque[tuple[int, str]] = deque(maxlen=_MOST_EVENTS)
        self._events_until = position
        self._block_at_s = time.monotonic()
        self._error: DeviceError | None = None

    @property
    def capabilities(self) -> RecorderCapabilities:
        return RecorderCapabilities(
            sample_index=SampleIndex.EXACT,
            latency=Latency(source="CREPE's simulated publisher only"),
            clock="the acquisition system's crystal; the GUI numbers the samples",
            only_while_stopped=("stream and channels, in the GUI",),
            verified=("channels, stream and rate: every block carries them",),
            not_verified=(
                "microvolts: the messages state no unit",
                "the number of samples lost in an outage: estimated from this computer's clock",
            ),
        )

    def open(self, position: int) -> StreamInfo:
        self.close()
        # Nothing waits long for one that was lost: the caller has heartbeats to send.
        again_s = max(self._settings.silence_s, _LEARNT_BLOCKS * self._block_s)
        wait_s = again_s if self._was_open else self._settings.wait_s
        self._reset(position)
        if self._settings.starts_acquisition:
            self._gui.start()
        self._subscription = Subscription(self._host, self._port, self._take)
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._ready or self._fault(), wait_s)
                if error := self._fault():
                    raise error
                channels = self._assembly.channels
                if channels is None or not self._ready:
                    raise DeviceError(
                        f"{self._place}: no blocks in {wait_s:g} s; is acquisition on, has the "
                        "signal chain a ZMQ Interface on this port, and does no other program "
                        "use the port?"
                    )
            return self._describe(channels)
        except DeviceError:
            self.close()
            raise

    @property
    def problem(self) -> str:
        n_lost = self._assembly.n_lost
        return f"{self._place}: {n_lost} messages lost" if n_lost else ""

    def expected(self) -> StreamInfo | None:
        return None

    def _describe(self, channels: Channels) -> StreamInfo:
        settings, rate_hz = self._settings, channels.sampling_rate_hz
        if settings.sampling_rate_hz not in (None, rate_hz):
            raise DeviceError(
                f"{self._place}: {channels.stream} has {rate_hz:g} Hz, must have "
                f"{settings.sampling_rate_hz:g}"
            )
        self._was_open = True
        return StreamInfo(
            sampling_rate_hz=rate_hz,
            labels=channels.names,
            ids=tuple(map(str, channels.numbers)),
            dtype="float32",
            scale_uv=(settings.scale_uv,),
            segment_samples=settings.segment_samples,
            longest_samples=settings.segment_samples,
            origin_t_ns=time.time_ns(),
            is_live=True,
            is_simulated=channels.is_simulated,
            source=f"{self._place}, {channels.stream}",
        )

    def read(self, timeout_s: float) -> Segment | None:
        if self._subscription is None:
            raise DeviceError(f"{self._place}: not open")
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._ready:
                if error := self._fault():
                    raise error
                now_s = time.monotonic()
                if now_s >= deadline_s:
                    return None
                silent_s = self._block_at_s + self._silence_s - now_s
                self._changed.wait(min(deadline_s - now_s, max(0.0, silent_s) + _POLL_S))
            return self._ready.popleft()

    def events(self, until: int) -> list[Command]:
        with self._changed:
            edges: dict[int, list[str]] = {}
            later = []
            for number, edge in self._events:
                at = number + self._shift
                if at >= until:
                    later.append((number, edge))
                elif at >= self._events_until:
                    edges.setdefault(at, []).append(edge)
                else:
                    log.warning("%s: TTL %s at sample %d came too late", self._place, edge, at)
            self._events.clear()
            self._events.extend(later)
            self._events_until = until
        return [
            Command(at, at + 1, "ttl", ", ".join(edges[at]), self._place) for at in sorted(edges)
        ]

    def close(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
            try:
                self._gui.stop()
            except DeviceError as error:
                log.error("acquisition was not stopped: %s", error)

    def _fault(self) -> DeviceError | None:
        """Return why no more segments come, or None."""
        error = self._error or (self._subscription.error if self._subscription else None)
        if error is not None:
            return DeviceError(f"{self._place}: {error}")
        if time.monotonic() - self._block_at_s > self._silence_s and self._segmenter is not None:
            return DeviceError(f"{self._place}: silent for {self._silence_s:g} s")
        return None

    @property
    def _silence_s(self) -> float:
        return max(self._settings.silence_s, _SILENT_BLOCKS * self._block_s)

    # On the thread of the subscription

    def _take(self, message: Data | Ttl | Other) -> None:
        with self._changed:
            try:
                if isinstance(message, Ttl):
                    state = "on" if message.is_on else "off"
                    self._events.append((message.sample_num, f"{message.line} {state}"))
                if (block := self._assembly.add(message)) is not None:
                    self._append(block)
                    self._changed.notify_all()
            except DeviceError as error:
                self._error = error
                self._changed.notify_all()
                raise

    def _append(self, block: Block) -> None:
        channels, settings = self._assembly.channels, self._settings
        assert channels is not None
        if self._segmenter is None:
            self._shift = self._origin - block.sample_num
            self._segmenter = Segmenter(self._origin, settings.segment_samples)
            self._events.clear()  # of the blocks from which the channels were learnt
        start, expected = block.sample_num + self._shift, self._segmenter.position
        if start > expected:
            log.warning("%s: samples %d to %d are missing", self._place, expected, start)
        self._ready.extend(self._segmenter.add(start, block.samples, time.time_ns()))
        self._block_s = block.samples.shape[1] / channels.sampling_rate_hz
        self._block_at_s = time.monotonic()
        held_s = len(self._ready) * settings.segment_samples / channels.sampling_rate_hz
        if held_s > _HELD_S:
            raise DeviceError(f"{held_s:.0f} s of samples wait for the reader, limit {_HELD_S:g}")
