"""`rhx://` for recording: samples of amplifier channels of an Intan RHD or RHS controller."""

import socket
import time
from collections import deque
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.capabilities import Latency, RecorderCapabilities, SampleIndex
from crepe.hw.instrument import Recorder
from crepe.hw.rhx.blocks import FRAMES, SCALE_UV, BlockParser, counts
from crepe.hw.rhx.channels import channels_in
from crepe.hw.rhx.client import SERVICE_SOCKET, ServiceClient, ServiceDeadError
from crepe.hw.rhx.connection import CLICK
from crepe.hw.rhx.settings import SIMULATOR, RhxSettings
from crepe.messages import Segment, StreamInfo

_BEGIN_S = 15.0  # to set up, read back, load and start
_POLL_S = 0.2
_STALL_S = 2.0  # RHX sends a lot of blocks each 32 to 34 ms
_RECEIVE_BYTES = 1 << 18


CAPABILITIES = RecorderCapabilities(
    sample_index=SampleIndex.EXACT,
    latency=Latency(source="simulation only: lots of 5 blocks each 32 ms, as RHX reads them"),
    clock="the crystal of the controller; each frame has its number since the start of the run",
    only_while_stopped=("channels", "sampling rate: only by a restart of RHX"),
    verified=("type, version and sampling rate", "every setting that is made"),
    not_verified=("order and number of words in a block: RHX announces neither",),
    before_next_session=CLICK,
)


class RecorderSettings(RhxSettings):
    """The settings of `rhx://` for recording."""

    channels: str = "A-000..A-031"
    """Amplifier channels to record, such as `A-000..A-015,B-003`; RHX sends them in its order."""
    segment_samples: int = Field(FRAMES, ge=10)
    """Length of a segment, in samples; a block of RHX has 128."""

    @field_validator("channels")
    @classmethod
    def _are_channels(cls, channels: str) -> str:
        channels_in(channels)
        return channels


class RhxRecorder(Recorder):
    """Segments from RHX's waveform port, which the program `rhx` drains."""

    Settings = RecorderSettings

    def __init__(self, settings: RecorderSettings) -> None:
        self._settings = settings
        self._labels = channels_in(settings.channels)
        self._socket: socket.socket | None = None
        self._parser = BlockParser(len(self._labels))
        self._parts: deque[NDArray[np.int16]] = deque()  # samples of the segments to come
        self._n_ready = 0
        self._position = 0
        self._received_s = self._opened_s = 0.0
        self._identity = ""

    @property
    def capabilities(self) -> RecorderCapabilities:
        return CAPABILITIES

    def without_session(self) -> AbstractContextManager[None]:
        from crepe.hw.rhx.service import serving_alone

        return serving_alone(self._settings.location, paths.run_directory())

    def open(self, position: int) -> StreamInfo:
        self.close()
        # Nothing waits for one that was lost: the caller has heartbeats to send, and tries again.
        wait_s = self._settings.wait_s if self._opened_s == 0 else 0.0
        answer, self._socket = self._begin(wait_s)
        self._parser = BlockParser(len(self._labels))
        self._parts.clear()
        self._n_ready, self._position = 0, position
        self._received_s = self._opened_s = time.monotonic()
        self._identity = answer["identity"]
        return self._info(
            origin_t_ns=time.time_ns(),
            is_simulated=bool(answer["is_simulated"]),
            source=answer["source"],
        )

    def _begin(self, wait_s: float) -> tuple[dict[str, str], socket.socket]:
        """Have the program start a run. It may still wait for the operator's click."""
        client = ServiceClient(paths.run_directory() / SERVICE_SOCKET)
        deadline_s = time.monotonic() + wait_s
        while True:
            try:
                answer = client.call(
                    "begin",
                    _BEGIN_S,
                    channels=self._labels,
                    sampling_rate_hz=self._settings.sampling_rate_hz,
                )
                return answer, client.take_socket()
            except DeviceError as error:
                client.close()
                if time.monotonic() >= deadline_s:
                    if isinstance(error, ServiceDeadError) and self._opened_s == 0:
                        raise DeviceError(
                            f"rhx://{self._settings.location}: the program `rhx` does not run "
                            f"in this run directory: {error}"
                        ) from error
                    raise
            time.sleep(_POLL_S)

    @property
    def identity(self) -> str:
        return self._identity

    def expected(self) -> StreamInfo:
        location = self._settings.location
        return self._info(source=f"RHX {location}", is_simulated=location == SIMULATOR)

    def _info(self, *, source: str, is_simulated: bool, origin_t_ns: int = 0) -> StreamInfo:
        return StreamInfo(
            sampling_rate_hz=self._settings.sampling_rate_hz,
            labels=self._labels,
            dtype="int16",
            scale_uv=(SCALE_UV,),
            segment_samples=self._settings.segment_samples,
            longest_samples=self._settings.segment_samples,
            origin_t_ns=origin_t_ns,
            is_live=True,
            is_simulated=is_simulated,
            source=source,
        )

    def read(self, timeout_s: float) -> Segment | None:
        n = self._settings.segment_samples
        deadline_s = time.monotonic() + timeout_s
        while self._n_ready < n:
            if not self._receive(deadline_s):
                return None
        start, self._position = self._position, self._position + n
        return Segment(start, self._position, self._take(n), time.time_ns())

    def _receive(self, deadline_s: float) -> bool:
        """Receive what has come; return False if nothing does by the deadline."""
        if self._socket is None:
            raise DeviceError(f"rhx://{self._settings.location}: not open")
        left_s = deadline_s - time.monotonic()
        data = b""
        if left_s > 0:
            self._socket.settimeout(left_s)
            try:
                data = self._socket.recv(_RECEIVE_BYTES)
                if not data:
                    raise DeviceError(
                        f"rhx://{self._settings.location}: the run has ended; `crepe top` and the "
                        "log of the program `rhx` say why"
                    )
            except TimeoutError:
                pass
            except OSError as error:
                raise DeviceError(f"rhx://{self._settings.location}: {error}") from error
        if not data:
            if time.monotonic() - self._received_s > _STALL_S:
                raise DeviceError(f"rhx://{self._settings.location}: silent for {_STALL_S:g} s")
            return False
        self._received_s = time.monotonic()
        for block in self._parser.feed(data):
            self._parts.append(counts(block.values))
            self._n_ready += FRAMES
        return True

    def _take(self, n: int) -> NDArray[np.int16]:
        """Return the next n samples of all channels."""
        taken: list[NDArray[np.int16]] = []
        missing = n
        while missing:
            part = self._parts.popleft()
            if part.shape[1] > missing:
                self._parts.appendleft(part[:, missing:])
                part = part[:, :missing]
            taken.append(part)
            missing -= part.shape[1]
        self._n_ready -= n
        return np.ascontiguousarray(taken[0] if len(taken) == 1 else np.concatenate(taken, axis=1))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
