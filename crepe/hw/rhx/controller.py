"""What CREPE does with an RHX controller: identify, disarm, load patterns, run, stop.

Every setting is read back. Nothing here knows clients or threads: `crepe.hw.rhx.service` does.
"""

# Decision 73: the order of a stop, and what it proves.

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from crepe.errors import DeviceError
from crepe.hw.rhx.channels import stimulable
from crepe.hw.rhx.commands import is_same
from crepe.hw.rhx.connection import CommandPort, ConnectionLostError
from crepe.hw.rhx.patterns import N_KEYS, Pattern

_RHS, _RHD = "ControllerStimRecord", ("ControllerRecordUSB3", "ControllerRecordUSB2")
_RUN_MODES = ("Stop", "Run", "Record", "Trigger")
_OUTPUTS = ("Waveform", "Spike")
_STATUS_S = 2.0  # for a data port to listen or to be connected
_UPLOAD_S = 5.0
_STOP_S = 1.2  # for the run mode: 5 to 52 ms on RHX
_REST_S = 0.2  # after a stop, before the next run: without it the hardware does not stop
_ALONE_S = 0.1  # between a run command and the next one
_POLL_S = 0.005
_RATE_HZ = 0.5  # by which a sampling rate may differ


class Identity(NamedTuple):
    """The report of RHX about itself and its controller."""

    type: str
    version: str
    sampling_rate_hz: float
    step_ua: float  # of stimulation currents; 0 on a controller that only records
    is_demo: bool  # synthetic data, or a playback: no living culture
    n_by_port: dict[str, int]  # amplifier channels

    @property
    def can_stimulate(self) -> bool:
        return self.type == _RHS

    @property
    def channels(self) -> frozenset[str]:
        """All amplifier channels."""
        return frozenset(f"{port}-{i:03}" for port, n in self.n_by_port.items() for i in range(n))


class Controller:
    """One controller behind a command connection. All methods raise DeviceError."""

    def __init__(self, port: CommandPort, check: Callable[[], None] = lambda: None) -> None:
        """Identify the controller.

        Parameters
        ----------
        check
            Called before each command of a set-up; it raises DeviceError to end that.
        """
        self.port = port
        self._check = check
        kind = port.type
        if kind != _RHS and kind not in _RHD:
            raise DeviceError(f"{port.name}: {kind}, must be {_RHS} or {', '.join(_RHD)}")
        is_demo = any(self._flag(name) for name in ("synthetic", "playback"))
        n_by_port = {}
        for letter in "ABCD" if kind == _RHS else "ABCDEFGH":
            with suppress(_RefusedError):
                n_by_port[letter] = int(self._number(f"{letter.lower()}.numberamplifierchannels"))
        self.identity = Identity(
            kind,
            port.get("version"),
            self._number("sampleratehertz"),
            self._number("stimstepsizemicroamps") if kind == _RHS else 0.0,
            is_demo,
            {letter: n for letter, n in n_by_port.items() if n},
        )

    def _flag(self, name: str) -> bool:
        return self.port.get(name, accepts=lambda text: text in ("True", "False")) == "True"

    def _number(self, name: str) -> float:
        try:
            text = self.port.get(name)
        except ConnectionLostError:
            raise
        except DeviceError as error:
            raise _RefusedError(str(error)) from error
        try:
            return float(text)
        except ValueError as error:
            raise DeviceError(f"{self.port.name}: {name} {text!r}, must be a number") from error

    # The run

    def run_mode(self) -> str:
        """Return Stop, Run, Record or Trigger, as RHX reports it."""
        mode = self.port.get("runmode", accepts=lambda text: text in _RUN_MODES)
        if mode not in _RUN_MODES:
            raise DeviceError(f"{self.port.name}: runmode {mode!r}, one of {', '.join(_RUN_MODES)}")
        return mode

    def proves(self, challenge: str) -> str:
        """Return the answer to a challenge; "" of every RHX: only CREPE's simulator knows it."""
        with suppress(_RefusedError):
            try:
                return self.port.get(f"crepesimulator.{challenge}")
            except ConnectionLostError:
                raise
            except DeviceError as error:
                raise _RefusedError(str(error)) from error
        return ""

    def connect_outputs(self, channels: Sequence[str], host: str) -> list[socket.socket]:
        """Enable the wide band of these channels, and connect both data ports, while stopped."""
        self._check()
        self.port.execute("clearalldataoutputs")
        self._set("tcpnumberdatablocksperwrite", 1)
        for channel in channels:
            self._set(f"{channel.lower()}.tcpdataoutputenabled", True)
        sockets: list[socket.socket] = []
        try:
            for output in _OUTPUTS:
                sockets.append(self._connected(output, host))
        except BaseException:
            close_all(sockets)
            raise
        return sockets

    def _connected(self, output: str, host: str) -> socket.socket:
        status = f"tcp{output.lower()}dataoutputconnectionstatus"
        port = int(self._number(f"tcp{output.lower()}dataoutputport"))
        self.port.execute(f"connecttcp{output.lower()}dataoutput")
        self._poll(status, "Pending", _STATUS_S)
        try:
            data = socket.create_connection((host, port), _STATUS_S)
        except OSError as error:
            raise DeviceError(f"{self.port.name}: data port {port}: {error}") from error
        try:
            # Where another program has the port, the state stays `Pending`.
            self._poll(status, "Connected", _STATUS_S)
        except DeviceError:
            data.close()
            raise
        return data

    def start(self) -> None:
        """Start the run."""
        self._check()
        self.port.set_unread("runmode", "run")
        # What RHX gets in one read with it would be answered when the run has ended.
        time.sleep(_ALONE_S)
        self._poll("runmode", "Run", _STATUS_S)

    # Stimulation

    def disarm(self) -> None:
        """Disable the stimulation of all channels, triggers off, and upload, while stopped."""
        if not self.identity.can_stimulate:
            return
        for key in range(1, N_KEYS + 1):
            self.port.execute("manualstimtriggeroff", f"f{key}")
        for channel in stimulable(self.identity.n_by_port):
            self._set(f"{channel.lower()}.stimenabled", False)
        self._upload()

    def load(self, patterns: Sequence[Pattern], step_ua: float, rate_hz: float) -> None:
        """Set, read back and upload patterns, one channel at a time, while stopped."""
        if not self.identity.can_stimulate:
            raise DeviceError(f"{self.port.name}: {self.identity.type} cannot stimulate")
        if unknown := {label for it in patterns for label in it.electrodes}.difference(
            self.identity.channels
        ):
            raise DeviceError(f"{self.port.name}: no channels {', '.join(sorted(unknown))}")
        for pattern in patterns:
            for label in pattern.electrodes:
                for name, value in pattern.parameters.items():
                    self._set(f"{label.lower()}.{name}", value)
                self.check_quantities(step_ua, rate_hz)
                self._upload(label.lower())

    def check_quantities(self, step_ua: float, rate_hz: float) -> None:
        """Raise DeviceError unless step and rate are those for which patterns are computed.

        Any client can set the step by TCP, and amplitudes would be computed with it.
        """
        for name, value in (("stimstepsizemicroamps", step_ua), ("sampleratehertz", rate_hz)):
            actual = self.port.get(name, accepts=lambda text, value=value: is_same(text, value))  # type: ignore[misc]  # a default binds the loop variable
            if not is_same(actual, value):
                raise DeviceError(
                    f"{self.port.name}: {name} is {actual}, must be {value:g}; the device's "
                    "setting and RHX's at its start must agree"
                )

    def _upload(self, channel: str = "") -> None:
        self._check()
        self._require_stopped()
        self.port.execute("uploadstimparameters", *([channel] if channel else []))
        self._poll("uploadinprogress", "False", _UPLOAD_S)

    def _require_stopped(self) -> None:
        # RHX accepts the upload of a channel in a run, and would reprogram the controller.
        if (mode := self.run_mode()) != "Stop":
            raise DeviceError(f"{self.port.name}: runmode {mode}, must be Stop for an upload")

    def trigger(self, key: int) -> None:
        """Send the trigger of a pattern; return when RHX has taken the command, and runs."""
        self.port.execute("manualstimtriggerpulse", f"f{key}")
        if (mode := self.run_mode()) != "Run":
            raise DeviceError(f"{self.port.name}: runmode {mode} after a trigger, must be Run")

    # Stopping

    def stop(self) -> list[str]:
        """Stop the run and disable all stimulation; return what could not be read back.

        The caller has closed the data sockets: behind a stalled one the hardware would run on for
        18 s while RHX reports Stop.
        """
        doubts: list[str] = []
        self.port.drop_reports()
        steps: tuple[tuple[str, Callable[[], None]], ...] = (
            ("run mode", self._stop_run),
            ("stimulation", self.disarm),
        )
        for name, step in steps:
            try:
                step()
            except DeviceError as error:
                doubts.append(f"{name}: {error}")
        return doubts

    def _stop_run(self) -> None:
        if self.run_mode() != "Stop":
            self.port.set_unread("runmode", "stop")
            self._poll("runmode", "Stop", _STOP_S)

    def rest(self) -> None:
        """Wait until the next run may begin after a stop."""
        time.sleep(_REST_S)

    def _set(self, parameter: str, value: bool | int | float | str) -> None:
        self._check()
        self.port.set(parameter, value)

    def _poll(self, parameter: str, value: str, wait_s: float) -> None:
        deadline_s = time.monotonic() + wait_s
        while (actual := self.port.get(parameter, accepts=value.__eq__)) != value:
            if time.monotonic() > deadline_s:
                raise DeviceError(
                    f"{self.port.name}: {parameter} reads {actual!r} after {wait_s:g} s, must be "
                    f"{value!r}"
                )
            time.sleep(_POLL_S)


class _RefusedError(DeviceError):
    """RHX does not know what it was asked."""


def close_all(sockets: Sequence[socket.socket]) -> None:
    """Close sockets at once, also where a thread reads from them."""
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
