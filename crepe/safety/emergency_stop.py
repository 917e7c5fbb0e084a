"""`crepe stop`: latch first, then stop the DSP until that is verified, or report that it is not."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from crepe.errors import ConfigError, CrepeError, ExitCode
from crepe.hw.meame.dsp_stop import stop_dsp
from crepe.hw.meame.http import HttpControl, Server
from crepe.safety import arming
from crepe.safety.instrument_lock import instrument_lock

_CALL_S = 0.3  # for one call to the instrument
_LOCK_S = 0.1
_TRY_S = 5.0  # after that the operator must switch the stimulator off
_PAUSE_S = 0.1


def stop(
    run_directories: Sequence[Path],
    server: str,
    report: Callable[[str], None],
    *,
    by: str = "crepe stop",
) -> bool:
    """Stop everything; return True if that is verified.

    Parameters
    ----------
    run_directories
        All are latched. The instrument announced in the first is stopped; one in the others only
        unless its stimulator is proven to have ended.
    server
        HOST:PORT of the only instrument to stop; empty for all that stimulators have announced.
    report
        Called with each line for the operator.
    by
        Program or person that stops; written into the latch.
    """
    began_s = time.monotonic()
    # First of all: once its instrument is stopped, no stimulator may start another sub-train.
    latched = [_latch(directory, by, report) for directory in run_directories]
    if server:
        servers, are_known = {run_directories[0]: _named(server)}, True
    else:
        servers, are_known = _announced(run_directories, report)
    if not servers:
        report("NOT VERIFIED: no stimulator has run here; name an instrument: --server HOST:PORT")
        return False
    with ThreadPoolExecutor(len(servers)) as pool:  # one that hangs must not delay the others
        stops = [pool.submit(_stop, path, it, report, began_s) for path, it in servers.items()]
    verified = [each.result() for each in stops]
    return are_known and all(verified) and all(latched)


def _announced(
    run_directories: Sequence[Path], report: Callable[[str], None]
) -> tuple[dict[Path, Server], bool]:
    """Return the instruments to stop, by run directory, and whether these are all."""
    first, *others = run_directories
    are_known = True
    instruments: dict[Path, arming.Instrument] = {}
    for other in others:
        try:
            instrument = arming.announced(other)
        except (CrepeError, OSError) as error:
            report(f"NOT VERIFIED: {error}")
            are_known = False  # it may have named an instrument that stimulates
            continue
        if instrument and instrument.may_run:
            instruments[other] = instrument
    own = arming.announced(first)
    if own and (own.may_run or not own.nonce or not instruments):
        instruments[first] = own  # a simulator that has ended needs no stop
    servers = {path: Server(i.host, i.http_port, 0, i.nonce) for path, i in instruments.items()}
    return servers, are_known


def _stop(
    run_directory: Path, server: Server, report: Callable[[str], None], began_s: float
) -> bool:
    """Stop one instrument, again and again until that is verified or `_TRY_S` has passed."""
    doubts = ["not tried"]
    while doubts and time.monotonic() - began_s < _TRY_S:
        with ExitStack() as stack:
            control = stack.enter_context(HttpControl(server, _CALL_S))
            stack.enter_context(instrument_lock(run_directory, _LOCK_S, may_break=True))
            doubts = stop_dsp(control)
        if doubts:
            time.sleep(_PAUSE_S)
    took_s = time.monotonic() - began_s
    if not doubts:
        report(f"{server.name}: stopped, read back and verified after {took_s:.2f} s")
        return True
    for doubt in doubts:
        report(f"NOT VERIFIED: {doubt}")
    report(f"{server.name}: NOT VERIFIED after {took_s:.1f} s. Switch the stimulator off by hand.")
    return False


def _latch(run_directory: Path, by: str, report: Callable[[str], None]) -> bool:
    """Latch; a full disk must not prevent the stop of the instrument."""
    try:
        arming.latch(run_directory, by)
    except OSError as error:
        report(f"NOT LATCHED: {error}; end the experiment with `crepe down`, or it may go on")
        return False
    report(f"latched: nothing is stimulated from {run_directory} until `crepe arm`")
    return True


def _named(server: str) -> Server:
    host, _, port = server.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--server {server}: must be HOST:PORT")
    return Server(host, int(port), 0)


def main(arguments: Sequence[str]) -> int:
    """Run `crepe stop ARGUMENTS`; return the exit status.

    Imports as little as it can: the stop must not wait for numpy.
    """
    parser = argparse.ArgumentParser(prog="crepe stop", add_help=False)
    parser.add_argument("--server", default="", metavar="HOST:PORT")
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args(arguments)
    return run(options.server, as_json=options.as_json)


def run(server: str, *, as_json: bool) -> int:
    """Stop everything, print what happens, and return the exit status."""
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)

    try:
        is_verified = stop(arming.run_directories(), server, report)
    except CrepeError as error:
        lines.append(f"NOT VERIFIED: {error}")
        print(f"crepe: {lines[-1]}", file=sys.stderr)
        is_verified = False
    if as_json:
        print(json.dumps({"is_verified": is_verified, "lines": lines}, indent=2))
    return ExitCode.DONE if is_verified else ExitCode.FAILED
