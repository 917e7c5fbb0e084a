"""`crepe stop`: latch first, then stop the DSP until that is verified, or say that it is not."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from crepe import arming, places
from crepe.errors import ConfigError, CrepeError
from crepe.hw.dsp_stop import dsp_lock, stop_dsp
from crepe.hw.meame_http import HttpControl, Server

_CALL_S = 0.3  # for one call to the instrument
_LOCK_S = 0.1
_TRY_S = 5.0  # after that a person must look
_PAUSE_S = 0.1


def stop(run_directory: Path, server: str, say: Callable[[str], None]) -> bool:
    """Stop everything; True if it is verified.

    Parameters
    ----------
    server
        HOST:PORT of the instrument; empty for the one that a stimulator has announced here.
    """
    began_s = time.monotonic()
    is_latched = _latch(run_directory, say)
    there = _server(run_directory, server)
    if there is None:
        say("NOT VERIFIED: no stimulator has run here; say --server HOST:PORT to stop one")
        return False
    doubts = ["not tried"]
    while doubts and time.monotonic() - began_s < _TRY_S:
        with ExitStack() as stack:
            control = stack.enter_context(HttpControl(there, _CALL_S))
            stack.enter_context(dsp_lock(run_directory, _LOCK_S, may_break=True))
            doubts = stop_dsp(control)
        if doubts:
            time.sleep(_PAUSE_S)
    took_s = time.monotonic() - began_s
    if not doubts:
        say(f"{there.name}: stopped, read back and verified after {took_s:.2f} s")
        return is_latched
    for doubt in doubts:
        say(f"NOT VERIFIED: {doubt}")
    say(f"{there.name}: NOT VERIFIED after {took_s:.1f} s. Switch the stimulator off by hand.")
    return False


def _latch(run_directory: Path, say: Callable[[str], None]) -> bool:
    """Latch; a disk that is full does not keep us from stopping the instrument."""
    try:
        arming.latch(run_directory, "crepe stop")
    except OSError as error:
        say(f"NOT LATCHED: {error}; end the experiment with `crepe down`, or it may go on")
        return False
    say("latched: nothing is stimulated from here until `crepe arm`")
    return True


def _server(run_directory: Path, named: str) -> Server | None:
    if named:
        host, _, port = named.rpartition(":")
        if not host or not port.isdigit():
            raise ConfigError(f"--server {named}: must be HOST:PORT")
        return Server(host, int(port), 0)
    found = arming.announced(run_directory)
    return Server(found.host, found.http_port, 0, found.nonce) if found else None


def main(words: Sequence[str]) -> int:
    """`crepe stop WORDS`, with nothing loaded that it does not need; the exit status."""
    parser = argparse.ArgumentParser(prog="crepe stop")
    parser.add_argument("--server", default="", metavar="HOST:PORT")
    try:
        server: str = parser.parse_args(words).server
        return 0 if stop(places.run_directory(), server, print) else 1
    except CrepeError as error:
        print(f"crepe: NOT VERIFIED: {error}", file=sys.stderr)
        return 1
