"""Stores and streams describe themselves, whatever state they are in."""

import numpy as np
import pytest

from crepe.messages import Decision, GameState, Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.store import Store
from crepe.store.memory_store import MemoryStore

DATA = StreamInfo(labels=("a", "b"), sampling_rate_hz=1000.0, session="s", is_simulated=True)


def segment(start):
    return Segment(start, start + 100, np.zeros((2, 100), np.int32))


@pytest.fixture
def path(tmp_path):
    about = About("s", 1, "", {}, is_simulated=True, origin_t_ns=0)
    writer = RecordingWriter(tmp_path / "s.h5", about, {"data": DATA})
    for start in (0, 100, 700):
        writer.append("data", segment(start))
    writer.end()
    return tmp_path / "s.h5"


def test_a_recording_says_what_it_holds(path):
    with Store(path) as store:
        line = "2 channels of int32, 1000 Hz, 0.80 s (800 samples), 1 gap of 0.50 s"
        assert repr(store["data"]) == f"<Stream data: {line}>"
        assert repr(store["data"].microvolts) == f"<Microvolts of <Stream data: {line}>>"
        assert repr(store) == f"<Store {path}, session s, SIMULATED culture\n  data  {line}>"


def test_what_is_closed_describes_itself_all_the_same(path):
    store = Store(path)
    data = store["data"]
    store.close()
    assert repr(store).startswith(f"<Store {path}")
    assert repr(data).startswith("<Stream data: ")


def test_a_stream_of_events_says_where_the_last_one_is():
    memory = MemoryStore()
    store = Store(memory)
    assert repr(store) == "<Store memory of this process, no streams>"
    memory.declare("result:game", StreamInfo("GameState", 1000.0, ("a",)))
    assert repr(store["result:game"]) == "<Stream result:game: GameState, empty>"
    store["result:game"].append_message(GameState(90, 100, 1, "rest"))
    assert repr(store["result:game"]) == "<Stream result:game: GameState, last one at 0.10 s>"


def test_an_actor_that_answers_less_often_has_no_gaps(tmp_path):
    """Its empty windows are not recorded: that a message is missing says nothing about data."""
    about = About("s", 1, "", {}, is_simulated=True, origin_t_ns=0)
    info = StreamInfo("Decision", 1000.0, ("a",), segment_samples=100, longest_samples=100)
    writer = RecordingWriter(tmp_path / "s.h5", about, {"result": info})
    for stop in (200, 400, 600):
        writer.append("result", Decision(stop - 100, stop, "a"))
    writer.end()
    with Store(tmp_path / "s.h5") as store:
        assert repr(store["result"]).endswith("no message in 2 windows (0.20 s in all)>")


def test_a_live_stream_says_what_is_kept_and_a_lost_server_is_no_error(make_store):
    live = make_store("writer")
    store = Store(live)
    live.declare("data", DATA, is_fresh=True)
    stream = store["data"]
    stream.append(np.zeros((2, 300), np.int32))
    assert "2 channels of int32, 1000 Hz, 0.30 s (300 samples)" in repr(stream)
    assert "session s, SIMULATED culture" in repr(store)
    stream.end()
    assert repr(stream).endswith(", ended>")
    stream.delete()
    assert repr(stream) == "<Stream data: deleted>"


def test_a_server_that_is_away_is_said_to_be(own_server):
    own_server.start()
    store = Store(own_server.url, patience_s=0.1)
    store.declare("data", labels=("a",))
    data = store["data"]
    own_server.kill()
    assert "cannot be read now" in repr(data)
    assert "cannot be read now" in repr(store)
