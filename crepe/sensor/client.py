"""The other side of the door: what a sensor sends, and the answers it gets."""

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
from crepe.web.server import server_file
from crepe.web.token import access_token

_POLL_S = 0.1
_CONNECT_S = 1.0


class Answer(NamedTuple):
    """What the door says of an input; words are those of the API (Rock, Scissor, None)."""

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
        """True while its trial may still come, or goes on."""
        return self.state in (State.WAITING, State.PLAYING)


def find_gateway() -> str:
    """The URL of the door that this user runs: here, else in the one place that has one.

    Raises DeviceError if there is none, or more than one to choose from.
    """
    here, *elsewhere = paths.searched()
    found = {each: url for each in (here, *elsewhere) if (url := _url(each))}
    if here in found:
        return found[here]
    if not found:
        raise DeviceError(f"no sensor door is open (looked in {here}); `crepe up` opens one")
    if len(found) > 1:
        names = ", ".join(map(str, found))
        raise DeviceError(f"several sensor doors are open ({names}); choose one with CREPE_VAR")
    return next(iter(found.values()))


def _url(var: Path) -> str | None:
    if not var.is_dir():
        return None
    found = paths.read_json(paths.run_directory(var) / server_file("sensor"))
    return str(found["url"]) if found and _is_open(found) else None


def _is_open(found: Mapping[str, Any]) -> bool:
    """Whether somebody listens: a door that was killed leaves its file behind."""
    host = str(urllib3.util.parse_url(found["url"]).host).strip("[]")
    try:
        socket.create_connection((host, found["port"]), _CONNECT_S).close()
    except OSError:
        return False
    return True


class GatewayClient:
    """Shows frames to a door and asks for results. Methods raise DeviceError.

    Parameters
    ----------
    url
        http://HOST:PORT
    token
        Default: what is in CREPE_SENSOR_TOKEN.
    """

    def __init__(self, url: str, token: str | None = None, timeout_s: float = 10.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"sensor door {url!r}: must be http://HOST:PORT")
        self.url = url.rstrip("/")
        token = access_token("sensor") if token is None else token
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        timeout = urllib3.Timeout(total=timeout_s)
        self._http = urllib3.PoolManager(headers=headers, timeout=timeout, retries=False)

    def close(self) -> None:
        self._http.clear()

    def show(self, frame: Frame) -> Answer:
        """Post a frame once."""
        return self._answer(self._ask("POST", "/hw-api/input/", as_json(frame))[1])

    def became(self, number: str) -> Answer:
        """What became of an input up to now."""
        status, said = self._ask("GET", f"/hw-api/ready/?input={number}")
        if status == 200 and said == b"False":
            return Answer(number, State.WAITING)
        if status == 200:
            _, said = self._ask("GET", f"/hw-api/output/?input={number}")
        return self._answer(said)

    def wait(
        self,
        answer: Answer,
        timeout_s: float,
        *,
        sleep: Callable[[float], object] = time.sleep,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> Answer:
        """What became of an input in the end, or up to now after `timeout_s`."""
        deadline = monotonic_s() + timeout_s
        while answer.is_pending and monotonic_s() < deadline:
            sleep(_POLL_S)
            answer = self.became(answer.number)
        return answer

    def _ask(self, verb: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        try:
            found = self._http.request(verb, self.url + path, body=body)
        except urllib3.exceptions.HTTPError as error:
            raise DeviceError(f"{self.url}: does not answer: {error}") from error
        if found.status not in (200, 410):
            raise DeviceError(f"{self.url}{path}: {found.status} {_reason(found)}")
        return found.status, found.data

    def _answer(self, body: bytes) -> Answer:
        try:
            said: Mapping[str, Any] = json.loads(body)
            values = {name: said[name] for name in Answer._fields if name in said}
            return Answer(**{**values, "number": said["input"], "state": State(said["state"])})
        except (ValueError, KeyError, TypeError) as error:
            raise DeviceError(f"{self.url}: {body[:80]!r} is no answer of a sensor door") from error


def _reason(found: urllib3.BaseHTTPResponse) -> str:
    try:
        return str(found.json()["reason"])
    except (ValueError, KeyError, TypeError):
        return found.reason or ""
