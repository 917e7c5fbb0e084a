"""Missing samples and undelivered stimuli: counted whole, or from a time that is named."""

import asyncio
import json

import numpy as np
import pytest

from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.integrity import Gaps, gaps_of, integrity
from crepe.dashboard.replay import Replay
from crepe.dashboard.session_view import SessionView
from crepe.messages import ChannelStates, Delivered, Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.store import codec
from crepe.store.contract import Entry
from crepe.store.memory_store import Memory, MemoryStore

INFO = StreamInfo("Segment", session="s", labels=("a", "b"), longest_samples=100)


def lines(gaps, programs):
    return dict(integrity(SessionView("s"), gaps, programs))


def test_gaps_are_those_of_the_acquiring_program_and_dropped_is_what_others_lack_besides():
    gaps = gaps_of({"n_gaps": "2", "n_missing": "3000", "gaps": "[[100, 1100], [5000, 7000]]"})
    programs = [
        {"program": "acquire", "missing": 3000},
        {"program": "detect", "missing": 1000},  # it has not come to the second gap
        {"program": "record", "missing": 8000},
    ]
    assert gaps.newest[-1] == [5000, 7000]
    assert lines(gaps, programs)["gaps"] == "2, 3000 samples (0.30 s) missing"
    assert lines(gaps, programs)["dropped"] == "record lacks 5000 samples (0.50 s)"
    assert lines(Gaps(0, 0, ()), programs[:0]) == {
        "gaps": "0", "dropped": "0", "stimuli": "0 delivered, 0 refused"
    }  # fmt: skip


def test_what_is_wrong_with_the_recording_is_a_line_of_its_own():
    programs = [{"program": "detect", "problem": ""}, {"program": "record", "problem": "part 2"}]
    assert lines(Gaps(0, 0, ()), programs)["recording"] == "part 2"
    assert integrity(SessionView("s"), None, None, ["a.h5: bad"])[-1] == ("recording", "a.h5: bad")


def test_what_no_program_reports_is_not_known():
    assert gaps_of({}) is None
    assert lines(None, None)["gaps"] == lines(None, None)["dropped"] == "unknown"


def followed(store):
    """What a page that is opened now knows of the session."""
    live = SessionFollower(lambda: store, lambda: ("s", {}), lambda _: [], 100.0)

    async def once():
        following = asyncio.create_task(live.run())
        for _ in range(2):
            await live.tick()
        following.cancel()

    asyncio.run(once())
    return live


@pytest.mark.parametrize(("first", "since"), [(0, 0), (9_000, 0), (3_040_000, 3_040_000)])
def test_what_redis_no_longer_keeps_is_not_passed_over(first, since):
    store = MemoryStore(Memory(), writer="stimulate")
    delivered = StreamInfo("Delivered", session="s", longest_samples=10_000)
    store.declare("result:delivered", delivered)
    for at in (first + 100, first + 200):
        said = [Delivered(at - 100, at, at, "delivered")]
        payload = codec.pack(said, at - 100, at)
        store.append([("result:delivered", Entry(at - 100, at, payload))])
    live = followed(store)
    assert live.session_view.events.as_json()["since"] == since
    words = dict(live.slow_state()["integrity"])["stimuli"]
    assert words == "2 delivered, 0 refused" + " (counted from 304 s on)" * bool(since)
    answers = {"delivered": 9, "refused": 7, "stopped": 1}
    store.beat("stimulate", {"session": "s", "answers": json.dumps(answers)})
    live = followed(store)  # what the stimulator counts does not shrink with what Redis keeps
    words = dict(live.slow_state()["integrity"])["stimuli"]
    assert words == "9 delivered, 1 stopped, 7 refused"


def test_gaps_are_known_without_a_detector_and_without_reading_a_sample():
    store = MemoryStore(Memory(), writer="acquire")
    store.declare("data", INFO)
    told = {"session": "s", "n_gaps": "1", "n_missing": "300", "gaps": "[[200, 500]]"}
    store.beat("acquire", told)
    live = followed(store)
    assert live.slow_state()["gaps"] == [[200, 500]]
    store.beat("acquire", {**told, "session": "the last one"})
    assert followed(store).gaps is None


def test_a_replay_tells_of_the_gaps_that_it_has_come_to(tmp_path):
    writer = RecordingWriter(tmp_path / "s.h5", About("s", 1, "", {}, True, 0), {"data": INFO})
    for start in (0, 100, 500, 900):
        writer.append("data", Segment(start, start + 100, np.zeros((2, 100), np.int32)))
    writer.end()
    replay = Replay(tmp_path / "s.h5")
    for at, n, n_missing in ((150, 0, 0), (400, 1, 200), (800, 2, 500), (1000, 2, 600)):
        replay.change({"seek_s": at / 10_000})
        assert replay._gaps_until_now()[:2] == (n, n_missing)
    replay.close()


def test_channels_that_are_not_ok_are_named_by_their_state():
    view = SessionView("s")
    view.learn({"data": INFO})
    view.newest["ChannelStates"] = ChannelStates(0, 100, ("ok", "dead"))
    assert dict(integrity(view, None, None))["channels"] == "1 dead: b"
    view.newest["ChannelStates"] = ChannelStates(0, 100, ("ok", "ok"))
    assert dict(integrity(view, None, None))["channels"] == "all ok"
