"""The instrument of a session: since when it is lost, and whether what came back is another one."""

# Decision 62: what a session refuses. Decision 64: why another one disarms.

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from crepe.errors import DeviceError
from crepe.hw.instrument import check_same
from crepe.messages import StreamInfo

log = logging.getLogger(__name__)


class SessionInstrument:
    """The instrument that a session records, lost or connected.

    Parameters
    ----------
    identity
        `Recorder.identity` at the first connection.
    disarm
        Disarms the stimulator.
    """

    def __init__(self, info: StreamInfo, identity: str, disarm: Callable[[], None]) -> None:
        self._info = info
        self._identity = identity
        self._disarm = disarm
        self._lost = self._replaced = ""

    @property
    def problem(self) -> str:
        """Reason why no data come, or that another instrument is there; or empty."""
        return self._lost or self._replaced

    def lose(self, error: DeviceError, sample: int, attempts: str) -> None:
        """Note that it is lost from `sample` on; `attempts` states how often it is tried."""
        # one text for the whole outage: each new one is a note in the recording
        at = datetime.now(UTC).strftime("%H:%M:%S UTC")
        self._lost = f"no instrument since {at}, sample {sample}: {error}; {attempts}"
        log.error("%s; retrying until it is back", self._lost)

    def come_back(self, info: StreamInfo, identity: str, sample: int) -> None:
        """Note that an instrument answers again; disarm if it is another one.

        Raises DeviceError if its data cannot go on in this session.
        """
        try:
            check_same(self._info, info)
        except DeviceError:
            self._disarm()
            raise
        log.warning("%s: is back", info.source)
        self._lost = ""
        if identity != self._identity:
            self._disarm()
            self._identity = identity
            self._replaced = (
                f"{info.source}: another instrument than before sample {sample} answers; "
                "stimulation was disarmed; look at the instrument, then `crepe arm`"
            )
            log.error("%s", self._replaced)
