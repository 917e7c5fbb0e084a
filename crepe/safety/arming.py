"""Permission to stimulate: the latch of an emergency stop, and the arming of one stimulator.

Both are small files in the run directory, read before every train; they need neither Redis nor a
running process. `stopped.json` is the latch: while it exists, nothing is stimulated. `armed.json`
names one stimulator and the time at which its arming ends. A restarted stimulator has another
name, so it is disarmed.
"""

# Decision 15: why files.

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError

INSTRUMENT_FILE = "instrument.json"
STOPPED_FILE = "stopped.json"
ARMED_FILE = "armed.json"
WATCHDOG_SOCKET = "watchdog.sock"  # in the same directory
LONGEST_MIN = 480.0


class Instrument(NamedTuple):
    """A running stimulator, and the address of the instrument that it drives."""

    stimulator: str  # a name that no other run of a stimulator has
    process: ProcessIdentity
    host: str
    http_port: int
    nonce: str = ""  # of our own simulator

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Instrument":
        """Return the instrument that `to_json` wrote. Raises KeyError for a missing field."""
        return cls(
            content["stimulator"],
            ProcessIdentity.read(content),
            content["host"],
            content["http_port"],
            content["nonce"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return all fields, flat, with those of the process."""
        fields = self._asdict()
        return {**fields.pop("process")._asdict(), **fields}

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
    content = paths.read_json(run_directory / INSTRUMENT_FILE)
    try:
        return Instrument.from_json(content) if content else None
    except KeyError as error:
        raise ConfigError(f"{run_directory / INSTRUMENT_FILE}: no {error}; remove it") from error


def run_directories() -> list[Path]:
    """Return this run directory and, unless CREPE_VAR names it, all others of this user."""
    directories = [paths.run_directory()]
    with suppress(ConfigError, OSError):  # a fault elsewhere must not prevent a stop in this one
        directories += [paths.run_directory(var) for var in paths.searched()[1:] if var.is_dir()]
    return list(dict.fromkeys(directories))


def to_arm() -> Path:
    """Return the run directory for `crepe arm`: this one, or the only one with a stimulator.

    Raises ConfigError if several others have one.
    """
    running = [path for path in run_directories() if (it := announced(path)) and it.is_running]
    if len(running) > 1 and running[0] != paths.run_directory():
        names = ", ".join(map(str, running))
        raise ConfigError(f"stimulators run in {names}; name one by CREPE_VAR")
    return running[0] if running else paths.run_directory()


def latch(run_directory: Path, by: str) -> None:
    """Forbid all stimulation until `crepe arm`.

    Disarms first: that works on a full disk, too. Raises OSError if the latch cannot be written.
    """
    disarm(run_directory)
    stopped = {"by": by, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    paths.write_json(run_directory / STOPPED_FILE, stopped)


def disarm(run_directory: Path) -> None:
    """End the arming; harmless to repeat."""
    (run_directory / ARMED_FILE).unlink(missing_ok=True)


def arm(run_directory: Path, minutes: float) -> Instrument:
    """Arm the running stimulator, and remove the latch.

    Raises ConfigError if there is no running stimulator, or `minutes` is out of bounds.
    """
    if not 0 < minutes <= LONGEST_MIN:
        raise ConfigError(f"{minutes:g} minutes, must be more than 0 and at most {LONGEST_MIN:g}")
    instrument = announced(run_directory)
    if instrument is None or not instrument.may_run:
        latched = stopped_by(run_directory)
        way_out = "; `crepe arm --release` releases the latch of the stop" if latched else ""
        raise ConfigError(
            f"no stimulator runs here; start the experiment first (`crepe up`){way_out}"
        )
    if not instrument.is_running:
        raise ConfigError(
            f"stimulator {instrument.stimulator} ({instrument.process}): cannot be seen from here; "
            "run `crepe arm` where it runs"
        )
    # The wall clock may be set back, which would prolong the arming.
    until_ns = time.monotonic_ns() + round(minutes * 60e9)
    content = {"stimulator": instrument.stimulator, "until_monotonic_ns": until_ns}
    paths.write_json(run_directory / ARMED_FILE, content)
    # The latch goes last: after a crash in between, it still forbids everything.
    (run_directory / STOPPED_FILE).unlink(missing_ok=True)
    return instrument


def release(run_directory: Path) -> str:
    """Remove the latch where no stimulator runs; return who had stopped, and when. Arms nothing.

    Raises ConfigError if there is no latch, or if a stimulator may run: then only its arming
    releases the latch.
    """
    latched = stopped_by(run_directory)
    if latched is None:
        raise ConfigError(f"{run_directory}: no latch of `crepe stop` to release")
    instrument = announced(run_directory)
    if instrument is not None and instrument.may_run:
        raise ConfigError(
            f"stimulator {instrument.stimulator} ({instrument.process}) may run; `crepe arm`, "
            "where it runs, releases the latch and arms it"
        )
    disarm(run_directory)  # an arming from before the stop must not count again
    (run_directory / STOPPED_FILE).unlink(missing_ok=True)
    return latched


def stopped_by(run_directory: Path) -> str | None:
    """Return who latched the stop, and when; None without a latch."""
    stopped = _content(run_directory / STOPPED_FILE)
    return f"{stopped.get('by', '?')} at {stopped.get('at', '?')}" if stopped is not None else None


def refusal(run_directory: Path, stimulator: str, *, is_simulator: bool) -> str | None:
    """Return why this stimulator must not stimulate now, or None.

    A proven simulator cannot hurt a culture and needs no arming, but it obeys the latch.
    """
    latched = stopped_by(run_directory)
    if latched is not None:
        return f"stopped by {latched}; `crepe arm`"
    if is_simulator:
        return None
    armed = _content(run_directory / ARMED_FILE)
    if armed is None or armed.get("stimulator") != stimulator:
        return "not armed; `crepe arm`"
    until_ns = armed.get("until_monotonic_ns")
    if not isinstance(until_ns, int) or time.monotonic_ns() >= until_ns:
        return "the arming has expired; `crepe arm`"
    return None


def armed_s(run_directory: Path) -> float:
    """Return the seconds until the arming ends; 0 if no stimulator is armed."""
    until_ns = (_content(run_directory / ARMED_FILE) or {}).get("until_monotonic_ns")
    return max(0.0, (until_ns - time.monotonic_ns()) / 1e9) if isinstance(until_ns, int) else 0.0


def _content(path: Path) -> Mapping[str, Any] | None:
    """Return the content of a file; an unreadable latch counts as a latch."""
    try:
        return paths.read_json(path)
    except (ConfigError, OSError) as error:
        # Without a stimulator's name: an unreadable arming arms none.
        return {"by": f"an unreadable file ({error})"}
