"""A process is told from every other, and only one that is proven gets a signal."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from datetime import datetime

import pytest

from crepe.environment import process_identity
from crepe.environment.process_identity import ProcessIdentity, command_line

SLEEP = [sys.executable, "-c", "import time; time.sleep(1000)"]
GROUP = ["sh", "-c", "sleep 30 & echo; wait"]  # the sleep holds the pipe, too


@pytest.fixture
def child():
    """Starts a process that leads a group of its own, and ends it after the test."""
    children = []

    def start(command=("sleep", "1000"), **options):
        options = {"start_new_session": True, "stdout": subprocess.PIPE, **options}
        children.append(subprocess.Popen(command, **options))
        return children[-1]

    yield start
    for process in children:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def identity_of(process, command):
    """The identity of a child, once it has become its command."""
    while (identity := ProcessIdentity.of(process.pid)).command != command_line(command):
        time.sleep(0.01)
    return identity


def test_a_process_runs_until_it_has_ended_though_nobody_has_waited_for_it(child):
    own = ProcessIdentity.own()
    assert (own.pid, own.is_running, own.is_gone) == (os.getpid(), True, False)
    process = child()
    identity = identity_of(process, ["sleep", "1000"])
    assert identity.is_running
    assert ProcessIdentity.read({**identity._asdict(), "socket": "/more"}) == identity
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it stays as a zombie
    assert (identity.is_running, identity.is_gone) == (False, True)
    assert ProcessIdentity.of(process.pid) is None
    process.wait()
    assert (identity.is_running, identity.is_gone) == (False, True)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1])
def test_a_number_that_no_process_has_identifies_none(pid):
    assert ProcessIdentity.of(pid) is None


def test_what_has_become_another_program_is_neither_proven_nor_gone(child):
    process = child(["sh", "-c", "read line; exec sleep 1000"], stdin=subprocess.PIPE)
    before = identity_of(process, ["sh", "-c", "read line; exec sleep 1000"])
    process.stdin.write(b"\n")
    process.stdin.flush()
    identity_of(process, ["sleep", "1000"])
    assert (before.is_running, before.is_gone) == (False, False)


def test_a_command_in_any_language_is_kept_as_a_line_of_ascii(child):
    command = [*SLEEP, "\t100 % \\ \n é"]
    identity = identity_of(child(command), command)
    assert identity.command.endswith("sleep(1000) \\t100 % \\\\ \\n \\xe9")
    assert len(command_line(["x" * 5000])) < 2000  # fits into a datagram


def test_a_killed_process_takes_the_group_that_it_leads_with_it(child):
    process = child(GROUP)
    process.stdout.readline()
    identity_of(process, GROUP).kill()
    assert process.stdout.read() == b""  # the other one has let go of the pipe
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("has_handles", [True, False])
def test_a_killed_process_that_leads_no_group_ends_alone(child, monkeypatch, has_handles):
    if not has_handles:
        monkeypatch.setattr(process_identity, "_handle", lambda pid: nullcontext())
    process = child(start_new_session=False)
    identity_of(process, ["sleep", "1000"]).kill()
    assert process.wait() == -signal.SIGKILL


@pytest.mark.parametrize(
    "other",
    [
        {"start": "1"},
        {"command": "sleep 1001"},
        {"namespace": "pid:[1]"},
        {"start": "", "command": "", "namespace": ""},
    ],
)
def test_a_process_that_does_not_fit_gets_no_signal(child, other):
    process = child()
    identity = identity_of(process, ["sleep", "1000"])._replace(**other)
    assert not identity.is_running
    identity.kill()
    assert identity_of(process, ["sleep", "1000"]).is_running


def test_a_process_of_another_namespace_may_run_and_says_that_it_cannot_be_seen():
    own = ProcessIdentity.own()
    elsewhere = own._replace(namespace="pid:[1]")
    assert not elsewhere.is_visible
    assert not elsewhere.is_gone
    assert str(elsewhere) == f"pid {own.pid} in another pid namespace"
    assert str(own) == f"pid {own.pid}"


def test_where_the_system_shows_no_processes_nothing_is_proven(monkeypatch):
    before = ProcessIdentity.own()
    monkeypatch.setattr(process_identity, "_namespace", lambda: None)
    for identity in (before, ProcessIdentity.own(), ProcessIdentity.read({"pid": os.getpid()})):
        assert identity.pid == os.getpid()
        assert (identity.is_visible, identity.is_running, identity.is_gone) == (False,) * 3


@pytest.mark.parametrize("pid", [1, 0, -1, -os.getpid()], ids=["init", "own", "all", "group"])
def test_no_signal_goes_to_init_or_to_many(monkeypatch, pid):
    sent = []
    for module, name in ((os, "kill"), (os, "killpg"), (signal, "pidfd_send_signal")):
        monkeypatch.setattr(module, name, lambda *arguments: sent.append(arguments), raising=False)
    monkeypatch.setattr(ProcessIdentity, "is_running", True)
    monkeypatch.setattr(os, "getpgid", lambda pid: pid)
    ProcessIdentity(pid, "1", "x").kill()
    assert sent == []
    ProcessIdentity(2, "1", "x").kill()  # the recorders do record
    assert sent == [(2, signal.SIGKILL)]


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps")
def test_ps_gives_the_same_facts_where_there_is_no_proc(child):
    command = [*SLEEP, "a b"]
    processes = [child(command), child(command)]
    for process in processes:
        identity_of(process, command)
    ended = child(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    pids = [process.pid for process in (*processes, ended)]
    rows = sorted(process_identity._from_ps([0, -1, *pids]))
    assert [(pid, line) for pid, _, line in rows] == [(p.pid, " ".join(command)) for p in processes]
    for _, start, _ in rows:
        datetime.strptime(start, "%a %b %d %H:%M:%S %Y")
    assert list(process_identity._from_ps([])) == []


@pytest.mark.skipif(sys.platform != "linux", reason="pid namespaces are Linux's")
def test_the_proc_of_another_namespace_proves_nothing(monkeypatch):
    """As after `unshare --pid` without a /proc of its own: the numbers there are other processes."""
    link = os.readlink
    monkeypatch.setattr(os, "readlink", lambda path: "1" if path == "/proc/self" else link(path))
    assert ProcessIdentity.own() == ProcessIdentity(os.getpid())
