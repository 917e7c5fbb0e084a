"""One run of a sweep: its command line in a process of its own, and what it printed.

A run is done where an executor of `concurrent.futures` puts it, here or on another machine. It has
a directory of its own for its recordings, which goes with it.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from crepe.study.sweep.file import Request

_PROGRAMS = {"crepe": ("-m", "crepe"), "python": ()}
"""Programs that run by the interpreter of this one."""


@dataclass(frozen=True)
class Outcome:
    """The end of a run: the document that it printed, or why there is none."""

    document: dict[str, Any] | None
    problem: str
    duration_s: float


Run = Callable[[Request], Outcome]
"""Does a run. It is called in a thread or in a process of an executor."""

_processes: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()


def run_line(request: Request) -> Outcome:
    """Do a run by its command line; its seed and settings decide all of its course."""
    began_s = time.monotonic()
    document, problem = _run(request)
    return Outcome(document, problem, time.monotonic() - began_s)


def end_runs() -> None:
    """End the runs of this process that have not ended: their results are lost."""
    with _lock:
        for process in _processes:
            process.terminate()


def _run(request: Request) -> tuple[dict[str, Any] | None, str]:
    try:
        content = Path(request.experiment).read_bytes()
    except OSError as error:
        return None, f"{request.experiment}: {error.strerror}; every machine needs it in this place"
    if sha256(content).hexdigest()[:16] != request.digest:
        return None, f"{request.experiment}: has changed since the sweep began, or differs here"
    program, *arguments = request.arguments
    if program in _PROGRAMS:
        arguments = [*_PROGRAMS[program], *arguments]
        program = sys.executable
    with tempfile.TemporaryDirectory(prefix="crepe-sweep-") as var:
        try:
            process = subprocess.Popen(
                [program, *arguments],
                env={**os.environ, "CREPE_VAR": var},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            return None, f"{program}: {error.strerror}"
        with _lock:
            _processes.add(process)
        try:
            printed, errors = process.communicate()
        finally:
            with _lock:
                _processes.discard(process)
    if process.returncode:
        last = errors.strip().splitlines()[-1:] or ["no reason on stderr"]
        return None, f"exit status {process.returncode}: {last[0]}"
    try:
        document = json.loads(printed)
    except ValueError as error:
        return None, f"stdout is no JSON document: {error}"
    if not isinstance(document, dict):
        return None, f"stdout is no JSON object: {str(document)[:80]}"
    return document, ""
