"""MEAME's HTTP routes: one connection, calls one after the other, every status checked."""

import hashlib
import hmac
import json
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import inf
from types import TracebackType
from typing import Any, NamedTuple, Self

from crepe.environment import paths
from crepe.errors import ConfigError, DeviceError
from crepe.hw.meame.connection import Connection, resolve

SIMULATOR = "simulator"
SIMULATOR_FILE = "simulator.json"
SIMULATED_HEADER = "CREPE-Simulated"
"""With it every answer of a simulator states that no living culture is behind it, and which it is.

Anybody may send it, so it decides what recordings call the culture and relaxes no safety.
"""
_TIMEOUT_S = 2.0
_POLL_S = 0.05


class Server(NamedTuple):
    """The address of a MEAME server."""

    host: str
    http_port: int
    data_port: int
    nonce: str = ""  # of our own simulator; otherwise empty

    @property
    def name(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and "[" not in self.host else self.host
        return f"meame://{host}:{self.http_port}"

    def resolved(self, wait_s: float) -> "Server":
        """Return the server with a numeric address, which `HttpControl` needs.

        Raises DeviceError if its name cannot be resolved within `wait_s`.
        """
        return self._replace(host=resolve(self.host, self.http_port, wait_s))


def find_server(location: str, data_port: int, wait_s: float) -> Server:
    """Return the server of a device URL: the simulator of this run directory, or HOST:PORT.

    Raises DeviceError if the simulator has not written its address within `wait_s`.
    """
    path = paths.run_directory() / SIMULATOR_FILE
    if location != SIMULATOR:
        host, port = host_and_port(location)
        simulator = paths.read_json(path) or {}
        # Only a candidate, since the hosts may differ: `is_our_simulator` has the server prove it.
        nonce = simulator["nonce"] if simulator.get("http_port") == port else ""
        return Server(host, port, data_port, nonce)
    deadline = time.monotonic() + wait_s
    while (content := paths.read_json(path)) is None:
        if time.monotonic() > deadline:
            raise DeviceError(f"{path}: the simulator has not started in {wait_s:.0f} s")
        time.sleep(_POLL_S)
    return Server(content["host"], content["http_port"], content["data_port"], content["nonce"])


def open_control(
    location: str, data_port: int, wait_s: float
) -> tuple["HttpControl", Server, bool]:
    """Return a connection to a device URL's server, the server as the URL names it, and a proof.

    The last is whether the server proves to be our simulator. Its name is resolved here, once, for
    all that use and stop the instrument: a name server may fall silent.

    A simulator that was killed leaves its address behind, and its successor takes the same port
    before it announces itself: until then it cannot prove to be what the file names.

    Raises DeviceError if the URL names the simulator and no server proves to be it in `wait_s`, or
    if its name cannot be resolved.
    """
    deadline = time.monotonic() + wait_s
    while True:
        named = find_server(location, data_port, wait_s)
        control = HttpControl(named.resolved(max(wait_s, _TIMEOUT_S)))
        if control.is_our_simulator():
            return control, named, True
        if location != SIMULATOR and find_server(location, data_port, wait_s) == named:
            return control, named, False
        control.close()
        if time.monotonic() >= deadline:
            raise DeviceError(
                f"{named.name}: does not prove that it is the simulator of {SIMULATOR_FILE}; "
                "is it running?"
            )
        time.sleep(_POLL_S)


def host_and_port(location: str) -> tuple[str, int]:
    """Return the host and port of a location; the port is 8888 by default. Raises ConfigError."""
    host, colon, port = location.rpartition(":")
    if not colon:
        host, port = location, "8888"
    if not host or not port.isdigit():
        raise ConfigError(f"device meame://{location}: must be meame://HOST:PORT")
    return host, int(port)


def proof(nonce: str, challenge: str) -> str:
    """Return the answer to `challenge` of a server that has `nonce`."""
    return hmac.new(nonce.encode(), challenge.encode(), hashlib.sha256).hexdigest()


class Control(ABC):
    """The requests that a stimulator sends to MEAME.

    Methods raise DeviceError if MEAME does not acknowledge, Unreachable if no server answers.
    """

    @abstractmethod
    def is_our_simulator(self) -> bool:
        """Return whether the server proves that no living culture is behind it."""

    @abstractmethod
    def call(self, function: int, arguments: Sequence[tuple[int, int]]) -> None:
        """Have the DSP execute a function, its argument registers written first."""

    @abstractmethod
    def write(self, addresses: Sequence[int], values: Sequence[int], within_s: float = inf) -> None:
        """Write DSP registers in order. Raises DeviceError after `within_s`, or sooner."""

    @abstractmethod
    def read(self, addresses: Sequence[int]) -> list[int]:
        """Read DSP registers."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect; harmless to repeat."""


class HttpControl(Control):
    """MEAME over HTTP. Nothing is sent twice: repeating a DSP call is not harmless.

    Parameters
    ----------
    server
        With a numeric address: see `Server.resolved`.
    timeout_s
        Longest time for one call, whatever the server does.

    Attributes
    ----------
    simulated_by
        The name that the simulator of the latest answer has given itself; empty if the answer does
        not state that the culture is simulated. No proof, and never a reason to stimulate.
    """

    def __init__(self, server: Server, timeout_s: float = _TIMEOUT_S) -> None:
        self.server = server
        self.simulated_by = ""
        self._connection = Connection(server.host, server.http_port, timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def is_simulated(self) -> bool:
        """Whether the latest answer states that the culture is simulated."""
        return bool(self.simulated_by)

    def connect(self, sampling_rate_hz: int, segment_samples: int) -> None:
        """Configure acquisition; a server that is configured already ignores this silently."""
        body = {"samplerate": sampling_rate_hz, "segmentLength": segment_samples}
        self._request("POST", "/DAQ/connect", body)

    def acquisition(self) -> tuple[int, int]:
        """Return sampling rate and segment length; only simulators report them."""
        content = self._content("/simulator/acquisition")
        try:
            return int(content["samplerate"]), int(content["segmentLength"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DeviceError(f"{self.server.name}: {content!r:.80}, no acquisition") from error

    def truth(self, port: int, start: int, stop: int) -> dict[str, list[Any]]:
        """Return which cells fired in [start, stop); only simulators know.

        Sample indices count from the first sample of the data connection from `port`.
        """
        path = f"/simulator/truth?port={port}&start={start}&stop={stop}"
        return self._content(path)

    def status(self) -> dict[str, Any]:
        """Return the server's status: isAlive (acquisition started), dspAlive."""
        return self._content("/status")

    def flash(self) -> None:
        """Have the DSP's firmware loaded, as some versions of MEAME do; harmless to repeat."""
        self._request("GET", "/DSP/flash")

    def start(self) -> None:
        """Start acquisition; harmless to repeat."""
        self._request("GET", "/DAQ/start")

    def is_our_simulator(self) -> bool:
        if not self.server.nonce:
            return False
        challenge = secrets.token_hex(16)
        try:
            answer = self._request("GET", f"/simulator/proof?challenge={challenge}")
        except DeviceError:
            return False
        return hmac.compare_digest(answer, proof(self.server.nonce, challenge).encode())

    def call(self, function: int, arguments: Sequence[tuple[int, int]]) -> None:
        body = {
            "func": int(function),
            "argAddrs": [int(address) for address, _ in arguments],
            "argVals": [int(value) for _, value in arguments],
        }
        self._request("POST", "/DSP/call", body)

    def write(self, addresses: Sequence[int], values: Sequence[int], within_s: float = inf) -> None:
        body = {"addresses": list(map(int, addresses)), "values": list(map(int, values))}
        self._request("POST", "/DSP/write", body, within_s)

    def read(self, addresses: Sequence[int]) -> list[int]:
        answer = self._request("POST", "/DSP/read", {"addresses": list(map(int, addresses))})
        try:
            values = [int(value) for value in json.loads(answer)["values"]]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise DeviceError(
                f"{self.server.name}/DSP/read: {answer[:80]!r} ({error!r})"
            ) from error
        if len(values) != len(addresses):
            raise DeviceError(
                f"{self.server.name}/DSP/read: {len(values)} of {len(addresses)} words"
            )
        return values

    def close(self) -> None:
        self._connection.close()

    def _content(self, path: str) -> dict[str, Any]:
        """Return the JSON object of an answer; empty if the answer is another JSON value."""
        answer = self._request("GET", path)
        try:
            content = json.loads(answer)
        except (ValueError, RecursionError) as error:
            place = f"{self.server.name}{path.partition('?')[0]}"
            raise DeviceError(f"{place}: {answer[:80]!r}, no JSON") from error
        return content if isinstance(content, dict) else {}

    def _request(
        self, verb: str, path: str, body: dict[str, Any] | None = None, within_s: float = inf
    ) -> bytes:
        place = f"{self.server.name}{path.partition('?')[0]}"
        content = None if body is None else json.dumps(body).encode()
        try:
            status, answer, headers = self._connection.request(verb, path, content, within_s)
        except DeviceError as error:
            raise type(error)(f"{place}: {error}") from error
        self.simulated_by = headers.get(SIMULATED_HEADER, "")
        if status != 200:
            raise DeviceError(f"{place}: status {status}, must be 200")
        return answer
