"""A run in a process of its own."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from crepe.study.sweep.runs import end_runs, run_line

PRINTS = """
import json, os, sys
print(json.dumps({"arguments": sys.argv[1:], "var": os.environ["CREPE_VAR"]}))
"""


@pytest.fixture
def request_of(tmp_path, open_file):
    """Return the run of a program, by its text."""

    def request_of(text):
        program = tmp_path / "program.py"
        program.write_text(text)
        file = open_file(("[ranges]", f'command = "python {program}"\n[ranges]'))
        return file.request(file.point(1, {"actors.detect.threshold_sd": 4.5}), 7)

    return request_of


def test_a_run_is_its_line_in_a_directory_of_its_own(request_of, tmp_path):
    request = request_of(PRINTS)
    outcome = run_line(request)
    assert outcome.problem == ""
    assert ["python", str(tmp_path / "program.py"), *outcome.document["arguments"]] == list(
        request.arguments
    )
    assert not (tmp_path / outcome.document["var"]).exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import sys; print('so it is', file=sys.stderr); sys.exit(3)", "exit status 3: so it is"),
        ("raise SystemExit(1)", "exit status 1: no reason on stderr"),
        ("print('no')", "stdout is no JSON document: .*"),
        ("print([1, 2])", r"stdout is no JSON object: \[1, 2\]"),
    ],
)
def test_a_run_that_fails_says_why(request_of, text, problem):
    outcome = run_line(request_of(text))
    assert outcome.document is None
    assert re.fullmatch(problem, outcome.problem)


def test_a_program_that_is_not_there_is_named(open_file):
    file = open_file(("[ranges]", 'command = "no-such-program"\n[ranges]'))
    outcome = run_line(file.request(file.point(1, {}), 7))
    assert outcome.problem == "no-such-program: No such file or directory"


def test_an_experiment_that_has_changed_is_not_run(tmp_path, open_file):
    file = open_file()
    other = tmp_path / "other.toml"
    request = replace(file.request(file.point(1, {}), 7), experiment=str(other))
    assert run_line(request).problem.startswith(
        f"{other}: No such file or directory; every machine"
    )
    other.write_text(file.experiment_path.read_text() + "# changed")
    assert run_line(request).problem.startswith(f"{other}: has changed since the sweep began")


def test_runs_are_ended_at_an_interrupt(request_of, tmp_path):
    begun = tmp_path / "begun"
    text = f"import time; open({str(begun)!r}, 'w').close(); time.sleep(600)"
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(run_line, request_of(text))
        while not begun.exists():
            assert not future.done()
            time.sleep(0.01)
        end_runs()
        assert future.result().problem.startswith("exit status -15")
