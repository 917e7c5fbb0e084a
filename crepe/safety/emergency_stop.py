"""`crepe stop`: latch first, then stop the DSP until that is verified, or say that it is not."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from crepe.errors import ConfigError, CrepeError
from crepe.hw.meame.dsp_stop import stop_dsp
from crepe.hw.meame.http import HttpControl, Server
from crepe.safety import arming
from crepe.safety.instrument_lock import instrument_lock

_CALL_S = 0.3  # for one call to the instrument
_LOCK_S = 0.1
_TRY_S = 5.0  # after that a person must look
_PAUSE_S = 0.1


def stop(
    run_directories: Sequence[Path],
    server: str,
    say: Callable[[str], None],
    *,
    by: str = "crepe stop",
) -> bool:
    """Stop everything; True if it is verified.

    Parameters
    ----------
    run_directories
        All are latched. What was announced in the first is stopped; in the others, unless its
        stimulator is proven to have ended.
    server
        HOST:PORT of the only instrument to stop; empty for those that stimulators have announced.
    by
        Who stops; the latch says so.
    """
    began_s = time.monotonic()
    latched = [_latch(directory, by, say) for directory in run_directories]
    here = run_directories[0]
    found = {here: _named(server)} if server else _announced(run_directories, say)
    if not found:
        say("NOT VERIFIED: no stimulator has run here; say --server HOST:PORT to stop one")
        return False
    with ThreadPoolExecutor(len(found)) as pool:
        stops = [pool.submit(_stop, where, one, say, began_s) for where, one in found.items()]
    verified = [each.result() for each in stops]
    return all(verified) and all(latched)


def _announced(run_directories: Sequence[Path], say: Callable[[str], None]) -> dict[Path, Server]:
    """The instruments to stop, by run directory."""
    here, *others = run_directories
    found: dict[Path, arming.Instrument] = {}
    for other in others:
        try:
            instrument = arming.announced(other)
        except (CrepeError, OSError) as error:
            say(f"NOT VERIFIED: {error}")
            continue
        if instrument and instrument.may_run:
            found[other] = instrument
    own = arming.announced(here)
    if own and (own.may_run or not own.nonce or not found):
        found[here] = own  # not a simulator that is gone: it has nobody to hurt
    return {path: Server(it.host, it.http_port, 0, it.nonce) for path, it in found.items()}


def _stop(run_directory: Path, there: Server, say: Callable[[str], None], began_s: float) -> bool:
    doubts = ["not tried"]
    while doubts and time.monotonic() - began_s < _TRY_S:
        with ExitStack() as stack:
            control = stack.enter_context(HttpControl(there, _CALL_S))
            stack.enter_context(instrument_lock(run_directory, _LOCK_S, may_break=True))
            doubts = stop_dsp(control)
        if doubts:
            time.sleep(_PAUSE_S)
    took_s = time.monotonic() - began_s
    if not doubts:
        say(f"{there.name}: stopped, read back and verified after {took_s:.2f} s")
        return True
    for doubt in doubts:
        say(f"NOT VERIFIED: {doubt}")
    say(f"{there.name}: NOT VERIFIED after {took_s:.1f} s. Switch the stimulator off by hand.")
    return False


def _latch(run_directory: Path, by: str, say: Callable[[str], None]) -> bool:
    """Latch; a disk that is full does not keep us from stopping the instrument."""
    try:
        arming.latch(run_directory, by)
    except OSError as error:
        say(f"NOT LATCHED: {error}; end the experiment with `crepe down`, or it may go on")
        return False
    say(f"latched: nothing is stimulated from {run_directory} until `crepe arm`")
    return True


def _named(server: str) -> Server:
    host, _, port = server.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--server {server}: must be HOST:PORT")
    return Server(host, int(port), 0)


def main(words: Sequence[str]) -> int:
    """`crepe stop WORDS`, with nothing loaded that it does not need; the exit status."""
    parser = argparse.ArgumentParser(prog="crepe stop")
    parser.add_argument("--server", default="", metavar="HOST:PORT")
    try:
        server: str = parser.parse_args(words).server
        return 0 if stop(arming.run_directories(), server, print) else 1
    except CrepeError as error:
        print(f"crepe: NOT VERIFIED: {error}", file=sys.stderr)
        return 1
