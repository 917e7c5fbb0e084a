"""Two directories and one Redis server: a session that lives is not taken over unasked."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest
import redis

from crepe.config.experiment import load_experiment
from crepe.environment import paths
from crepe.store import Store
from crepe.supervise.conf import render
from tests.system.conftest import running_stack

SCRIPT = "from crepe import CREPE; CREPE(new=True)"


@pytest.fixture
def stacks(own_server, tmp_path):
    """Two stacks with a directory of their own each, on a server that neither of them runs."""
    own_server.start()
    with ExitStack() as stack:
        both = [stack.enter_context(running_stack(tmp_path / name)) for name in ("a", "b")]
        for each in both:
            each.environment["CREPE_REDIS"] = own_server.url
        yield both


@pytest.fixture
def store(stacks, own_server):
    with Store(own_server.url, patience_s=20) as store:
        yield store


def run_file(stack, name):
    return paths.read_json(paths.run_directory(stack.var) / name)


def session_of(stack):
    return run_file(stack, "session.json")["id"]


def records(stack, store):
    """Wait until a stack's recorder has something of its session that was not there before."""

    def position():
        beat = store.actors().get("record", {})
        return beat.get("session") == session_of(stack) and int(beat["position"])

    before = position() or 0
    stack.wait(lambda: (position() or 0) > before)


def kill(stack):
    for pid in stack.pids():
        os.kill(pid, signal.SIGKILL)
    stack.wait(lambda: not stack.pids())


def test_a_session_that_lives_is_taken_over_only_if_that_is_asked_for(
    stacks, store, small, own_server, tmp_path
):
    a, b = stacks
    a.crepe("up", small)
    records(a, store)
    first, pids = session_of(a), set(a.pids())
    supervisor = run_file(a, "supervisor.json")["pid"]

    for arguments in (["up"], ["play"], ["experiment", "--live"]):
        refused = b.crepe(
            *arguments, *([] if arguments[0] == "experiment" else [small]), check=False
        )
        assert refused.returncode == 1
        *_, line = refused.stderr.splitlines()
        assert line.startswith("crepe: culture 'crepe' at unix://")
        assert f"session {first} of " in line
        assert f"host {socket.gethostname()} (supervisord has pid {supervisor}, since 20" in line
        assert "--take-over" in line
    script = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=b.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert script.returncode == 1
    assert f"LeaseError: culture 'crepe' at {own_server.url}: session {first} of " in script.stderr
    conf = tmp_path / "supervisord.conf"
    conf.write_text(render(load_experiment(small).programs), encoding="ascii")
    by_hand = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(conf)],
        env={**b.environment, "CREPE_EXPERIMENT": small},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert by_hand.returncode == 2
    assert f"session {first} of " in by_hand.stderr

    assert b.pids() == []
    assert set(a.pids()) == pids
    assert store["data"].info.session == first
    assert store["data"].first == 0
    records(a, store)

    b.crepe("up", small, "--take-over")
    second = session_of(b)
    a.wait(lambda: not a.pids())
    over = a.crepe("status", check=False)
    assert over.returncode == 1
    assert f"session {first} is over: culture 'crepe' at unix://" in over.stdout
    assert f"session {second} of " in over.stdout
    with Store(a.var / "recordings" / f"{first}.h5") as recording:
        assert len(recording["data"]) > 0
        assert recording["data"].gaps() == []
    assert store["data"].info.session == second
    records(b, store)


def test_a_session_that_was_killed_goes_on_at_once_where_it_was_and_gives_way_elsewhere(
    stacks, store, small, own_server
):
    a, b = stacks
    a.crepe("up", small)
    records(a, store)
    first = session_of(a)
    kill(a)
    resumed = a.crepe("up", small, "--resume")
    assert "silent" not in resumed.stderr
    assert session_of(a) == store["data"].info.session == first
    records(a, store)
    kill(a)
    waited = b.crepe("up", small)
    assert f"session {first} of " in waited.stderr
    assert "has been silent for 2 s and is over after 10 s" in waited.stderr
    records(b, store)
    b.crepe("down")
    with redis.Redis.from_url(own_server.url) as client:
        assert not client.exists("crepe:lease")
