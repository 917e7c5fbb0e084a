"""The command line of `crepe stop`: what it stops, what it prints, its exit status."""

import json

import pytest

from crepe.hw.capabilities import StopEvidence
from crepe.safety import arming, stop_command

LINE = "latched: /somewhere"


@pytest.fixture
def attempts(monkeypatch):
    """The arguments of each emergency stop; `evidence` and `error` say how it ends."""

    class Attempts(list):
        evidence, error = StopEvidence.PROVED, None

    attempts = Attempts()

    class EmergencyStop:
        def __init__(self, directories, server, *, by, problems):
            attempts.append((directories, server, by, problems))
            self.evidence = StopEvidence.ASKED if problems else attempts.evidence

        def run(self, report):
            report(LINE)
            if attempts.error is not None:
                raise attempts.error

    monkeypatch.setattr(stop_command, "EmergencyStop", EmergencyStop)
    monkeypatch.setattr(arming, "run_directories", lambda problem: ["everywhere"])
    return attempts


@pytest.mark.parametrize(
    ("arguments", "server"),
    [
        ([], ""),
        (["--server", "lab:8888"], "lab:8888"),
        (["--server=lab:8888"], "lab:8888"),
        (["--server"], ""),
    ],
)
def test_it_stops_what_runs_everywhere_and_the_named_server(attempts, capsys, arguments, server):
    assert stop_command.main(arguments) == 0
    assert attempts == [(["everywhere"], server, "crepe stop", [])]
    assert capsys.readouterr() == (f"{LINE}\n", "")


@pytest.mark.parametrize(
    ("arguments", "unknown"),
    [
        (["now"], ["now"]),
        (["--json=yes"], ["--json=yes"]),
        (["--serv", "x", "y"], ["y"]),
        (["--help"], ["--help"]),
        (["-h"], ["-h"]),
    ],
)
def test_a_mistyped_argument_is_named_and_prevents_no_stop(attempts, arguments, unknown):
    assert stop_command.main(arguments) == 1
    ((_, _, _, problems),) = attempts
    assert problems == [f"{argument}: no such argument, it has no effect" for argument in unknown]


def test_a_directory_that_cannot_be_used_is_a_problem(attempts, monkeypatch):
    monkeypatch.setattr(arming, "run_directories", lambda problem: problem("/x: foreign") or [])
    assert stop_command.main([]) == 1
    assert attempts == [([], "", "crepe stop", ["/x: foreign"])]


@pytest.mark.parametrize("evidence", StopEvidence)
def test_the_status_is_0_only_for_a_proof(attempts, evidence):
    attempts.evidence = evidence
    assert stop_command.main([]) == (0 if evidence is StopEvidence.PROVED else 1)


def test_json_is_one_document_on_stdout_and_the_lines_are_on_stderr(attempts, capsys):
    assert stop_command.main(["--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"is_verified": True, "evidence": "proved", "lines": [LINE]}
    assert out.startswith('{\n  "is_verified"')
    assert err == f"{LINE}\n"


def test_a_stop_that_is_interrupted_is_not_verified(attempts, capsys):
    attempts.error = KeyboardInterrupt()
    assert stop_command.main(["--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["lines"] == [LINE, "NOT VERIFIED: ended by Ctrl-C"]
    assert err == f"{LINE}\ncrepe: NOT VERIFIED: ended by Ctrl-C\n"


class Pipe:
    """A stdout of another program; what is not flushed has not arrived."""

    def __init__(self):
        self.arrived, self._written = "", ""

    def write(self, text):
        self._written += text

    def flush(self):
        self.arrived, self._written = self.arrived + self._written, ""


def test_each_line_arrives_at_once_and_so_does_the_document(attempts, monkeypatch):
    attempts.error = KeyboardInterrupt()
    for arguments, begin in (([], f"{LINE}\n"), (["--json"], "{")):
        pipe = Pipe()
        monkeypatch.setattr("sys.stdout", pipe)
        stop_command.main(arguments)
        assert pipe.arrived.startswith(begin)


def test_a_pipe_that_is_gone_does_not_change_the_status(attempts, monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

        flush = lambda self: None  # noqa: E731

    monkeypatch.setattr("sys.stdout", Gone())
    assert stop_command.main(["--json"]) == 0
