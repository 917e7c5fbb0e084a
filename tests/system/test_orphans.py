"""Programs end in good order also when Redis or supervisord do not."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from crepe.environment import paths
from crepe.recording.reader import Recording
from crepe.store import Store

CREPE = [sys.executable, "-m", "crepe"]
ROOT = Path(__file__).parent.parent.parent


def has_grown(store, name, since=0):
    return name in store and len(store[name]) > since


def the_recording(stack):
    (path,) = (stack.var / "recordings").glob("*.h5")
    return path


def recorded(stack, name):
    with Recording(the_recording(stack)) as recording:
        return recording.last(name)


def test_no_program_outlives_supervisord(stack):
    stack.crepe("up", str(ROOT / "config" / "rps.toml"), "--new")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "result:delivered"))
    supervisor = paths.read_json(paths.run_directory(stack.var) / "supervisor.json")
    os.kill(supervisor["pid"], signal.SIGKILL)
    stack.wait(lambda: stack.pids() == [])


@pytest.mark.parametrize("n_started", [1, 3, 6])
def test_no_program_outlives_a_supervisord_that_was_killed_while_it_started(stack, n_started):
    words = [*CREPE, "up", str(ROOT / "config" / "record.toml"), "--new"]
    log = stack.var / "log" / "supervisord.log"
    with subprocess.Popen(words, env=stack.environment, stderr=subprocess.DEVNULL) as up:
        stack.wait(lambda: log.is_file() and log.read_text().count("spawned: ") >= n_started)
        supervisor = paths.read_json(paths.run_directory(stack.var) / "supervisor.json")
        os.kill(supervisor["pid"], signal.SIGKILL)
    assert up.returncode == 1
    stack.wait(lambda: stack.pids() == [])


def test_all_programs_stop_in_good_order_while_redis_is_frozen(stack):
    stack.crepe("up", str(ROOT / "config" / "rps.toml"), "--new")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "result:delivered"))
    stack.wait(lambda: recorded(stack, "data") > 20_000)
    psutil.Process(stack.rows()["redis"]["pid"]).suspend()
    done = stack.crepe("down", check=False)
    assert done.returncode == 1
    assert "is not recorded to its end" in done.stderr  # what a frozen server has, nobody knows
    log = (stack.var / "log" / "supervisord.log").read_text()
    assert re.findall(r"killing '(\w+)' .* with SIGKILL", log) == ["redis"]
    with Recording(the_recording(stack)) as kept:
        assert kept.is_closed
        assert kept.last("data") > 20_000


def test_a_recorder_stops_while_samples_go_on(stack, small):
    stack.crepe("up", small, "--new")
    with Store(patience_s=60) as store:
        stack.wait(lambda: has_grown(store, "data:spikes", 20_000))
        pid = stack.rows()["record"]["pid"]
        os.kill(pid, signal.SIGTERM)
        row = stack.wait(
            lambda: (
                (row := stack.rows()["record"])["pid"] not in (0, pid)
                and row["state"] == "running"
                and row
            )
        )
        assert row["restarts"] == 1
        length = len(store["data"])
        stack.wait(lambda: has_grown(store, "data:spikes", length))
    stack.crepe("down")
    with Store(the_recording(stack)) as kept:
        assert kept["data"].gaps() == []
