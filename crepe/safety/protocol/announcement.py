"""The announcement of a running stimulator, for `crepe arm`, `crepe stop` and the watchdog."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError
from crepe.hw.remote_stop import Address

INSTRUMENT_FILE = "instrument.json"
_HIGHEST_PORT = 65535


class Instrument(NamedTuple):
    """A running stimulator, and the address of the instrument that it drives."""

    stimulator: str  # a name that no other run of a stimulator has
    process: ProcessIdentity
    host: str
    http_port: int
    nonce: str = ""  # of our own simulator
    requesters: tuple[str, ...] = ()  # the programs whose requests the stimulator fires
    stop: str = "meame"  # scheme or import path of its `RemoteStop`; empty: it has none

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Instrument":
        """Return the instrument that `to_json` wrote.

        Raises KeyError for a missing field, and TypeError or ValueError for one of another type.
        """
        stimulator, host, nonce = (content[name] for name in ("stimulator", "host", "nonce"))
        port, requesters = content["http_port"], content.get("requesters", [])
        stop = content.get("stop", "meame")  # not written by older versions, which had no other
        for text in (stimulator, host, nonce, stop, *requesters):
            if not isinstance(text, str):
                raise TypeError(f"{text!r}, must be text")
        if not isinstance(port, int) or not 0 <= port <= _HIGHEST_PORT:
            raise ValueError(f"port {port!r}, must be 0 to {_HIGHEST_PORT}")
        process = ProcessIdentity.read(content)
        return cls(stimulator, process, host, port, nonce, tuple(requesters), stop)

    def to_json(self) -> dict[str, Any]:
        """Return all fields, flat, with those of the process."""
        fields = self._asdict()
        return {**fields.pop("process")._asdict(), **fields}

    @property
    def address(self) -> Address:
        """Address at which the instrument is stopped."""
        return Address(self.host, self.http_port, self.nonce, self.stop)

    @property
    def is_running(self) -> bool:
        """Whether the stimulator itself is proven to run."""
        return self.process.is_running

    @property
    def may_run(self) -> bool:
        """Whether the stimulator runs, or cannot be seen from here."""
        return not self.process.is_gone


def announce(run_directory: Path, instrument: Instrument) -> None:
    """Write down the instrument for `crepe arm`, `crepe stop` and the watchdog."""
    paths.write_json(run_directory / INSTRUMENT_FILE, instrument.to_json())


def announced(run_directory: Path) -> Instrument | None:
    """Return the instrument that was announced last; its stimulator may have ended."""
    path = run_directory / INSTRUMENT_FILE
    try:
        content = paths.read_json(path)
        return Instrument.from_json(content) if content else None
    except KeyError as error:
        raise ConfigError(f"{path}: no {error}; remove it") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{path}: {error}; remove it") from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
