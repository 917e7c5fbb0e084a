"""`crepe stop`: the emergency stop, with as few imports as it can.

The stop must not wait for numpy and the like, so it has a parser of its own.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress

from crepe.environment.called_as import as_called
from crepe.errors import ExitCode
from crepe.hw.capabilities import StopEvidence
from crepe.safety import arming
from crepe.safety.emergency_stop import EmergencyStop


def main(arguments: Sequence[str]) -> int:
    """Run `crepe stop ARGUMENTS`; return the exit status: 0 if all is proved to be stopped, else 1.

    A mistyped argument must not prevent the stop.
    """
    parser = argparse.ArgumentParser(prog="crepe stop", add_help=False, exit_on_error=False)
    parser.add_argument("--server", default="", nargs="?", const="", metavar="HOST:PORT")
    parser.add_argument("--json", action="store_true", dest="as_json")
    try:
        options, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError:
        options, unknown = parser.parse_known_args([])[0], list(arguments)
    problems = [f"{argument}: no such argument, it has no effect" for argument in unknown]
    return run(options.server, as_json=options.as_json, problems=problems)


def run(server: str, *, as_json: bool, problems: Sequence[str] = ()) -> int:
    """Stop everything, print what happens, and return the exit status.

    Parameters
    ----------
    server
        As for `EmergencyStop`.
    as_json
        Print one document on stdout at the end, and the lines on stderr.
    problems
        Reasons why not everything is stopped that is known of already.
    """
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        # Read at once, through a pipe, too.
        print(as_called(line), file=sys.stderr if as_json else sys.stdout, flush=True)

    problems = list(problems)
    evidence = StopEvidence.ASKED
    try:
        directories = arming.run_directories(problems.append)
        attempts = EmergencyStop(directories, server, by="crepe stop", problems=problems)
        attempts.run(report)
        evidence = attempts.evidence
    except KeyboardInterrupt:
        lines.append("NOT VERIFIED: ended by Ctrl-C")
        print(f"crepe: {lines[-1]}", file=sys.stderr)
    if as_json:
        document = {"is_verified": evidence.is_verified, "evidence": evidence, "lines": lines}
        with suppress(OSError, ValueError):  # a pipe that is gone changes nothing
            print(json.dumps(document, indent=2), flush=True)
    return ExitCode.DONE if evidence.is_verified else ExitCode.FAILED
