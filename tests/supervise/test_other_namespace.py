"""`crepe down` from outside the container in which supervisord runs, with var/ shared.

Everything runs in a pid namespace of the test's own, in which a signal that goes to all processes
reaches bystanders and nobody else. In it is the container: a second namespace, whose pid 1 is
supervisord.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crepe.supervise.conf import render

IN_A_NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
AS_USER = [] if os.geteuid() == 0 else ["--map-root-user"]
PROGRAMS = [("redis", 10), ("detect", 50), ("stimulate", 90)]
STUBBORN = """#!/bin/sh
trap '' TERM
while :; do sleep 1; done
"""

OUTSIDE = """
import json, os, subprocess, sys, time
from pathlib import Path

from crepe.errors import CrepeError
from crepe.supervise import control

conf, var, timeout_s, *container = sys.argv[1:]
assert os.getpid() == 1  # or the bystanders would be those of the computer
bystanders = [subprocess.Popen(["sleep", "1000"], start_new_session=True) for _ in range(30)]
command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", conf]
inside = subprocess.Popen([*container, *command], stdout=subprocess.DEVNULL)
while [program.state for program in control.status(Path(var))] != ["RUNNING"] * 3:
    assert inside.poll() is None
    time.sleep(0.02)
supervisor = control.running(Path(var))
if timeout_s:
    try:
        said, status = control.down(float(timeout_s), Path(var)).has_stopped, 0
    except CrepeError as error:
        said, status = str(error), 1
else:
    command = [sys.executable, "-P", "-m", "crepe", "down"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said, status = done.stdout + done.stderr, done.returncode
    inside.wait()
outcome = {
    "said": said,
    "status": status,
    "pid": supervisor.process.pid,
    "still_answers": supervisor.answers,
    "n_living": sum(bystander.poll() is None for bystander in bystanders),
}
print(json.dumps(outcome))
"""


@pytest.fixture(autouse=True)
def _may_have_namespaces() -> None:
    try:
        trial = subprocess.run(
            [*IN_A_NAMESPACE, *AS_USER, "true"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no `unshare`, which makes a pid namespace")
    if trial.returncode != 0:
        pytest.skip(f"no pid namespace can be made here: {trial.stderr.strip()}")


def down_from_outside(clone: Path, timeout_s: str = "") -> dict:
    """What came of `crepe down`, or of `control.down` where there is a time limit."""
    conf = clone / "supervisord.conf"
    conf.write_text(render(PROGRAMS))
    outside = [*IN_A_NAMESPACE, *AS_USER, sys.executable, "-P", "-c", OUTSIDE]
    done = subprocess.run(
        [*outside, str(conf), str(clone / "var"), timeout_s, *IN_A_NAMESPACE],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_programs_of_a_container_are_stopped_by_the_socket_and_strangers_are_left_alone(
    clone: Path,
) -> None:
    outcome = down_from_outside(clone)
    assert outcome == {
        "said": "stopped\nsupervisord (pid 1 in another pid namespace) has ended; whether a "
        "program that it ran is left cannot be seen from here\n",
        "status": 0,
        "pid": 1,
        "still_answers": False,
        "n_living": 30,
    }


def test_programs_of_a_container_that_do_not_stop_are_said_and_strangers_are_left_alone(
    clone: Path,
) -> None:
    (clone / "bin" / "crepe").write_text(STUBBORN)
    outcome = down_from_outside(clone, timeout_s="0.5")
    assert "supervisord (pid 1 in another pid namespace) and its programs" in outcome.pop("said")
    assert outcome == {"status": 1, "pid": 1, "still_answers": True, "n_living": 30}
