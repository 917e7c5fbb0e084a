"""MEAME's HTTP routes: one connection, calls one after the other, every status checked."""

import hashlib
import hmac
import json
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from crepe.environment import paths
from crepe.errors import ConfigError, DeviceError

SIMULATOR = "simulator"
SIMULATOR_FILE = "simulator.json"
_TIMEOUT_S = 2.0
_POLL_S = 0.05


class Unreachable(DeviceError):
    """Nobody listens there, so nothing of a request has arrived."""


class Server(NamedTuple):
    """Where a MEAME server is."""

    host: str
    http_port: int
    data_port: int
    nonce: str = ""  # known of our own simulator only

    @property
    def name(self) -> str:
        return f"meame://{self.host}:{self.http_port}"


def find_server(location: str, data_port: int, wait_s: float) -> Server:
    """The server that a device URL means: the simulator of this run directory, or HOST:PORT.

    Raises DeviceError if the simulator has not said within `wait_s` where it is.
    """
    path = paths.run_directory() / SIMULATOR_FILE
    if location != SIMULATOR:
        host, port = host_and_port(location)
        known = paths.read_json(path) or {}
        nonce = known["nonce"] if known.get("http_port") == port else ""
        return Server(host, port, data_port, nonce)
    deadline = time.monotonic() + wait_s
    while (found := paths.read_json(path)) is None:
        if time.monotonic() > deadline:
            raise DeviceError(f"{path}: the simulator has not started in {wait_s:.0f} s")
        time.sleep(_POLL_S)
    return Server(found["host"], found["http_port"], found["data_port"], found["nonce"])


def host_and_port(location: str) -> tuple[str, int]:
    """What a device URL names; the port is 8888 unless it says another. Raises ConfigError."""
    host, _, port = location.rpartition(":")
    if not host:
        host, port = location, "8888"
    if not host or not port.isdigit():
        raise ConfigError(f"device meame://{location}: must be meame://HOST:PORT")
    return host, int(port)


def proof(nonce: str, challenge: str) -> str:
    """What a server that knows `nonce` answers to `challenge`."""
    return hmac.new(nonce.encode(), challenge.encode(), hashlib.sha256).hexdigest()


class Control(ABC):
    """What a stimulator needs of MEAME. Methods raise DeviceError if it does not acknowledge, and
    Unreachable if nobody is there to."""

    @abstractmethod
    def is_our_simulator(self) -> bool:
        """Whether no living culture can be behind it."""

    @abstractmethod
    def call(self, function: int, arguments: Sequence[tuple[int, int]]) -> None:
        """Have the DSP execute a function, its argument registers written first."""

    @abstractmethod
    def write(self, addresses: Sequence[int], values: Sequence[int]) -> None:
        """Write DSP registers in order."""

    @abstractmethod
    def read(self, addresses: Sequence[int]) -> list[int]:
        """Read DSP registers."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect; harmless to repeat."""


class HttpControl(Control):
    """MEAME over HTTP. Nothing is sent twice: repeating a DSP call is not harmless."""

    def __init__(self, server: Server, timeout_s: float = _TIMEOUT_S) -> None:
        self._server = server
        self._pool = urllib3.HTTPConnectionPool(
            server.host,
            server.http_port,
            maxsize=1,
            retries=False,
            timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def connect(self, sampling_rate_hz: int, segment_samples: int) -> None:
        """Configure acquisition; a server that is configured already ignores this silently."""
        body = {"samplerate": sampling_rate_hz, "segmentLength": segment_samples}
        self._ask("POST", "/DAQ/connect", body)

    def acquisition(self) -> tuple[int, int]:
        """Sampling rate and segment length; of our own simulator only, MEAME does not tell."""
        found = json.loads(self._ask("GET", "/simulator/acquisition"))
        return found["samplerate"], found["segmentLength"]

    def truth(self, port: int, start: int, stop: int) -> dict[str, list[Any]]:
        """Who fired in [start, stop), counted by the data connection from `port`; of our own
        simulator only."""
        path = f"/simulator/truth?port={port}&start={start}&stop={stop}"
        found: dict[str, list[Any]] = json.loads(self._ask("GET", path))
        return found

    def status(self) -> dict[str, Any]:
        """What the server says of itself: isAlive (acquisition started), dspAlive."""
        answer = self._ask("GET", "/status")
        try:
            found = json.loads(answer)
        except ValueError as error:
            raise DeviceError(f"{self._server.name}/status: {answer[:80]!r}, no JSON") from error
        return found if isinstance(found, dict) else {}

    def flash(self) -> None:
        """Have the DSP's firmware loaded, as some versions of MEAME do; harmless to repeat."""
        self._ask("GET", "/DSP/flash")

    def start(self) -> None:
        """Start acquisition; harmless to repeat."""
        self._ask("GET", "/DAQ/start")

    def is_our_simulator(self) -> bool:
        if not self._server.nonce:
            return False
        challenge = secrets.token_hex(16)
        try:
            answer = self._ask("GET", f"/simulator/proof?challenge={challenge}").decode()
        except DeviceError:
            return False
        return hmac.compare_digest(answer, proof(self._server.nonce, challenge))

    def call(self, function: int, arguments: Sequence[tuple[int, int]]) -> None:
        body = {
            "func": int(function),
            "argAddrs": [int(address) for address, _ in arguments],
            "argVals": [int(value) for _, value in arguments],
        }
        self._ask("POST", "/DSP/call", body)

    def write(self, addresses: Sequence[int], values: Sequence[int]) -> None:
        body = {"addresses": list(map(int, addresses)), "values": list(map(int, values))}
        self._ask("POST", "/DSP/write", body)

    def read(self, addresses: Sequence[int]) -> list[int]:
        answer = self._ask("POST", "/DSP/read", {"addresses": list(map(int, addresses))})
        try:
            values = json.loads(answer)["values"]
            found = [int(value) for value in values]
        except (ValueError, KeyError, TypeError) as error:
            raise DeviceError(f"{self._server.name}/DSP/read: {answer!r} ({error!r})") from error
        if len(found) != len(addresses):
            raise DeviceError(
                f"{self._server.name}/DSP/read: {len(found)} of {len(addresses)} words"
            )
        return found

    def close(self) -> None:
        self._pool.close()

    def _ask(self, verb: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        place = f"{self._server.name}{path.partition('?')[0]}"
        try:
            answer = self._pool.request(
                verb, path, body=None if body is None else json.dumps(body).encode()
            )
        except (ConnectTimeoutError, NewConnectionError) as error:
            raise Unreachable(f"{place}: {error}") from error
        except HTTPError as error:
            raise DeviceError(f"{place}: {error}") from error
        if answer.status != 200:
            raise DeviceError(f"{place}: status {answer.status}, must be 200")
        return answer.data
