"""A session has ended once its recorders have; while one makes progress it gets more time."""

from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from supervisor.loggers import getLogger
from supervisor.states import ProcessStates

from crepe.environment import session
from crepe.environment.process_identity import ProcessIdentity
from crepe.messages import Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.reader import Recording
from crepe.recording.writer import RecordingWriter
from crepe.store import codec
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore
from crepe.supervise.session_end import SessionEnd
from crepe.supervise.supervisor import Status
from crepe.supervise.unrecorded import START_S, StreamEnds


@pytest.fixture
def var(tmp_path):
    session.begin(session.new(tmp_path / "x.toml", "digest", 1), tmp_path)
    return tmp_path


def stopped(name, exitstatus):
    config = SimpleNamespace(name=name, stopwaitsecs=10)
    return SimpleNamespace(process=SimpleNamespace(config=config, exitstatus=exitstatus))


def is_over(var):
    return session.find_unfinished(var) is None


def test_without_a_recorder_a_stop_ends_the_session(var):
    SessionEnd(var, [], getLogger()).on_stopping(None)
    assert is_over(var)


@pytest.mark.parametrize(("exitstatus", "ends"), [(0, True), (1, False), (-1, False)])
def test_a_session_ends_with_the_exit_status_of_its_recorder(var, exitstatus, ends):
    end = SessionEnd(var, ["record"], getLogger())
    end.on_stopped(stopped("record", 0))  # by supervisorctl: what comes after is not recorded
    end.on_stopping(None)
    assert not is_over(var)
    end.on_stopped(stopped("acquire", 0))
    assert not is_over(var)
    end.on_stopped(stopped("record", exitstatus))
    assert is_over(var) == ends


def test_the_recording_of_an_ended_session_has_ended(var):
    path = var / "recordings" / f"{session.current(var).id}.h5"
    RecordingWriter(path, About("s"), {"data": StreamInfo(labels=("47",))}).close()
    end = SessionEnd(var, ["record"], getLogger())
    end.on_stopping(None)
    with Recording(path) as recording:
        assert (recording.has_ended, recording.is_closed) == (False, True)
    end.on_stopped(stopped("record", 0))
    with Recording(path) as recording:
        assert (recording.has_ended, recording.is_closed) == (True, True)


def test_a_recorder_gets_more_time_only_while_its_file_changes(var):
    now = session.current(var)
    end = SessionEnd(var, ["record"], getLogger())
    config = SimpleNamespace(name="record", stopwaitsecs=10)
    recorder = SimpleNamespace(config=config, state=ProcessStates.STOPPING, delay=1.0)
    end.on_stopping(None)
    end.on_tick([recorder])
    assert recorder.delay == 1.0
    (var / "recordings").mkdir()
    (var / "recordings" / f"{now.id}.h5").write_bytes(b"")
    end.on_tick([recorder])
    assert recorder.delay > 1.0
    recorder.delay = 1.0
    end.on_tick([recorder])
    assert recorder.delay == 1.0


def test_a_session_that_failed_before_any_data_has_nothing_to_resume(var):
    assert StreamEnds(var).conclude() == ""
    assert is_over(var)


def test_a_recording_without_known_ends_leaves_the_session_to_be_resumed(var):
    now = session.current(var)
    (var / "recordings").mkdir()
    (var / "recordings" / f"{now.id}.h5").write_bytes(b"")
    assert "how much is not known; it has not ended" in StreamEnds(var).conclude()
    assert not is_over(var)


@pytest.fixture
def culture(tmp_path, own_server, monkeypatch):
    """The store of a session with data, which StreamEnds(tmp_path) reads."""
    file = tmp_path / "x.toml"
    file.write_text(
        '[actors.acquire]\nrun = "crepe.actors.acquire:Acquire"\nwrites = ["data"]\n'
        '[actors.record]\nrun = "crepe.actors.record:Record"\nreads = ["data"]\n'
    )
    now = session.begin(session.new(file, "digest", 1), tmp_path)
    own_server.start()
    monkeypatch.setenv("CREPE_REDIS", own_server.url)
    with closing(RedisStore(own_server.url)) as store:
        store.declare("data", StreamInfo(sampling_rate_hz=1000.0, labels=("a",), session=now.id))
        segment = Segment(0, 100, np.zeros((1, 100), np.int32))
        store.append([("data", Entry(0, 100, codec.pack([segment], 0, 100)))])
        yield store


def ends_now(tmp_path):
    ends = StreamEnds(tmp_path)
    ends.look()
    return ends


def test_what_a_recorder_still_lacks_is_known_in_seconds_until_it_has_ended(tmp_path, culture):
    for program, lag, state in (
        ("acquire", "9999", "running"),
        ("record", "2500", "running"),
        ("record", "2500", "stopped"),
    ):
        beat = {"session": session.current(tmp_path).id, "lag_samples": lag, "state": state}
        culture.beat(program, beat)
        lag_s = 2.5 if (program, state) == ("record", "running") else 0.0
        assert ends_now(tmp_path).left_s == lag_s


def test_a_recorder_that_died_a_moment_ago_is_awaited_until_it_reads_again(tmp_path, culture):
    own = ProcessIdentity.own()
    died = Status("record", "BACKOFF", ProcessIdentity(0), 0.0, 0)
    started = Status("record", "RUNNING", own, 1.5, 1)

    def awaits(program):
        return ends_now(tmp_path).awaiting([program]) == [program]

    assert awaits(died)
    assert awaits(died._replace(state="EXITED"))
    assert not awaits(died._replace(state="STOPPED"))  # by an operator: nothing restarts it
    assert not awaits(died._replace(name="acquire"))
    for process, state, is_awaited in (
        ("of the life before", "running", True),
        (own.key, "starting", True),
        (own.key, "stopped", True),
        (own.key, "running", False),
        (own.key, "waiting for data", False),
    ):
        culture.beat("record", {"process": process, "state": state})
        assert awaits(started) == is_awaited
    culture.beat("record", {"process": own.key, "state": "starting"})
    assert not awaits(started._replace(uptime_s=START_S))  # it hangs


def test_no_recorder_is_awaited_where_there_is_nothing_to_record(tmp_path, culture):
    culture.delete("data")
    died = Status("record", "BACKOFF", ProcessIdentity(0), 0.0, 0)
    assert ends_now(tmp_path).awaiting([died]) == []
