"""Permission to stimulate: the latch of an emergency stop, and the arming of one stimulator.

Both are small files in the run directory, read before every train; they need neither Redis nor a
running process. `stopped.json` is the latch: while it exists, nothing is stimulated. `armed.json`
names one stimulator, the programs whose requests it may fire, and the time at which its arming
ends. A restarted stimulator has another name, so it is disarmed.
"""

# Decision 15: why files.

import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crepe.environment import paths
from crepe.environment.bounded_call import call_within
from crepe.environment.clock import boot_time_ns
from crepe.errors import ConfigError
from crepe.safety.protocol.announcement import Instrument, announced
from crepe.safety.protocol.orders import release_in_memory, watchdog_state

STOPPED_FILE = "stopped.json"
ARMED_FILE = "armed.json"
LONGEST_MIN = 480.0
_DISK_S = 0.2  # for a disk to answer at all


def run_directories(problem: Callable[[str], object] = lambda _: None) -> list[Path]:
    """Return this run directory and, unless CREPE_VAR names it, all others of this user.

    If the one that CREPE_VAR names cannot be used, the others count, too: what runs may be there.
    One that cannot be used is left out, and `problem` is called with the reason: a fault elsewhere
    must not prevent a stop in another.
    """
    return list(_searched(problem))


def _searched(problem: Callable[[str], object] = lambda _: None) -> dict[Path, Path]:
    """Return the `var` directories of `run_directories`, by run directory."""
    try:
        candidates = paths.searched(problem=problem)
    except (OSError, RuntimeError) as error:  # no current directory, or no such home
        problem(str(error))
        candidates = []
    return _usable(candidates, problem) or _usable(paths.announced(problem), problem)


def _usable(candidates: Sequence[Path], problem: Callable[[str], object]) -> dict[Path, Path]:
    directories: dict[Path, Path] = {}
    for i, var in enumerate(candidates):
        try:
            if i == 0 or call_within(_DISK_S, var.is_dir):
                directories.setdefault(call_within(_DISK_S, paths.run_directory, var), var)
        except ConfigError as error:
            problem(str(error))
        except OSError as error:
            problem(f"{var}: {error}")
    return directories


def to_arm() -> Path:
    """Return the run directory for `crepe arm`: that of CREPE_VAR, or of this directory.

    Raises ConfigError if only stimulators elsewhere run, with their addresses: whoever arms an
    instrument must have chosen it.
    """
    own, reason = None, "no stimulator runs here"
    try:
        own = paths.run_directory()
        if (instrument := announced(own)) is not None and instrument.may_run:
            return own
    except (ConfigError, OSError, RuntimeError) as error:  # no current directory, or no such home
        own, reason = None, str(error)
    others = [
        f"{instrument.host}:{instrument.http_port} by `CREPE_VAR={shlex.quote(str(var))} crepe arm`"
        for run_directory, var in _searched().items()
        if run_directory != own and (instrument := _running(run_directory)) is not None
    ]
    if others:
        raise ConfigError(f"{reason}, so nothing is armed; elsewhere: {', '.join(others)}")
    if own is None:
        raise ConfigError(reason)
    return own


def _running(run_directory: Path) -> Instrument | None:
    """Return the instrument of a stimulator that is proven to run; None, too, if unreadable."""
    with suppress(ConfigError):
        instrument = announced(run_directory)
        return instrument if instrument is not None and instrument.is_running else None
    return None


def latch(run_directory: Path, by: str) -> None:
    """Forbid all stimulation until `crepe arm`.

    Disarms first: that works on a full disk, too. Raises OSError if the latch cannot be written.
    """
    with suppress(OSError):  # on a read-only disk neither works, and the second says why
        disarm(run_directory)
    stopped = {"by": by, "at": datetime.now(UTC).isoformat(timespec="seconds")}
    paths.write_json(run_directory / STOPPED_FILE, stopped)


def disarm(run_directory: Path) -> None:
    """End the arming; harmless to repeat."""
    (run_directory / ARMED_FILE).unlink(missing_ok=True)


def arm(
    run_directory: Path, minutes: float, now_ns: Callable[[], int] = boot_time_ns
) -> Instrument:
    """Arm the running stimulator for the programs that request stimuli now; release the latch.

    Raises ConfigError if there is no running stimulator, `minutes` is out of bounds, or the run
    directory cannot be written.
    """
    if not 0 < minutes <= LONGEST_MIN:
        raise ConfigError(f"{minutes:g} minutes, must be more than 0 and at most {LONGEST_MIN:g}")
    instrument = announced(run_directory)
    if instrument is None or not instrument.may_run:
        latched = stopped_by(run_directory) or _stopped_in_memory_by(run_directory)
        way_out = "; `crepe arm --release` releases the latch of the stop" if latched else ""
        raise ConfigError(
            f"no stimulator runs here; start the experiment first (`crepe up`){way_out}"
        )
    if not instrument.is_running:
        raise ConfigError(
            f"stimulator {instrument.stimulator} ({instrument.process}): cannot be seen from here; "
            "run `crepe arm` where it runs"
        )
    # The wall clock may be set, and a clock that stands still while the computer sleeps would
    # leave the stimulator armed for the day after.
    content = {
        "stimulator": instrument.stimulator,
        "until_boot_ns": now_ns() + round(minutes * 60e9),
        "requesters": list(instrument.requesters),
    }
    try:
        paths.write_json(run_directory / ARMED_FILE, content)
        _release(run_directory)
    except OSError as error:
        raise ConfigError(f"{run_directory}: {error.strerror}; nothing is armed") from error
    return instrument


def _release(run_directory: Path) -> None:
    """Release the latch, that on the disk last: until then it forbids everything.

    A watchdog that still had it in memory could write it anew. Raises OSError.
    """
    release_in_memory(run_directory)
    (run_directory / STOPPED_FILE).unlink(missing_ok=True)


def release(run_directory: Path) -> str:
    """Release the latch where no stimulator runs; return who had stopped, and when. Arms nothing.

    Raises ConfigError if there is no latch, if a stimulator may run (then only its arming releases
    the latch), or if the run directory cannot be written.
    """
    latched = stopped_by(run_directory) or _stopped_in_memory_by(run_directory)
    if latched is None:
        raise ConfigError(f"{run_directory}: no latch of `crepe stop` to release")
    instrument = announced(run_directory)
    if instrument is not None and instrument.may_run:
        raise ConfigError(
            f"stimulator {instrument.stimulator} ({instrument.process}) may run; `crepe arm`, "
            "where it runs, releases the latch and arms it"
        )
    try:
        disarm(run_directory)  # an arming from before the stop must not count again
        _release(run_directory)
    except OSError as error:
        raise ConfigError(f"{run_directory}: {error.strerror}; the latch remains") from error
    return latched


def stopped_by(run_directory: Path) -> str | None:
    """Return who latched the stop on the disk, and when; None without a latch."""
    # Read twice for each segment, so without the time that a Path takes.
    stopped = _content(os.path.join(run_directory, STOPPED_FILE))
    return f"{stopped.get('by', '?')} at {stopped.get('at', '?')}" if stopped is not None else None


def _stopped_in_memory_by(run_directory: Path) -> str | None:
    """Return who latched the stop in the memory of a watchdog that runs; None without a latch."""
    state = watchdog_state(run_directory)
    return state.latch.by if state is not None and state.latch.is_closed else None


def refusal(
    run_directory: Path,
    stimulator: str,
    *,
    is_simulator: bool,
    requesters: Collection[str] = (),
    now_ns: Callable[[], int] = boot_time_ns,
) -> str | None:
    """Return why this stimulator must not stimulate now, or None.

    A proven simulator cannot hurt a culture and needs no arming, but it obeys the latch. The
    arming must name every one of `requesters`.
    """
    latched = stopped_by(run_directory)
    if latched is not None:
        return f"stopped by {latched}; `crepe arm`"
    if is_simulator:
        return None
    armed = _content(run_directory / ARMED_FILE)
    if armed is None or armed.get("stimulator") != stimulator:
        return "not armed; `crepe arm`"
    if _left_ns(armed, now_ns()) <= 0:
        return "the arming has expired; `crepe arm`"
    named = armed.get("requesters")
    strangers = sorted(set(requesters).difference(named if isinstance(named, list) else ()))
    if strangers:
        return f"{', '.join(strangers)}: requests stimuli, but was not when armed; `crepe arm`"
    return None


def armed_s(run_directory: Path, now_ns: Callable[[], int] = boot_time_ns) -> float:
    """Return the seconds until the arming ends; 0 if no stimulator is armed."""
    return _left_ns(_content(run_directory / ARMED_FILE) or {}, now_ns()) / 1e9


def _left_ns(armed: Mapping[str, Any], now_ns: int) -> int:
    """Return how long an arming lasts; 0 if it has expired, or states no end that can be."""
    until_ns = armed.get("until_boot_ns")
    if not isinstance(until_ns, int):
        return 0
    left_ns = until_ns - now_ns
    return left_ns if 0 < left_ns <= LONGEST_MIN * 60e9 else 0


def _content(path: Path | str) -> Mapping[str, Any] | None:
    """Return the content of a file; an unreadable latch counts as a latch."""
    try:
        return paths.read_json(path)
    except (ConfigError, OSError) as error:
        # Without a stimulator's name: an unreadable arming arms none.
        return {"by": f"an unreadable file ({error})"}
