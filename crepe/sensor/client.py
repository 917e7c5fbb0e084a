"""The client of the sensor gateway: posts frames, and reads their answers."""

import json
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

from crepe.environment import paths
from crepe.errors import ConfigError, DeviceError
from crepe.sensor.frames import Frame
from crepe.sensor.hand_frames import as_json
from crepe.sensor.input_tracker import State
from crepe.web.links import server_file

_POLL_S = 0.25  # each look at a trial is a request, which takes 2 ms of CPU time
_CONNECT_S = 1.0


class Answer(NamedTuple):
    """The gateway's answer about an input; gestures have the API's names (Rock, Scissor, None)."""

    number: str
    state: State
    gesture: str = ""
    reason: str = ""
    trial: int = 0
    decoded: str = ""  # empty until there is a result
    answer: str = ""
    outcome: str = ""

    @property
    def is_pending(self) -> bool:
        """Whether its trial may still begin, or goes on."""
        return self.state in (State.WAITING, State.PLAYING)


class Gateway(NamedTuple):
    """A gateway's URL, http://HOST:PORT, and the token that it requires."""

    url: str
    token: str


def find_gateway() -> Gateway:
    """Return this user's gateway: of the own run-time directory, else of the only other.

    Raises DeviceError if none runs, or several others.
    """
    own, *others = paths.searched()
    gateways = {
        directory: gateway for directory in (own, *others) if (gateway := _gateway(directory))
    }
    if own in gateways:
        return gateways[own]
    if not gateways:
        raise DeviceError(f"no sensor gateway runs (looked in {own}); `crepe up` starts one")
    if len(gateways) > 1:
        names = ", ".join(map(str, gateways))
        raise DeviceError(f"several sensor gateways run ({names}); choose one with CREPE_VAR")
    return next(iter(gateways.values()))


def _gateway(var: Path) -> Gateway | None:
    if not var.is_dir():
        return None
    server = paths.read_json(paths.run_directory(var) / server_file("sensor"))
    return Gateway(server["url"], server["token"]) if server and _is_open(server) else None


def _is_open(server: Mapping[str, Any]) -> bool:
    """Return whether its port accepts a connection: a killed gateway leaves its file behind."""
    host = str(urllib3.util.parse_url(server["url"]).host).strip("[]")
    try:
        socket.create_connection((host, server["port"]), _CONNECT_S).close()
    except OSError:
        return False
    return True


class GatewayClient:
    """Posts frames to a gateway and requests results. Methods raise DeviceError.

    Parameters
    ----------
    url
        http://HOST:PORT
    token
        The token that the gateway requires.
    """

    def __init__(self, url: str, token: str, timeout_s: float = 10.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"sensor gateway {url!r}: must be http://HOST:PORT")
        self.url = url.rstrip("/")
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
        timeout = urllib3.Timeout(total=timeout_s)
        # No retries: a frame that is posted twice could begin two trials.
        self._http = urllib3.PoolManager(headers=headers, timeout=timeout, retries=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.clear()

    def post(self, frame: Frame) -> Answer:
        """Post a frame once; return the state of the new input."""
        return self._answer(self._request("POST", "/hw-api/input/", as_json(frame))[1])

    def state_of(self, number: str) -> Answer:
        """Return the present state of an input."""
        status, body = self._request("GET", f"/hw-api/ready/?input={number}")
        if status == 200 and body == b"False":
            return Answer(number, State.WAITING)
        if status == 200:
            _, body = self._request("GET", f"/hw-api/output/?input={number}")
        return self._answer(body)

    def wait(
        self,
        answer: Answer,
        timeout_s: float,
        *,
        sleep: Callable[[float], object] = time.sleep,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> Answer:
        """Return the final state of an input, or the present one after `timeout_s`."""
        deadline = monotonic_s() + timeout_s
        while answer.is_pending and monotonic_s() < deadline:
            sleep(_POLL_S)
            answer = self.state_of(answer.number)
        return answer

    def _request(self, verb: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        try:
            response = self._http.request(verb, self.url + path, body=body)
        except urllib3.exceptions.HTTPError as error:
            raise DeviceError(f"{self.url}: does not answer: {error}") from error
        # 410 is an answer, too: the input began no trial.
        if response.status not in (200, 410):
            raise DeviceError(f"{self.url}{path}: {response.status} {_reason(response)}")
        return response.status, response.data

    def _answer(self, body: bytes) -> Answer:
        try:
            fields: Mapping[str, Any] = json.loads(body)
            values = {name: fields[name] for name in Answer._fields if name in fields}
            return Answer(**{**values, "number": fields["input"], "state": State(fields["state"])})
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DeviceError(
                f"{self.url}: {body[:80]!r} is no answer of a sensor gateway"
            ) from error


def _reason(response: urllib3.BaseHTTPResponse) -> str:
    try:
        return str(response.json()["reason"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return response.reason or ""
