"""The MEAME client: samples over TCP, stimulation over HTTP calls to the DSP."""

import logging
import socket
import time
from collections.abc import Sequence

from pydantic import Field, PositiveFloat, PositiveInt

from crepe.electrodes import MCS_60_LABELS, MCS_REFERENCE
from crepe.errors import DeviceError
from crepe.hw import meame_wire as wire
from crepe.hw.instrument import Recorder, Settings, Stimulator
from crepe.hw.meame_http import SIMULATOR, SIMULATOR_FILE, Control, HttpControl, Server, find_server
from crepe.hw.meame_wire import Function, Register
from crepe.messages import Segment, Stimulus, StreamInfo

log = logging.getLogger(__name__)

_CONNECT_S = 5.0
_GROUP = 0  # one train runs at a time, so one group is enough
_DAC_BITS = 0x3F00  # of register 9100: the six DACs
_RECEIVE_BYTES = 1 << 18
_MEASURE_S = 10.0
_RATE_TOLERANCE = 0.15  # MEAME's rates are further apart


class RecorderSettings(Settings):
    """`meame://simulator` or `meame://HOST:PORT`."""

    sampling_rate_hz: PositiveInt = 10_000
    segment_samples: PositiveInt = 100
    scale_uv: PositiveFloat = 0.059605  # per count; MEAME does not say
    data_port: int = Field(12340, ge=1, le=65535)
    wait_s: PositiveFloat = 20.0  # for the simulator to start


class StimulatorSettings(Settings):
    """`meame://simulator` or `meame://HOST:PORT`."""

    wait_s: PositiveFloat = 20.0


class MeameRecorder(Recorder):
    """Segments from MEAME's data port; one block is one segment."""

    Settings = RecorderSettings

    def __init__(self, settings: RecorderSettings) -> None:
        self._settings = settings
        self._server: Server | None = None
        self._socket: socket.socket | None = None
        self._block = bytearray()
        self._position = 0
        self._measured_from: tuple[float, int] | None = None  # monotonic time, position

    def open(self, position: int) -> StreamInfo:
        settings = self._settings
        self.close()
        server = find_server(settings.location, settings.data_port, settings.wait_s)
        with HttpControl(server) as control:
            is_simulated = control.is_our_simulator()
            if settings.location == SIMULATOR and not is_simulated:
                raise DeviceError(
                    f"{server.name}: does not prove that it is the simulator of {SIMULATOR_FILE}; "
                    "is it running?"
                )
            control.connect(settings.sampling_rate_hz, settings.segment_samples)
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
        self._position = position
        self._block.clear()
        self._measured_from = None
        return StreamInfo(
            sampling_rate_hz=float(settings.sampling_rate_hz),
            labels=MCS_60_LABELS,
            scale_uv=(settings.scale_uv,),
            segment_samples=settings.segment_samples,
            longest_samples=settings.segment_samples,
            origin_t_ns=time.time_ns(),
            is_live=True,
            is_simulated=is_simulated,
            source=f"MEAME {server.host}:{server.http_port}",
        )

    def _check(self, server: Server, found: tuple[int, int]) -> None:
        """A server that another client has configured ignores what this one asked for."""
        asked = (self._settings.sampling_rate_hz, self._settings.segment_samples)
        if found != asked:
            raise DeviceError(
                f"{server.name}: runs at {found[0]} Hz in segments of {found[1]} samples, "
                f"asked for {asked[0]} Hz and {asked[1]}; restart it to change that"
            )

    def read(self, timeout_s: float) -> Segment | None:
        if self._socket is None or self._server is None:
            raise DeviceError(f"{self._settings.location}: not open")
        n = self._settings.segment_samples
        wanted = wire.block_bytes(n)
        deadline = time.monotonic() + timeout_s
        while len(self._block) < wanted:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            self._socket.settimeout(left_s)
            try:
                received = self._socket.recv(min(wanted - len(self._block), _RECEIVE_BYTES))
            except TimeoutError:
                return None
            except OSError as error:
                raise DeviceError(f"{self._server.name} data port: {error}") from error
            if not received:
                raise DeviceError(f"{self._server.name} data port: closed by the server")
            self._block += received
        samples = wire.unpack_block(self._block, n)
        self._block = bytearray()
        start, self._position = self._position, self._position + n
        self._measure()
        return Segment(start, self._position, samples, time.time_ns())

    def _measure(self) -> None:
        """Say so if samples come at another rate: MEAME keeps the first setting until restarted."""
        now_s = time.monotonic()
        began_s, began = self._measured_from or (now_s, self._position)
        if now_s - began_s >= _MEASURE_S:
            asked_hz = self._settings.sampling_rate_hz
            found_hz = (self._position - began) / (now_s - began_s)
            if abs(found_hz / asked_hz - 1) > _RATE_TOLERANCE:
                log.warning("data port: %.0f samples/s, asked for %d", found_hz, asked_hz)
            began_s, began = now_s, self._position
        self._measured_from = (began_s, began)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class MeameStimulator(Stimulator):
    """Pulse trains by the DSP's stimulation group 0, on a proven simulator only."""

    Settings = StimulatorSettings

    def __init__(self, settings: StimulatorSettings, control: Control | None = None) -> None:
        self._settings = settings
        self._control = control
        self._is_proven = False
        self._prepared = 0  # number of the stimulus

    @property
    def control(self) -> Control:
        """The way to the DSP. Raises DeviceError before `open`."""
        if self._control is None:
            raise DeviceError(f"{self._settings.location}: not open")
        return self._control

    def open(self) -> None:
        if self._control is None:
            server = find_server(self._settings.location, 0, self._settings.wait_s)
            self._control = HttpControl(server)
        self._is_proven = self.control.is_our_simulator()
        if self._is_proven:
            self.stop()

    def refusal(self, stimulus: Stimulus) -> str | None:
        if not self._is_proven:
            return "the instrument is not CREPE's own simulator; living cultures are not stimulated"
        for label in stimulus.electrodes:
            if label not in MCS_60_LABELS or label == MCS_REFERENCE:
                return f"electrode {label}: cannot be stimulated on a 60MEA"
        try:
            _, sideband = wire.compile_pulse(stimulus.phases)
            period = wire.period_ticks(stimulus.rate_hz)
        except ValueError as error:
            return str(error)
        taken = sum(ticks for _, ticks in wire.play(sideband))
        if taken >= period:
            ms = wire.TICK_US / 1000
            return f"pulse and blanking take {taken * ms:g} ms, the period is {period * ms:g} ms"
        return None

    def start(self, stimulus: Stimulus) -> None:
        if self._prepared != stimulus.number:
            raise DeviceError(f"stimulus {stimulus.number}: is not prepared")
        # The period comes after the enabling: it alone makes a group due whose time has passed.
        period = wire.period_ticks(stimulus.rate_hz)
        self._call(Function.ENABLE_GROUP, {Register.GROUP: _GROUP})
        self._call(Function.SET_PERIOD, {Register.GROUP: _GROUP, Register.PERIOD: period})

    def prepare(self, stimulus: Stimulus) -> None:
        """Waveform, electrodes and modes, in the order that the firmware needs."""
        if reason := self.refusal(stimulus):
            raise DeviceError(f"stimulus {stimulus.number}: {reason}")
        control = self.control
        if not control.is_our_simulator():
            self._is_proven = False
            raise DeviceError(f"stimulus {stimulus.number}: the simulator is another one by now")
        self._call(Function.STOP_QUEUE)
        self._call(Function.RESET)
        modes = control.read([Register.DAC_MODE])[0] & ~_DAC_BITS
        control.write([Register.DAC_MODE], [modes])  # current, not voltage
        if control.read([Register.DAC_MODE])[0] & _DAC_BITS:
            raise DeviceError("DSP register 9100: does not read back as current mode")
        dac, sideband = wire.compile_pulse(stimulus.phases)
        for memory, words in ((2 * _GROUP, dac), (2 * _GROUP + 1, sideband)):
            control.write([Register.MEMORY_CLEAR + 0x20 * memory], [0])
            control.write([Register.MEMORY_APPEND + 4 * memory] * len(words), words)
        everywhere = wire.bitmap(label for label in MCS_60_LABELS if label != MCS_REFERENCE)
        self._call(Function.SET_BLANKING, _words(Register.BLANKING_EN, everywhere))
        self._call(Function.SET_BLANKING_PROTECTION, _words(Register.BLANK_PROT_EN, everywhere))
        electrodes = wire.bitmap(stimulus.electrodes)
        indices = wire.from_bitmap(electrodes)
        group = {Register.GROUP: _GROUP, **_words(Register.ELEC0, electrodes)}
        self._call(Function.CONFIGURE_GROUP, group)
        mode_words = wire.pairs(indices, wire.MODE_AUTO)
        self._call(Function.SET_MODE, _words(Register.MODE_ARG, mode_words))
        self._call(Function.COMMIT_CONFIG)
        self._call(Function.COMMIT_DEBUG)
        found = control.read([Register.CFG_DEBUG + 4 * i for i in range(10)])
        selects = wire.pairs(indices, _GROUP + 1)
        if tuple(found) != (*electrodes, *mode_words, *selects):
            raise DeviceError("DSP set-up: does not read back as it was sent (registers 1020-1044)")
        self._call(Function.START_QUEUE)
        self._prepared = stimulus.number

    def stop(self) -> None:
        if not self._is_proven:  # nothing was started there, and it may be somebody's experiment
            raise DeviceError(f"{self._settings.location}: not proven to be CREPE's own simulator")
        self._prepared = 0
        for group in range(wire.N_GROUPS):
            self._call(Function.DISABLE_GROUP, {Register.GROUP: group})
        for function in (Function.STOP_QUEUE, Function.RESET, Function.COMMIT_CONFIG):
            self._call(function)

    def close(self) -> None:
        if self._control is None:
            return
        try:
            if self._is_proven:
                self.stop()
        except DeviceError:
            pass  # it is lost; whoever opens it next stops it first
        finally:
            self._control.close()
            self._control = None

    def _call(self, function: Function, arguments: dict[int, int] | None = None) -> None:
        self.control.call(function, list((arguments or {}).items()))


def _words(first: Register, words: Sequence[int]) -> dict[int, int]:
    return {first + 4 * i: word for i, word in enumerate(words)}
