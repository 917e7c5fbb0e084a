"""Programs end with the one that started them."""

import os
import signal
import subprocess
import sys

import pytest

from crepe.environment.process import SUPERVISOR, is_orphan
from crepe.environment.process_identity import ProcessIdentity

CHILD = """
import sys, time
from crepe.environment.process import end_with
end_with(int(sys.argv[1]))
print("here", flush=True)
time.sleep(1000)
"""
PARENT = f"""
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {CHILD!r}, str(os.getpid())])
time.sleep(1000)
"""


def test_a_process_ends_when_its_parent_was_killed():
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"here\n"
        parent.send_signal(signal.SIGKILL)
        assert parent.stdout.read() == b""  # nobody has the pipe any more


def test_a_process_whose_parent_is_gone_already_ends_at_once():
    done = subprocess.run([sys.executable, "-c", CHILD, "0"], check=False, timeout=100)
    assert done.returncode == 1


@pytest.fixture
def other():
    """A process that is neither this one nor its parent."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        yield process
        process.kill()


def test_without_supervisord_a_program_is_no_orphan():
    assert not is_orphan()


def test_a_program_is_an_orphan_from_the_end_of_its_supervisord_on(monkeypatch, other):
    monkeypatch.setenv(SUPERVISOR, f"{os.getppid()}:")  # the parent needs no proof
    assert not is_orphan()
    monkeypatch.setenv(SUPERVISOR, ProcessIdentity.of(other.pid).key)  # a wrapper is between
    assert not is_orphan()
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert is_orphan()


@pytest.mark.parametrize("program", ["redis", "culture", "game", "dashboard", "sensor", "watchdog"])
def test_a_program_whose_supervisord_died_while_it_started_ends_at_once(program, tmp_path, other):
    """Its parent is another then, in whose place init is outside of tests."""
    environment = {**os.environ, "CREPE_VAR": str(tmp_path), SUPERVISOR: f"{other.pid}:1"}
    command = [sys.executable, "-m", "crepe", "run", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "supervisord is gone\n")
    assert list(tmp_path.iterdir()) == []
