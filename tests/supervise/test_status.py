"""What `crepe status` makes of supervisord's word and of the heartbeats in Redis."""

import time
from contextlib import closing

import pytest

from crepe.config.own_files import default_file
from crepe.environment import session
from crepe.environment.clock import boot_time_ns
from crepe.environment.process_identity import ProcessIdentity
from crepe.store.redis_store import RedisStore
from crepe.supervise import control, status
from crepe.supervise.machines import presence
from tests.config.test_machines import ACQUIRE, MACHINE, ON_B

PROGRAMS = [
    control.Status("redis", "RUNNING", ProcessIdentity(10, "500"), 60.4, 0),
    control.Status("detect", "RUNNING", ProcessIdentity(11, "500"), 60.4, 2),
]


@pytest.fixture
def now(redis_url, tmp_path, monkeypatch):
    """A session whose programs are under a supervisord, as far as one can see."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.setenv("CREPE_REDIS", redis_url)
    monkeypatch.setattr(control, "status", lambda: PROGRAMS)
    return session.begin(session.new(default_file(), "abc", 1))


def beat(url, **changes):
    """What `detect` says, seconds ago."""
    fields = {
        "state": "running",
        "position": "700",
        "lag_samples": "100",
        "boot_ns": boot_time_ns(),
    }
    fields |= {"step_p50_ms": "0.5", "step_p99_ms": "2.5", "process": "11:500"}
    fields |= {"n_gaps": "1", "n_missing": "300"}
    store = RedisStore(url)
    store.beat("detect", {name: str(value) for name, value in {**fields, **changes}.items()})
    store.close()


def detect():
    return {row["program"]: row for row in status.rows()}["detect"]


def test_a_row_joins_supervisords_word_and_the_heartbeat(now, redis_url):
    beat(redis_url, session=now.id, state="waiting for data")
    assert detect() == {
        "program": "detect",
        "state": "waiting for data",
        "pid": 11,
        "up/s": 60,
        "restarts": 2,
        "position": 700,
        "lag": 100,
        "p50/ms": 0.5,
        "p99/ms": 2.5,
        "gaps": 1,
        "missing": 300,
        "unreadable": 0,
        "problem": "",
    }


def test_an_old_heartbeat_is_stale(now, redis_url):
    beat(redis_url, session=now.id, boot_ns=boot_time_ns() - 100_000_000_000)
    assert str(detect()["state"]).startswith("stale for 10")


@pytest.mark.parametrize("set_s", [-3600, 3600])
def test_a_step_of_the_wall_clock_neither_hides_nor_makes_a_stale_heartbeat(
    now, redis_url, monkeypatch, set_s
):
    beat(redis_url, session=now.id, t_ns=time.time_ns())
    monkeypatch.setattr(time, "time_ns", lambda: round((time.time() + set_s) * 1e9))
    assert detect()["state"] == "running"
    beat(redis_url, session=now.id, t_ns=time.time_ns(), boot_ns=boot_time_ns() - 100_000_000_000)
    assert str(detect()["state"]).startswith("stale for 10")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("STARTING", "starting"),
        ("RUNNING", "starting"),  # it has a process, which has not said a word yet
        ("BACKOFF", "backoff"),
        ("FATAL", "fatal"),
    ],
)
def test_what_a_dead_process_said_last_is_not_its_successors_state(
    now, redis_url, monkeypatch, word, state
):
    beat(redis_url, session=now.id, process="11:400", t_ns=1)
    pid = 11 if word in ("STARTING", "RUNNING") else 0  # that of the dead process again
    programs = [control.Status("detect", word, ProcessIdentity(pid, "500"), 0.0, 3)]
    monkeypatch.setattr(control, "status", lambda: programs)
    assert (detect()["state"], detect()["position"]) == (state, 700)


def test_a_heartbeat_of_another_session_says_nothing(now, redis_url):
    beat(redis_url, session="yesterday")
    assert (detect()["state"], detect()["position"]) == ("running", 0)


def test_a_redis_that_does_not_answer_is_said(now, tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_REDIS", f"unix://{tmp_path}/nobody.sock")
    assert [row["state"] for row in status.rows()] == ["does not answer", "running"]


def test_nothing_runs_nothing_is_shown(now, monkeypatch):
    monkeypatch.setattr(control, "status", list)
    assert status.rows() == []


def test_a_further_machine_is_shown_with_the_age_of_its_sign_of_life(
    now, redis_url, tmp_path, monkeypatch
):
    path = tmp_path / "two.toml"
    path.write_text(MACHINE + ACQUIRE + ON_B)
    now = session.begin(session.new(path, "abc", 1))
    monkeypatch.setattr(
        control, "status", lambda: [PROGRAMS[0], PROGRAMS[0]._replace(name="machines")]
    )
    # The heartbeat's clock is of another machine, and says nothing here.
    beat(redis_url, session=now.id, boot_ns=1, process="1:1", state="running")

    def states():
        rows = {row["program"]: row for row in status.rows()}
        assert list(rows) == ["redis", "machines", "machine B", "detect on B", "keep on B"]
        return rows["machine B"]["problem"], [row["state"] for row in rows.values()][2:]

    with closing(RedisStore(redis_url)) as store:
        assert states() == ("has not joined the session", ["absent", "unknown", "unknown"])
        own = presence.Presence.new("B", "/var/b")
        own.sign(store)
        assert states() == ("", ["running", "running", "no heartbeat"])
        store._retry("PEXPIRE", "crepe:machine:B", presence._KEPT_MS - 12_300)
        assert states() == ("no sign of life for 12 s", ["silent", "unknown", "unknown"])
        own.leave(store)
