"""What every store must do; run once for memory, for a real server and for fakeredis."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crepe.errors import OrderError, StoreError
from crepe.messages import Segment, StreamInfo
from crepe.store import codec
from crepe.store.contract import Entry, UnclockedEntry, entries_at_once

INFO = StreamInfo(labels=("a", "b"), longest_samples=100, session="s1", scale_uv=(0.5, 2.0))


def entry(start, stop, **fields):
    samples = np.arange(start, stop, dtype=np.int32) * np.array([[1], [-1]], dtype=np.int32)
    return Entry(start, stop, codec.pack([Segment(start, stop, samples)], start, stop), 7, **fields)


@pytest.fixture
def store(make_store):
    return make_store("first")


def test_a_declared_stream_is_listed_described_and_empty(store):
    assert store.declare("data", INFO) is None
    assert store.streams() == ["data"]
    assert store.info("data") == replace(INFO, writer=store.writer)
    assert store.info("other") is None
    assert store.first("data") is store.last("data") is None


def test_what_is_appended_reads_back_field_by_field(store):
    store.declare("data", INFO)
    put = entry(0, 10, position=12, snapshot=b"\x00\xff", command_id="5-1", is_estimated=True)
    store.append([("data", put)])
    kept = put._replace(session="s1")
    assert store.entries("data", 0, 10, 99) == [kept]
    assert store.first("data") == store.last("data") == kept
    plain = entry(10, 20)
    store.append([("data", plain)])
    assert store.last("data") == plain._replace(session="s1")


def test_entries_are_those_that_end_in_the_window(store):
    store.declare("data", INFO)
    for start in range(0, 50, 10):
        store.append([("data", entry(start, start + 10))])
    assert [e.stop for e in store.entries("data", 10, 40, 99)] == [20, 30, 40]
    assert [e.stop for e in store.entries("data", 11, 39, 99)] == [20, 30]
    assert [e.stop for e in store.entries("data", 0, 50, 2)] == [10, 20]
    assert store.entries("data", 30, 30, 99) == []
    assert store.entries("nothing", 0, 50, 99) == []


def test_append_refuses_an_index_that_goes_back(store):
    store.declare("data", INFO)
    store.append([("data", entry(0, 20))])
    with pytest.raises(OrderError, match="window 10 to 30, must begin at 20 or later"):
        store.append([("data", entry(10, 30))])
    with pytest.raises(OrderError, match="not be empty"):
        store.append([("data", entry(20, 20))])
    with pytest.raises(OrderError, match="declared were 100 at most"):
        store.append([("data", entry(20, 121))])
    assert store.last("data").stop == 20


def test_a_gap_is_kept_as_a_gap(store):
    store.declare("data", INFO)
    store.append([("data", entry(0, 10))])
    store.append([("data", entry(30, 40, is_estimated=True))])
    assert [(e.start, e.stop) for e in store.entries("data", 0, 40, 9)] == [(0, 10), (30, 40)]


def test_a_batch_over_streams_arrives_whole(store):
    store.declare("result:game", INFO)
    store.declare("result:stimuli", INFO)
    store.append([("result:game", entry(0, 10)), ("result:stimuli", entry(0, 10))])
    with pytest.raises(OrderError):
        store.append([("result:game", entry(10, 20)), ("result:stimuli", entry(5, 20))])
    assert store.last("result:game").stop == store.last("result:stimuli").stop == 10


def test_a_living_writer_is_not_replaced_unless_told(make_store):
    first, second = make_store("first"), make_store("second")
    first.declare("data", INFO)
    first.append([("data", entry(0, 10))])
    with pytest.raises(OrderError, match="first-.* is writing it"):
        second.declare("data", INFO)
    assert second.declare("data", INFO, takes_over=True).stop == 10
    second.append([("data", entry(10, 20))])
    with pytest.raises(OrderError, match="another writer"):
        first.append([("data", entry(10, 20))])
    assert [e.stop for e in second.entries("data", 0, 99, 9)] == [10, 20]


def test_a_writer_that_loses_one_stream_keeps_its_others(make_store):
    first, second = make_store("first"), make_store("second")
    for stream in ("data", "result"):
        first.declare(stream, INFO)
    first.append([("data", entry(0, 10)), ("result", entry(0, 10))])
    second.declare("data", INFO, takes_over=True)
    first.append([("result", entry(10, 20))])
    with pytest.raises(OrderError, match="another writer"):
        first.append([("data", entry(10, 20)), ("result", entry(20, 30))])
    first.append([("result", entry(20, 30))])
    assert (first.last("data").stop, first.last("result").stop) == (10, 30)
    first.declare("data", INFO, takes_over=True)
    first.append([("data", entry(10, 20))])
    with pytest.raises(OrderError, match="another writer"):
        second.append([("data", entry(20, 30))])
    assert first.last("data").stop == 20


def test_the_writer_of_a_deleted_stream_is_nobody(store):
    store.declare("data", INFO)
    store.append([("data", entry(0, 10))])
    other = replace(INFO, session="s2")
    store.delete("data")
    assert store.declare("data", other) is None
    store.append([("data", entry(0, 10))])
    assert store.info("data").session == "s2"


def test_a_dead_writer_is_replaced(make_store):
    first = make_store("first")
    first.declare("data", INFO)
    first.append([("data", entry(0, 10))])
    first.close()
    assert make_store("second").declare("data", INFO).stop == 10


def test_a_new_session_begins_empty_and_refuses_the_old_writer(make_store):
    old, new = make_store("old"), make_store("new")
    old.declare("data", INFO)
    old.append([("data", entry(0, 90))])
    assert new.declare("data", replace(INFO, session="s2"), takes_over=True) is None
    assert new.last("data") is None
    with pytest.raises(OrderError):
        old.append([("data", entry(90, 100))])
    new.append([("data", entry(0, 10))])
    assert new.info("data").session == "s2"


def test_a_fresh_stream_begins_empty_in_the_same_session(store):
    store.declare("data", INFO)
    store.append([("data", entry(0, 10))])
    assert store.declare("data", INFO, is_fresh=True) is None
    store.append([("data", entry(0, 5))])
    assert store.last("data").stop == 5


def test_the_end_is_marked_once_and_nothing_follows(store):
    store.declare("data", INFO)
    store.append([("data", entry(0, 10))])
    store.append([("data", Entry(10, 10, is_end=True))])
    assert store.last("data").is_end
    assert store.last("data").stop == 10
    assert [e.stop for e in store.entries("data", 0, 99, 9)] == [10]
    with pytest.raises(OrderError, match="has ended"):
        store.append([("data", entry(10, 20))])


def test_wait_returns_what_stands_after_each_cursor(store):
    store.declare("data", INFO)
    store.declare("result", INFO)
    assert store.wait({"data": 0}, 0.01) == []
    store.append([("data", entry(0, 10)), ("result", entry(0, 10))])
    store.append([("data", entry(10, 20))])
    store.append([("data", Entry(20, 20, is_end=True))])
    output = store.wait({"data": 10, "result": 0}, 1.0)
    assert sorted((name, e.stop, e.is_end) for name, e in output) == [
        ("data", 20, False),
        ("data", 20, True),
        ("result", 10, False),
    ]
    assert [e.is_end for _, e in store.wait({"data": 20}, 1.0)] == [True]


def test_a_stream_outside_the_clock_has_any_writer(make_store):
    first, second = make_store("first"), make_store("second")
    a, b = first.append_unclocked("input", b"rock"), second.append_unclocked("input", b"paper")
    assert first.wait({"input": "0-0"}, 1.0) == [
        ("input", UnclockedEntry(a, b"rock")),
        ("input", UnclockedEntry(b, b"paper")),
    ]
    assert second.wait({"input": a}, 1.0) == [("input", UnclockedEntry(b, b"paper"))]


def test_a_deleted_stream_is_gone(store):
    store.declare("data", INFO)
    store.append([("data", entry(0, 10))])
    store.delete("data")
    assert store.streams() == []
    assert store.last("data") is None


def test_heartbeats_keep_the_last_word_of_each_actor(store):
    store.beat("filter", {"position": "10", "state": "running"})
    store.beat("filter", {"position": "20"})
    store.beat("decode", {"position": "5"})
    beats = store.beats()
    assert beats["filter"] == {"position": "20", "state": "running"}
    assert beats["decode"] == {"position": "5"}


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(1, 99), min_size=1, max_size=12))
def test_any_split_into_segments_reads_back_the_same(make_store, cuts):
    from crepe.store import Store

    store = make_store("writer")
    store.declare("data", INFO, is_fresh=True, takes_over=True)
    at = 0
    for length in cuts:
        store.append([("data", entry(at, at + length))])
        at += length
    data = Store(store)["data"]
    expected = np.arange(at) * np.array([[1], [-1]])
    np.testing.assert_array_equal(data[:, :], expected)
    np.testing.assert_array_equal(
        data.read(at // 3, at - at // 4), expected[:, at // 3 : at - at // 4]
    )
    data.end()
    followed = list(data.follow(n_samples=1 + at // 3))
    np.testing.assert_array_equal(np.concatenate([s.samples for s in followed], 1), expected)
    windows = [(segment.start, segment.stop) for segment in followed]
    assert windows == [(a, min(at, a + 1 + at // 3)) for a in range(0, at, 1 + at // 3)]


def test_who_follows_a_stream_that_is_begun_anew_gets_nothing_of_the_new_one(make_store):
    from crepe.store import Store

    store = make_store("writer")
    store.declare("data", INFO)
    store.append([("data", entry(0, 100))])
    following = Store(store)["data"].follow()
    assert next(following).stop == 100
    store.declare("data", replace(INFO, session="s2"))
    for start in (0, 100):
        store.append([("data", entry(start, start + 100))])
    with pytest.raises(StoreError, match="another has begun"):
        next(following)


def test_entries_read_at_once_are_bounded_by_bytes_and_by_number():
    many = StreamInfo(labels=("a",) * 4096, segment_samples=200, longest_samples=200)
    n_bytes = 4096 * 200 * 4
    assert entries_at_once([many]) == (32 << 20) // n_bytes
    assert entries_at_once([many, many]) == (32 << 20) // (2 * n_bytes)
    assert entries_at_once([many, replace(many, message="Spikes")]) == entries_at_once([many])
    assert entries_at_once([replace(many, longest_samples=20_000)]) == 1
    assert entries_at_once([INFO]) == entries_at_once([]) == 64
