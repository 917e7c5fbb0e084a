"""`crepe simulate rhx`: the simulated RHX program on the wire.

The command port opens by a click only, takes one client, and is closed when that has gone: as in
RHX, where a server that listens again by itself would hide the worst fault.
"""

import errno
import hashlib
import hmac
import logging
import os
import secrets
import signal
import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.rhx.settings import SIMULATOR_FILE
from crepe.simulator.rhx.control import ControlSocket
from crepe.simulator.rhx.data_port import DataPort
from crepe.simulator.rhx.instrument import SimulatedController
from crepe.simulator.rhx.interpreter import Crash, Interpreter
from crepe.simulator.rhx.run import Run
from crepe.simulator.rhx.settings import Fault, RhxSimulatorSettings

log = logging.getLogger(__name__)

_READ_BYTES = 1 << 16
_NEXT_PORTS = range(5010, 5100)  # where a usual port is taken
_FLOOD = 100  # reports after a stop by overflow
_JOIN_S = 0.1
_OVERFLOWN = "Board must be running in order to stop"


class SimulatedRhx:
    """The program: its command port, its data ports, the controller behind them.

    Attributes
    ----------
    controller
        With the pulses that have reached electrodes, and the faults in force.
    """

    def __init__(self, settings: RhxSimulatorSettings, run_directory: Path) -> None:
        self.settings = settings
        self._began_s = time.monotonic()
        self._nonce = secrets.token_hex(32)
        self._path = run_directory / SIMULATOR_FILE
        self.port, waveform, spike = (
            _free_port(settings, name) for name in ("port", "waveform_port", "spike_port")
        )
        ports = {"waveform": waveform, "spike": spike}
        self._data = {
            name: DataPort(settings.host, port, settings.write_timeout_s)
            for name, port in ports.items()
        }
        self.controller = SimulatedController(settings, ports)
        self._interpreter = Interpreter(self.controller, self)
        self._mode = "Stop"
        self._is_stop_requested = False
        self._run: Run | None = None
        self._lock = threading.RLock()
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self.has_crashed = False
        self._ended = threading.Event()
        self._control = ControlSocket(run_directory, self)
        paths.write_json(
            self._path,
            {"host": settings.host, "port": self.port, "nonce": self._nonce, "pid": os.getpid()},
        )

    def now_s(self) -> float:
        """Return the simulator's clock."""
        return time.monotonic() - self._began_s

    # The operator

    def click(self) -> None:
        """Do as a click on Connect does: listen for one client."""
        with self._lock:
            if self._listener is not None or self._client is not None or self.has_crashed:
                return
            self._listener = socket.create_server((self.settings.host, self.port))
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()
        log.info("Connect was clicked: port %d takes one client", self.port)

    def press_stop(self) -> None:
        """Stop the run, as the operator does on the screen."""
        with self._lock:
            if self._mode != "Stop":
                self.end_run()
                self._apply_stop()

    @property
    def is_hardware_running(self) -> bool:
        """Whether the hardware acquires, whatever the program reports."""
        return self._run is not None and self._run.is_acquiring

    # The command port

    def _serve(self, listener: socket.socket) -> None:
        try:
            client, address = listener.accept()
        except OSError:
            return
        with self._lock:
            self._client, self._listener = client, None
        listener.close()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        log.info("command client %s:%d is connected", *address)
        try:
            while data := client.recv(_READ_BYTES):
                if Fault.SILENT not in self.controller.faults:
                    self._take(client, data.decode("latin-1"))
        except Crash:
            self._crash(client)
            return
        except OSError:
            pass
        client.close()
        with self._lock:
            self._client = None
        if not self._ended.is_set():
            log.warning(
                "the command client has gone: port %d is closed until Connect is clicked "
                "(press Enter here, or `crepe simulate rhx --click`); a run goes on",
                self.port,
            )

    def _take(self, client: socket.socket, unit: str) -> None:
        with self._lock:
            answer = self._interpreter.handle(unit)
            self._apply_stop()
        self._answer(client, answer)

    def _answer(self, client: socket.socket | None, answer: str) -> None:
        if answer and client is not None:
            with suppress(OSError):
                client.sendall(answer.encode("latin-1"))

    def _crash(self, client: socket.socket) -> None:
        log.critical("a read held only `set`: RHX has crashed")
        self.has_crashed = True
        # Connections are reset, as those of a process that dies.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.close()

    # The machine of the interpreter

    @property
    def run_mode(self) -> str:
        return self._mode

    def begin_run(self, mode: str) -> None:
        self._mode, self._is_stop_requested = mode, False
        if self._run is not None and self._run.is_acquiring:
            return  # muddled: the hardware has not stopped, and the run before goes on, or ends
        is_stuck = self.controller.parameters.values["uploadinprogress"] == "True"
        self._run = Run(self.controller, self._data, self.now_s, self._overflow, is_stuck=is_stuck)

    def end_run(self) -> None:
        self._mode, self._is_stop_requested = "Stop", True

    def _apply_stop(self) -> None:
        """Stop after a read: a run command in the same read takes it back."""
        if not self._is_stop_requested or self._run is None:
            return
        self._is_stop_requested = False
        self._run.stop()
        if answer := self._interpreter.after_run():
            self._answer(self._client, answer)

    def _overflow(self) -> None:
        """A reader has stalled for too long: the run stops by itself, and reports flood."""
        log.error("the backlog of the data ports is full: RHX stops the run")
        with self._lock:
            self._mode = "Stop"
            self._answer(self._client, _OVERFLOWN * _FLOOD + self._interpreter.after_run())

    def status(self, output: str) -> str:
        self._data[output].look()
        return self._data[output].status

    def connect(self, output: str) -> None:
        self._data[output].listen()

    def disconnect(self, output: str) -> None:
        self._data[output].forget()

    def proof(self, challenge: str) -> str:
        return hmac.new(self._nonce.encode(), challenge.encode(), hashlib.sha256).hexdigest()

    def sample(self) -> int | None:
        run = self._run
        if run is None or not run.is_acquiring:
            return None
        return self.controller.sample_at(self.now_s())

    # The end

    def wait(self) -> None:
        """Wait until `close`, or a crash."""
        while not self._ended.wait(1.0):
            pass

    def close(self) -> None:
        """End the program: its connections, and the run."""
        self._ended.set()
        with self._lock:
            sockets = [self._listener, self._client]
            self._listener = None
        for each in sockets:
            if each is not None:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
        for port in self._data.values():
            port.close()
        if self._run is not None:
            self._run.stop()
            self._run.join(_JOIN_S * 50)
        self._control.close()
        if (paths.read_json(self._path) or {}).get("nonce") == self._nonce:
            self._path.unlink(missing_ok=True)

    def tally(self) -> dict[str, Any]:
        """Return the clock, and the time and channel of each pulse that reached an electrode."""
        pulses = list(self.controller.pulses)
        return {
            "now_s": self.now_s(),
            "is_hardware_running": self.is_hardware_running,
            "pulses": [
                [at_s, it.channel, [[ua, n / self.controller.rate_hz * 1e6] for ua, n in it.phases]]
                for at_s, it in pulses
            ],
        }


def _free_port(settings: RhxSimulatorSettings, name: str) -> int:
    """Return a port that can be bound: the one that is set, or else a free one."""
    port: int = getattr(settings, name)
    others = () if name in settings.model_fields_set else _NEXT_PORTS
    for candidate in (port, *others):
        try:
            with socket.create_server((settings.host, candidate)) as trial:
                return int(trial.getsockname()[1])
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not others:
                raise DeviceError(
                    f"{settings.host} port {candidate}: {error.strerror}; choose another"
                ) from error
    raise DeviceError(f"ports {port} and {_NEXT_PORTS[0]} to {_NEXT_PORTS[-1]}: all taken")


def serve(settings: RhxSimulatorSettings, run_directory: Path, *, is_clicked: bool) -> None:
    """Run in the foreground until SIGTERM, SIGINT or a crash; a line on stdin clicks Connect."""
    simulator = SimulatedRhx(settings, run_directory)

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        threading.Thread(target=simulator.close, daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    log.info(
        "simulated RHX, %s: commands on %s:%d; device rhx://simulator",
        settings.controller.value,
        settings.host,
        simulator.port,
    )
    if is_clicked:
        simulator.click()
    else:
        log.info("press Enter to click Network > Remote TCP Control > Connect")
    threading.Thread(target=_click_by_keyboard, args=(simulator,), daemon=True).start()
    simulator.wait()


def _click_by_keyboard(simulator: SimulatedRhx) -> None:
    import sys

    with suppress(OSError, ValueError):
        for _ in sys.stdin:
            simulator.click()
