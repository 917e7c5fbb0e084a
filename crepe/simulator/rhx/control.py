"""The operator's hands on a simulated RHX, over a unix socket: click, faults, the count of pulses.

A request is a line of JSON, such as `{"click": true}`; the answer is one, too.
"""

import json
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crepe.errors import DeviceError
from crepe.simulator.rhx.settings import Fault

if TYPE_CHECKING:
    from crepe.simulator.rhx.server import SimulatedRhx

CONTROL_SOCKET = "rhx-simulator.sock"
_ANSWER_S = 5.0


class ControlSocket:
    """The server side, on a thread."""

    def __init__(self, run_directory: Path, simulator: "SimulatedRhx") -> None:
        self._simulator = simulator
        self._path = run_directory / CONTROL_SOCKET
        if _answers(run_directory):
            raise DeviceError(f"{self._path}: a simulated RHX runs in this run directory already")
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(self._path))
        self._socket.listen(8)
        threading.Thread(target=self._run, name="operator", daemon=True).start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                with client, client.makefile("rwb") as lines, suppress(OSError, ValueError):
                    client.settimeout(_ANSWER_S)
                    answer = self._answer(json.loads(lines.readline()))
                    lines.write(json.dumps(answer).encode() + b"\n")

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        simulator = self._simulator
        if request.get("click"):
            simulator.click()
        if request.get("press_stop"):
            simulator.press_stop()
        if "faults" in request:
            simulator.controller.faults = {Fault(name) for name in request["faults"]}
        return simulator.tally()

    def close(self) -> None:
        """Stop answering."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)


def _answers(run_directory: Path) -> bool:
    try:
        ask(run_directory)
    except DeviceError:
        return False
    return True


def ask(run_directory: Path, **request: Any) -> dict[str, Any]:
    """Send a request to the simulator of a run directory. Raises DeviceError if none answers."""
    path = run_directory / CONTROL_SOCKET
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_ANSWER_S)
            client.connect(str(path))
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as lines:
                answer: dict[str, Any] = json.loads(lines.readline())
                return answer
    except (OSError, ValueError) as error:
        raise DeviceError(f"{path}: no simulated RHX answers: {error}") from error
