"""A real supervisord, in a directory with a space, a % and a non-ASCII letter, runs stand-ins."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.environment import paths, session
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError, CrepeError
from crepe.supervise import control, supervisor
from crepe.supervise.conf import render
from crepe.supervise.supervisor import Status

PROGRAMS = [("stimulate", 90), ("redis", 10), ("detect", 50)]


def wait_until(is_true: Callable[[], object]) -> None:
    while not is_true():  # the test's time limit is the bound
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_up_runs_every_program_and_down_leaves_nothing_behind(clone: Path) -> None:
    var = clone / "var"
    (var / "redis").mkdir(parents=True)
    control.up(PROGRAMS, environment={"EXTRA": "more"})
    assert not (var / "redis").exists()  # a new session begins with empty streams
    programs = control.status()
    assert [(p.name, p.state, p.restarts) for p in programs] == [
        ("redis", "RUNNING", 0),
        ("detect", "RUNNING", 0),
        ("stimulate", "RUNNING", 0),
    ]
    assert all(is_alive(p.pid) and p.uptime_s > 0 for p in programs)
    for name, _ in PROGRAMS:
        log = (var / "log" / f"{name}.log").read_text()
        assert log == f"run {name} in {var} with more\n"
    for private in (var, var / "run", var / "log", var / "run" / ".supervisord.sock"):
        assert private.stat().st_mode & 0o077 == 0
    begun = session.find_unfinished()
    assert begun is not None
    with pytest.raises(ConfigError, match=r"run already.*`crepe down`"):
        control.up(PROGRAMS)

    os.kill(programs[1].pid, signal.SIGKILL)
    again = "run detect in"
    wait_until(lambda: (var / "log" / "detect.log").read_text().count(again) == 2)
    assert [p.restarts for p in control.status()] == [0, 1, 0]

    assert control.down().has_stopped
    assert not control.is_running()
    assert control.status() == []
    assert not any(is_alive(p.pid) for p in programs)
    assert session.find_unfinished() is None
    assert {path.name for path in (var / "run").iterdir()} == {"session.json", "supervisord.conf"}
    assert {path.name for path in clone.iterdir()} >= {"var"}
    assert not control.down().has_stopped  # harmless to repeat
    said = (var / "log" / "supervisord.log").read_text()
    assert re.findall(r"spawned: '(\w+)'", said)[:3] == ["redis", "detect", "stimulate"]
    assert re.findall(r"stopped: (\w+)", said) == ["stimulate", "detect", "redis"]


def test_a_program_that_does_not_start_is_named_with_the_end_of_its_log(clone: Path) -> None:
    with pytest.raises(CrepeError, match=r"(?s)program broken: .*electrode 99: not there"):
        control.up([*PROGRAMS, ("broken", 60)])
    assert not control.is_running()


def test_a_failed_start_shows_no_line_of_an_earlier_session(clone: Path) -> None:
    log = clone / "var" / "log" / "broken.log"
    log.parent.mkdir(parents=True, mode=0o700)
    log.write_text("an error of last week\n" * 3)
    with pytest.raises(CrepeError) as failed:
        control.up([("broken", 60)])
    assert "electrode 99: not there" in str(failed.value)
    assert "last week" not in str(failed.value)
    assert str(failed.value).count("electrode 99") == 1  # of its last life only
    assert "last week" in log.read_text()


def test_a_log_that_was_rotated_is_shown_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text("old\nnew\n")
    assert control._tail(path, 4) == "    new"
    assert control._tail(path, 5000) == "    old\n    new"
    assert control._tail(path, begins="new") == "    new"
    assert control._tail(path, 8) == "    (nothing)"


def test_a_killed_supervisord_leaves_a_session_to_resume(clone: Path) -> None:
    control.up(PROGRAMS)
    first = session.current()
    there = control.running()
    assert first is not None
    assert there is not None
    orphans = [program.pid for program in control.status()]
    os.kill(there.process.pid, signal.SIGKILL)
    os.waitpid(there.process.pid, 0)
    for pid in orphans:  # real programs look for their parent; these do not
        os.kill(pid, signal.SIGKILL)
    assert not control.is_running()
    assert session.find_unfinished() == first
    (clone / "var" / "redis").mkdir()

    control.up(PROGRAMS, session_is="resume")
    assert session.current() == first
    assert (clone / "var" / "redis").exists()
    control.down()
    with pytest.raises(ConfigError, match="nothing to resume"):
        control.up(PROGRAMS, session_is="resume")


OVER = """#!/bin/sh
if [ "$2" = over ] && [ -e "$CREPE_VAR/again" ]; then
    exec "$(dirname "$0")/python" -c "
from crepe.environment import session
session.cancel(session.current(), 'session b has taken it over')"
fi
[ "$2" = over ] && touch "$CREPE_VAR/again"
exec sleep 1000
"""


def test_all_programs_stop_once_one_of_them_finds_the_session_over(clone: Path) -> None:
    (clone / "bin" / "crepe").write_text(OVER)
    control.up([*PROGRAMS, ("over", 60)])
    programs = {program.name: program for program in control.status()}
    control.must_run()
    os.kill(programs["over"].pid, signal.SIGKILL)
    wait_until(lambda: not control.is_running())
    wait_until(lambda: not any(is_alive(program.pid) for program in programs.values()))
    over = session.current()
    assert over is not None
    assert over.state == session.ENDED
    with pytest.raises(CrepeError, match=f"session {over.id} is over: session b has taken"):
        control.must_run()
    done = CliRunner().invoke(app, ["status"])
    assert f"session {over.id} is over: session b has taken it over" in done.output
    assert session.find_unfinished() is None


def test_the_file_works_by_itself_from_any_directory(
    clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CREPE_VAR")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    conf = clone / "supervisord.conf"
    conf.write_text(render(PROGRAMS))
    (clone / paths.temporary().name).mkdir(mode=0o700)  # TMPDIR is the clone for programs
    before = {path.name for path in clone.iterdir()}
    var = clone / "var"
    command = [
        sys.executable,
        "-m",
        "supervisor.supervisord",
        "-c",
        os.path.relpath(conf, tmp_path),
    ]
    with (tmp_path / "said").open("w") as said:
        by_hand = subprocess.Popen(command, cwd=tmp_path, stdout=said, stderr=said)
    wait_until(
        lambda: (
            [p.state for p in control.status(var)] == ["RUNNING"] * 3 or by_hand.poll() is not None
        )
    )
    assert by_hand.poll() is None, (tmp_path / "said").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"said"}
    assert {path.name for path in clone.iterdir()} - before == {
        "var",
        ".supervisord.pid",
        ".supervisord.sock",
    }
    assert (clone / ".supervisord.sock").stat().st_mode & 0o777 == 0o700
    answer = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(conf), "status"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.count("RUNNING") == 3

    second = clone / "second"
    second.mkdir()
    (second / "supervisord.conf").write_text(conf.read_text())
    refused = subprocess.run(
        [*command[:-1], str(second / "supervisord.conf")],
        env={**os.environ, "CREPE_VAR": str(var)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "run already" in refused.stdout
    assert {path.name for path in second.iterdir()} <= {"supervisord.conf", ".supervisord.sock"}

    orphans = [program.pid for program in control.status(var)]
    by_hand.kill()
    by_hand.wait()
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)
    begun = session.find_unfinished(var)
    assert begun is not None
    with (tmp_path / "said").open("w") as said:  # goes on by itself: the same experiment
        by_hand = subprocess.Popen(command, cwd=tmp_path, stdout=said, stderr=said)
    wait_until(lambda: len(control.status(var)) == 3 or by_hand.poll() is not None)
    assert by_hand.poll() is None, (tmp_path / "said").read_text()
    assert session.find_unfinished(var) == begun

    assert control.down(var=var).has_stopped
    by_hand.wait()
    assert session.find_unfinished(var) is None
    assert {path.name for path in clone.iterdir()} - before == {"var", "second"}


@pytest.mark.parametrize(
    ("restarts", "n_looks"),
    [
        ([0, 0, 1, 1], 5),  # it reads again
        ([0, 1, 2, 2, 2], 3),  # it fails at its next start, too
        ([7] * 50, 11),  # it takes too long
    ],
)
def test_before_down_stops_anything_a_recorder_that_has_died_gets_one_more_start(
    monkeypatch: pytest.MonkeyPatch, restarts: list[int], n_looks: int
) -> None:
    """`restarts` are those that supervisord reports, look by look, until the recorder reads."""
    looks: list[str] = []
    remaining = iter(restarts)

    class Ends:
        def awaiting(self, programs: list[Status]) -> list[Status]:
            looks.append("recorder")
            n = next(remaining, None)
            return [] if n is None else [programs[0]._replace(restarts=n)]

    class Supervising:
        def programs(self) -> list[Status]:
            return [Status("record", "BACKOFF", ProcessIdentity(0), 0.0, 0)]

    clock = iter(range(100))
    monkeypatch.setattr(time, "monotonic", lambda: 2.0 * next(clock))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    control._wait_for_recorders(Supervising(), Ends(), lambda: None)  # type: ignore[arg-type]  # stand-ins
    assert len(looks) == n_looks


def test_down_kills_what_does_not_end_in_time(clone: Path) -> None:
    (clone / "bin" / "crepe").write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n")
    control.up([("stubborn", 50)])
    (program,) = control.status()
    assert control.down(timeout_s=0.5).has_stopped
    wait_until(lambda: not is_alive(program.pid))  # init takes its time to notice
    assert not control.is_running()


def test_down_leaves_a_stranger_alone_that_has_a_recorded_pid(clone: Path) -> None:
    control.up(PROGRAMS)
    path = paths.run_directory() / "supervisor.json"
    content = paths.read_json(path)
    assert content is not None
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as stranger:
        paths.write_json(path, {**content, "pid": stranger.pid})
        assert control.down(timeout_s=5).has_stopped
        assert stranger.poll() is None
        stranger.kill()
    os.waitpid(content["pid"], 0)


def test_what_can_be_neither_killed_nor_seen_is_said(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone / "bin" / "crepe").write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n")
    control.up([("stubborn", 50)])
    (program,) = control.status()
    with monkeypatch.context() as patch:
        patch.setattr(supervisor, "KILL_S", 0.1)
        patch.setattr(ProcessIdentity, "kill", lambda self: None)
        with pytest.raises(
            CrepeError, match=rf"cannot be killed: .*pid {program.pid} \(.*stubborn"
        ):
            control.down(timeout_s=0.1)
    assert control.is_running()  # and can be found again
    assert control.down(timeout_s=0.1).has_stopped


def test_a_supervisord_that_has_ended_by_itself_gets_no_signal(
    clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sent: list[object] = []
    monkeypatch.setattr(os, "kill", lambda *arguments: sent.append(arguments))
    monkeypatch.setattr(os, "killpg", lambda *arguments: sent.append(arguments))
    with pytest.raises(CrepeError, match="supervisord: does not run"):
        control.up(PROGRAMS, tmp_path / "missing.toml")
    assert sent == []


def test_nothing_runs_where_nothing_was_started(clone: Path) -> None:
    assert not control.is_running()
    assert control.status() == []
    assert not control.down().has_stopped
    assert not (clone / "var").exists()
    assert paths.var_directory() == clone / "var"


@pytest.mark.parametrize(
    ("program", "is_well"),
    [
        (("RUNNING", 60.0, 3), True),  # it has recovered
        (("RUNNING", 1.0, 2), True),
        (("RUNNING", 1.0, 3), False),  # ends soon after each start
        (("STARTING", 0.5, 3), False),
        (("BACKOFF", 0.0, 3), False),
    ],
)
def test_a_program_that_ends_soon_after_each_start_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: tuple[str, float, int], is_well: bool
) -> None:
    (tmp_path / "log").mkdir()
    sentence = "crepe: [actors.decode] mine:D: step returned 'rock'"
    (tmp_path / "log" / "decode.log").write_text(f"at 1\n{sentence}\nat 2\n{sentence}\n")
    state, uptime_s, restarts = program
    row = Status("decode", state, ProcessIdentity(1), uptime_s, restarts)
    monkeypatch.setattr(control, "status", lambda var=None: [row])
    if is_well:
        control.must_run(tmp_path)
        return
    with pytest.raises(CrepeError) as refused:
        control.must_run(tmp_path)
    assert str(refused.value).count(sentence) == 1
    assert str(refused.value).endswith(sentence)


def test_the_state_of_programs_that_an_older_version_runs_is_read() -> None:
    program = {"name": "redis", "state": "RUNNING", "pid": 7, "uptime_s": 1.5, "restarts": 0}
    assert Status.read(program) == Status("redis", "RUNNING", ProcessIdentity(7), 1.5, 0)
