"""The HTTP server of the Open Ephys GUI, by which acquisition is started and stopped."""

import json
from typing import Any

from crepe.errors import DeviceError

_IDLE, _ACQUIRE = "IDLE", "ACQUIRE"  # the third mode is RECORD
_TIMEOUT_S = 5.0


class Gui:
    """The mode of a GUI: `PUT /api/status` (Open Ephys manual, "Remote control").

    It is stopped only if it was started by this object.
    """

    def __init__(self, host: str, port: int) -> None:
        self._url = f"http://{host}:{port}/api/status"
        self._is_started_here = False

    def start(self) -> None:
        """Start acquisition unless it runs. Raises DeviceError."""
        if self._mode("GET") == _IDLE:
            mode = self._mode("PUT", _ACQUIRE)
            if mode != _ACQUIRE:
                raise DeviceError(f"{self._url}: mode {mode!r} after a start, must be {_ACQUIRE!r}")
            self._is_started_here = True

    def stop(self) -> None:
        """Stop acquisition if it was started here. Raises DeviceError; harmless to repeat."""
        if self._is_started_here:
            self._is_started_here = False
            self._mode("PUT", _IDLE)

    def _mode(self, method: str, mode: str = "") -> str:
        import urllib3  # slow to import, and only needed where acquisition is started

        body = json.dumps({"mode": mode}) if mode else None
        try:
            reply = urllib3.request(
                method,
                self._url,
                body=body,
                headers={"Content-Type": "application/json"},
                timeout=_TIMEOUT_S,
                retries=False,
            )
            content: Any = json.loads(reply.data)
            return str(content["mode"])
        except (
            urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError, RecursionError,
        ) as error:  # fmt: skip
            raise DeviceError(
                f"{self._url}: {error}; is the HTTP server on in the File menu of Open Ephys?"
            ) from error
