"""Programs end with the one that started them."""

import signal
import subprocess
import sys

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
