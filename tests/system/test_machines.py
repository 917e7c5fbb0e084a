"""Two run-time directories and one Redis port: a session of two machines, as they would have it."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from contextlib import ExitStack
from functools import partial

import pytest

from crepe.environment import paths, session
from crepe.redis_server.users import machine_password_file
from crepe.store import Store
from tests.system.conftest import CREPE, free_port, running_stack
from tests.tls_door import ca_file, tls_doors

EXPERIMENT = """
[redis]
port = {port}

[machines.B]
redis = "{url}"
ca_file = "{ca_file}"
password_file = "{password}"

[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels=4"

[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]

[actors.detect]
run = "crepe.actors.detect:Detect"
machine = "B"
reads = ["data:filtered"]
writes = ["data:spikes"]

[actors.decode]
run = "crepe.actors.random_decision:RandomDecision"
machine = "B"
reads = ["data:spikes"]
writes = ["result"]
answers = ["left", "right"]

[actors.record]
run = "crepe.actors.record:Record"
machine = "B"
reads = ["data", "data:spikes", "result"]
"""


@pytest.fixture
def file(tmp_path):
    return str(write_experiment(tmp_path, port := free_port(), f"redis://127.0.0.1:{port}"))


def write_experiment(directory, port, url, ca_file=""):
    """Write an experiment of which machine B reaches the server at `url`."""
    path = directory / "two.toml"
    text = EXPERIMENT.format(port=port, url=url, ca_file=ca_file, password=directory / "password")
    path.write_text(text)
    return path


def rows(stack):
    return {row["program"]: row for row in json.loads(stack.crepe("status", "--json").stdout)}


def test_a_session_of_two_machines_loses_nothing_when_one_is_killed_and_ends_on_both(
    file, tmp_path
):
    with running_stack(tmp_path / "a") as a, running_stack(tmp_path / "b") as b:
        a.crepe("up", file)
        row = rows(a)["machine B"]
        assert (row["state"], row["problem"]) == ("absent", "has not joined the session")
        shutil.copy(machine_password_file(paths.run_directory(a.var), "B"), tmp_path / "password")
        b.crepe("up", file, "--machine", "B")
        assert set(rows(b)) == {"detect", "decode", "record", "machine"}
        now = session.current(a.var)
        assert now is not None
        assert session.current(b.var).id == now.id

        with running_stack(tmp_path / "c") as c:  # the same machine a second time
            refused = c.crepe("up", file, "--machine", "B", check=False)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "machine B on host" in refused.stderr
            assert "runs already" in refused.stderr

        def decided():
            return rows(a)["decode on B"]["position"]

        b.wait(lambda: decided() > 20_000)
        for pid in b.pids():  # supervisord and all of its programs
            os.kill(pid, signal.SIGKILL)
        row = a.wait(lambda: (r := rows(a)["machine B"])["state"] == "silent" and r)
        assert row["problem"].startswith("no sign of life for ")
        before = decided()
        b.crepe("up", file, "--machine", "B")
        b.wait(lambda: decided() > before + 20_000)
        assert rows(a)["machine B"]["state"] == "running"

        assert "stopped" in a.crepe("down").stdout
        b.wait(lambda: not b.pids())
        assert session.current(b.var).state == session.ENDED

    with Store(tmp_path / "b" / "recordings" / f"{now.id}.h5") as store:
        assert (store["data"].first, store["data"].gaps()) == (0, [])
        assert len(store["data"]) > before + 20_000
        decisions = store["result"].messages()  # one for each window of spikes
        assert [decision.start for decision in decisions[1:]] == [
            decision.stop for decision in decisions[:-1]
        ]
        assert decisions[0].start == 0
        assert decisions[-1].stop > before + 20_000


def test_play_waits_for_a_machine_that_joins_over_tls(tmp_path):
    port = free_port()
    server = partial(asyncio.open_connection, "127.0.0.1", port)
    with tls_doors([server]) as (door,), ExitStack() as stacks:
        a, b = (stacks.enter_context(running_stack(tmp_path / name)) for name in "ab")
        url = f"rediss://localhost:{door}"
        file = str(write_experiment(tmp_path, port, url, ca_file(tmp_path)))
        command = [*CREPE, "play", file, "--seconds", "1"]
        playing = subprocess.Popen(
            command, env=a.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = next(line for line in playing.stdout if line.startswith("machine B: "))
        assert "`crepe up two.toml --machine B` there; its password is in" in line
        shutil.copy(machine_password_file(paths.run_directory(a.var), "B"), tmp_path / "password")
        b.crepe("up", file, "--machine", "B")
        _, errors = playing.communicate(timeout=300)
        assert playing.returncode == 0, errors
        b.wait(lambda: not b.pids())
    (path,) = (tmp_path / "b" / "recordings").glob("*.h5")
    with Store(path) as store:
        assert (store["data"].first, store["data"].gaps()) == (0, [])
        assert len(store["data"]) >= 10_000
