"""The MEAME client's stimulating half: finite trains, fired one by one, over calls to the DSP.

A whole train is one pattern in the DSP's memory, without a loop, and is fired by the manual
trigger. The stimulation queue stays stopped: its periods would repeat for ever if no program were
left to stop them. Everything that the protocol can read back is read back before every train.
"""

# Decision 14: why patterns and not the queue.

import logging
import time

from crepe.electrodes.layouts import MCS_60_LABELS, MCS_REFERENCE
from crepe.errors import DeviceError
from crepe.hw.capabilities import Latency, StimulatorCapabilities, StopEvidence
from crepe.hw.instrument import Guard, NotStarted, Stimulator
from crepe.hw.meame import wire
from crepe.hw.meame.dsp_setup import (
    GROUP,
    SetUp,
    compiled,
    connect,
    lasts_s,
    set_up,
    verify_connection,
)
from crepe.hw.meame.dsp_stop import stop_dsp
from crepe.hw.meame.http import SIMULATOR, Control, HttpControl, Server, find_server, open_control
from crepe.hw.meame.registers import Register
from crepe.hw.meame.settings import MeameSettings
from crepe.hw.remote_stop import Address
from crepe.messages import Stimulus

log = logging.getLogger(__name__)

_LOCK_S = 0.5
_UNVERIFIED = "shot not verified: MEAME does not tell whether a trigger fired"
_NOT_OURS = "electrodes are not connected as they were"
_RETRY_S = 1.0  # between attempts to stop while the stop is not certain
_WAIT_S = 0.1  # longest wait for the pattern before; beyond it a set-up is refused
_SUB_TRAIN_S = 1.0  # the longest that `Stimulate` starts at once
_STOP_TRIES = 3  # a server may fail once; stopping is harmless to repeat


CAPABILITIES = StimulatorCapabilities(
    stop=StopEvidence.PROVED,
    stop_is_known_from=(
        "the DSP's registers, read back through MEAME: electrodes, sources and triggers off, each "
        "call counted; no current is measured"
    ),
    stops_with_client=False,
    latency=Latency(source="simulator only; a real MEAME may wait 100 ms for each call"),
    clock="the DSP, in ticks of 20 us",
    n_patterns=1,
    amplitude_steps={"uA": wire.UA_PER_DIGIT, "uV": 1000 * wire.MV_PER_DIGIT},
    time_step_us=wire.TICK_US,
    verified=(
        "electrodes, sources, modes and triggers, before each train",
        "the error register, and that the queue fired nothing, after each train",
    ),
    not_verified=(
        "that a trigger fired",
        "the pattern: MEAME cannot read it back",
        "that clearing a pattern ends what it plays: its electrodes are off, and stay off until it "
        "would have ended",
    ),
)


class StimulatorSettings(MeameSettings):
    """The settings of `meame://` for stimulation."""


class MeameStimulator(Stimulator):
    """Pulse trains by the DSP's stimulation group 0."""

    Settings = StimulatorSettings

    def __init__(
        self, settings: StimulatorSettings, guard: Guard, control: Control | None = None
    ) -> None:
        self._settings = settings
        self._guard = guard
        self._control = control
        self._is_in_process = control is not None  # no server, and time is simulated
        self._named = self._server = Server("", 0, 0)  # as the URL names it; its numeric address
        self._simulated_by = ""  # what the server called itself when it was announced
        self._is_simulator = False  # whether the server has proved that it is our own
        self._doubts: list[str] = []  # of the last stop
        self._plays_until_s = 0.0  # end of the pattern that was fired last, by the monotonic clock
        self._tried_s = 0.0  # time of the last attempt to stop, by the monotonic clock
        self._errors = 0  # the DSP's error register, which is never cleared
        self._set_up_before: SetUp | None = None  # the last one, if it read back as it must
        self._prepared: Stimulus | None = None

    @property
    def capabilities(self) -> StimulatorCapabilities:
        return CAPABILITIES

    @property
    def control(self) -> Control:
        """The connection to the DSP. Raises DeviceError before `open`."""
        if self._control is None:
            raise DeviceError(f"{self._settings.location}: not open")
        return self._control

    def open(self) -> None:
        self._open(self._settings.wait_s)

    def _open(self, wait_s: float) -> None:
        if self._control is None:
            self._connect(wait_s)
        self._try_stop()
        self._errors = self.control.read([Register.ERROR_FLAG])[0]

    def _connect(self, wait_s: float) -> None:
        self._set_up_before = None
        control, named, is_simulator = open_control(self._settings.location, 0, wait_s)
        self._control, self._server, self._named = control, control.server, named
        self._announce(is_simulator=is_simulator)
        # Read before `flash`: new firmware would no longer show what was connected.
        if any(control.read([Register.HW_ENABLE, Register.HW_ENABLE + 4])):
            self._plays_until_s = time.monotonic() + _SUB_TRAIN_S  # of a process before this one
        control.flash()

    def _announce(self, *, is_simulator: bool) -> None:
        server, self._is_simulator = self._server, is_simulator
        if isinstance(self._control, HttpControl):
            self._simulated_by = self._control.simulated_by
        address = Address(server.host, server.http_port, server.nonce, stop="meame")
        self._guard.drives(address, is_simulator=is_simulator)

    def _check_server(self) -> None:
        """Follow a server that has changed: a simulator may have become an instrument, or moved."""
        if self._is_in_process:
            return
        if find_server(self._settings.location, 0, 0.0) == self._named:
            is_simulator = self.control.is_our_simulator()
            if self._settings.location == SIMULATOR and not is_simulator:
                raise DeviceError(f"{self._server.name}: does not prove that it is our simulator")
            if is_simulator != self._is_simulator:
                self._announce(is_simulator=is_simulator)
        else:
            self.close()
            self._open(wait_s=0.0)  # a request must not wait for a server to come

    def watch(self) -> str | None:
        if self._doubts and time.monotonic() - self._tried_s > _RETRY_S:
            self._try_stop(1)
        return self._refusal_now()

    def _refusal_now(self) -> str | None:
        self._disarm_if_another()
        self._guard.beat()
        if self._doubts:
            return f"the instrument's state is NOT VERIFIED: {self._doubts[0]}"
        return self._guard.refusal()

    def _disarm_if_another(self) -> None:
        """Take a new name if the latest answer was of another simulator than before.

        One that has proved to be our own needs no arming, and proves it again for each set-up.
        """
        control = self._control
        if not isinstance(control, HttpControl) or self._is_simulator:
            return
        if control.simulated_by != self._simulated_by:
            log.error("%s: another instrument than before answers; disarmed", self._server.name)
            self._announce(is_simulator=False)

    def _check_permission(self) -> None:
        """Raise NotStarted if no pulse may leave; a set-up ends there, too."""
        if reason := self._refusal_now():
            raise NotStarted(f"{self._settings.location}: {reason}")

    def refusal(self, stimulus: Stimulus) -> str | None:
        for label in stimulus.electrodes:
            if label not in MCS_60_LABELS or label == MCS_REFERENCE:
                return f"electrode {label}: cannot be stimulated on a 60MEA"
        try:
            compiled(stimulus)
        except ValueError as error:
            return str(error)
        return None

    def prepare(self, stimulus: Stimulus) -> None:
        """Set up waveform, electrodes and modes, in the order that the firmware needs."""
        if reason := self.refusal(stimulus):
            raise DeviceError(f"stimulus {stimulus.number}: {reason}")
        self._check_server()
        self._wait_for_the_end()
        with self._guard.alone(_LOCK_S):
            self._check_permission()  # in the lock: another program may have held it for long
            self._guard.pulsing(True)  # electrodes are about to be connected
            self._set_up(stimulus)
            # `connect` does not check in between, and the instrument may have been slow.
            self._check_permission()
        self._prepared = stimulus

    def _set_up(self, stimulus: Stimulus) -> None:
        # None meanwhile: after a set-up that fails, the next must not rely on these registers.
        before, self._set_up_before = self._set_up_before, None
        if before and (before.electrodes, before.unit) == (stimulus.electrodes, stimulus.unit):
            connect(self.control, stimulus, before)
            self._set_up_before = before
        else:
            self._set_up_before = set_up(
                self.control, stimulus, self._errors, self._check_permission
            )

    def start(self, stimulus: Stimulus) -> None:
        if self._prepared is None or not stimulus.has_pulses_of(self._prepared):
            raise NotStarted(f"stimulus {stimulus.number}: is not prepared")
        with self._guard.alone(_LOCK_S):
            self._check_set_up()
            self._check_permission()
            # Before the trigger, which may fire although its request fails.
            self._plays_until_s = time.monotonic() + lasts_s(stimulus)
            # A server that takes longer gets a stop, which ends what begins too late.
            within_s = self._guard.left_s()
            self.control.write([Register.MANUAL_TRIGGER], [1 << GROUP], within_s)

    def _check_set_up(self) -> None:
        """Read back what is connected, and how. Raises NotStarted if it is not what was set up."""
        before = self._set_up_before
        if before is None:
            raise NotStarted(f"{self._settings.location}: the last set-up has failed")
        try:
            verify_connection(self.control, before)
        except DeviceError as error:
            raise NotStarted(f"another client may use the instrument: {error}") from error

    def _wait_for_the_end(self) -> None:
        """Wait until a pattern that was stopped early would be over.

        Electrodes must not be connected before: it is not certain that clearing a memory ends its
        pattern on the real DSP. Raises DeviceError if the wait would be long. Simulated time needs
        no wait.
        """
        left_s = self._plays_until_s - time.monotonic()
        if self._is_in_process or left_s <= 0:
            return
        if left_s > _WAIT_S:
            raise DeviceError(
                f"{self._settings.location}: what was fired last may play for {left_s:.1f} s more"
            )
        time.sleep(left_s)

    def doubts(self) -> str:
        if self._set_up_before is None:
            return _UNVERIFIED
        enabled, registers = Register.HW_ENABLE, self._set_up_before.registers
        expected = {
            Register.ERROR_FLAG: (self._errors, "an error was reported"),
            Register.SHOTS_FIRED: (registers[Register.SHOTS_FIRED][0], "the queue fired, too"),
            enabled: (registers[enabled][0], _NOT_OURS),
            enabled + 4: (registers[enabled][1], _NOT_OURS),
        }
        try:
            values = self.control.read(list(expected))
        except DeviceError as error:
            return f"{_UNVERIFIED}; nor could registers be read: {error}"
        doubts = [
            f"{fault} (register {register:04X} reads {actual:#x}, expected {value:#x})"
            for (register, (value, fault)), actual in zip(expected.items(), values, strict=True)
            if actual != value
        ]
        return "; ".join([_UNVERIFIED, *doubts])

    def stop(self) -> None:
        self._try_stop()
        if self._doubts:
            raise DeviceError(f"{self._settings.location}: NOT STOPPED for certain: {self._doubts}")

    def _try_stop(self, n_tries: int = _STOP_TRIES) -> None:
        """Stop. While that is not certain, the watchdog must treat this as a running train."""
        self._prepared = None
        for _ in range(n_tries):
            with self._guard.alone(_LOCK_S, may_break=True):
                self._doubts = stop_dsp(self.control, self._guard.beat)
            if not self._doubts:
                break
        self._tried_s = time.monotonic()
        for doubt in self._doubts:
            log.error("stopping is NOT VERIFIED: %s", doubt)
        self._guard.pulsing(bool(self._doubts))

    def close(self) -> None:
        if self._control is None:
            return
        try:
            self._try_stop()
        finally:
            self._control.close()
            self._control = None
