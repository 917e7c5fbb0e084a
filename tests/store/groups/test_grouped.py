"""A stream in groups of channels is one stream to every reader, with what all groups have."""

from contextlib import closing

import numpy as np
import pytest

from crepe.messages import Segment, Spikes, StreamInfo
from crepe.store import Store, codec
from crepe.store.contract import Entry
from crepe.store.groups.names import group_infos, group_names
from crepe.store.redis_store import RedisStore

N, RATE = 5, 1000.0
INFO = StreamInfo(
    sampling_rate_hz=RATE, labels=tuple("abcde"), dtype="int16", longest_samples=40, session="s"
)
LOW, HIGH = NAMES = group_names("data", 2)
SAMPLES = np.arange(N * 100, dtype=np.int16).reshape(N, -1)
ROWS = {LOW: slice(0, 2), HIGH: slice(2, 5)}


@pytest.fixture
def store(make_store):
    return make_store("writer")


def declare(store, info=INFO, stream="data"):
    for name, part in zip(group_names(stream, 2), group_infos(info, 2, stream), strict=True):
        store.declare(name, part, takes_over=True)


def entry(name, start, stop, **values):
    samples = SAMPLES[ROWS[name], start:stop]
    return Entry(start, stop, codec.pack([Segment(start, stop, samples)], start, stop), **values)


def append(store, name, *windows):
    for start, stop in windows:
        store.append([(name, entry(name, start, stop))])


def windows(items):
    return [(each.start, each.stop) for _, each in items]


def test_the_stream_exists_once_all_groups_are_declared(store):
    infos = group_infos(INFO, 2, "data")
    store.declare(LOW, infos[0])
    assert store.info("data") is None
    store.declare(HIGH, infos[1])
    assert store.info("data").labels == INFO.labels
    assert store.streams() == ["data"]


def test_a_client_reads_one_array(store):
    declare(store)
    for name in NAMES:
        append(store, name, (0, 40), (40, 70))
    data = Store(store)["data"]
    assert len(data) == 70
    np.testing.assert_array_equal(data.read(30, 60), SAMPLES[:, 30:60])
    np.testing.assert_array_equal(data["d", -5:], SAMPLES[3, 65:70])
    assert data.gaps() == []


def test_a_reader_gets_a_window_when_all_groups_have_it(store):
    declare(store)
    assert store.info("data")
    append(store, LOW, (0, 40), (40, 70))
    append(store, HIGH, (0, 40))
    assert windows(store.wait({"data": 0}, 0.0)) == [(0, 40)]
    assert store.wait({"data": 40}, 0.0) == []
    assert len(Store(store)["data"]) == 40
    append(store, HIGH, (40, 70))
    ((stream, last),) = store.wait({"data": 40}, 0.0)
    assert (stream, last.start, last.stop) == ("data", 40, 70)
    (segment,) = codec.unpack(Segment, last.payload, 40, 70)
    np.testing.assert_array_equal(segment.samples, SAMPLES[:, 40:70])


def test_a_reader_that_goes_back_reads_again(store):
    declare(store)
    assert store.info("data")
    for name in NAMES:
        append(store, name, (0, 20), (20, 40), (40, 60))
    assert windows(store.wait({"data": 0}, 0.0)) == [(0, 20), (20, 40), (40, 60)]
    assert windows(store.wait({"data": 20}, 0.0)) == [(20, 40), (40, 60)]


def test_what_one_group_lacks_is_a_gap_of_the_whole(store):
    declare(store)
    append(store, LOW, (0, 20), (20, 40), (40, 60))
    append(store, HIGH, (0, 20), (50, 60))
    data = Store(store)["data"]
    assert data.gaps() == [(20, 50)]
    np.testing.assert_array_equal(data.read(50, 60), SAMPLES[:, 50:60])
    assert windows(store.wait({"data": 0}, 0.0)) == [(0, 20), (50, 60)]


def test_groups_cut_differently_are_read_in_the_windows_that_they_share(store):
    declare(store)
    append(store, LOW, (0, 30), (30, 60))
    append(store, HIGH, (0, 40), (40, 50))
    assert store.info("data")
    assert windows(store.wait({"data": 0}, 0.0)) == [(0, 30), (30, 40), (40, 50)]
    np.testing.assert_array_equal(Store(store)["data"].read(0, 50), SAMPLES[:, :50])


def test_the_stream_ends_when_all_groups_have_ended(store):
    declare(store)
    assert store.info("data")
    for name in NAMES:
        append(store, name, (0, 20))
    store.append([(LOW, Entry(20, 20, is_end=True))])
    assert windows(store.wait({"data": 0}, 0.0)) == [(0, 20)]
    assert store.wait({"data": 20}, 0.0) == []
    store.append([(HIGH, Entry(20, 20, is_end=True))])
    ((_, end),) = store.wait({"data": 20}, 0.0)
    assert end.is_end
    assert Store(store)["data"].is_ended


def test_one_group_that_ends_before_the_other_ends_the_stream(store):
    declare(store)
    assert store.info("data")
    append(store, LOW, (0, 20))
    append(store, HIGH, (0, 20), (20, 40))
    store.append([(LOW, Entry(20, 20, is_end=True)), (HIGH, Entry(40, 40, is_end=True))])
    items = store.wait({"data": 0}, 0.0)
    assert windows(items) == [(0, 20), (20, 20)]
    assert items[-1][1].is_end


def test_another_session_is_noticed(store):
    declare(store)
    assert store.info("data")
    for name in NAMES:
        append(store, name, (0, 20))
    assert windows(store.wait({"data": 0}, 0.0)) == [(0, 20)]
    values = {name: getattr(INFO, name) for name in StreamInfo.__slots__}
    declare(store, StreamInfo(**{**values, "session": "next"}))
    append(store, LOW, (0, 30))
    ((_, foreign),) = store.wait({"data": 20}, 0.0)
    assert foreign.session == "next"
    append(store, HIGH, (0, 30))
    assert windows(store.wait({"data": 0}, 0.0)) == [(0, 30)]


def test_a_reader_of_the_whole_is_registered_at_every_group(redis_url):
    with closing(RedisStore(redis_url, culture="registered")) as store:
        declare(store)
        assert store.info("data")
        store.register("data", "record", 17)
        for name in NAMES:
            readers = store.run_script("return redis.call('HGETALL', KEYS[1])", f"{name}:readers")
            assert readers == [b"record", b"17"]


def test_spikes_of_groups_are_in_order_of_time_and_channel(store):
    info = StreamInfo(message="Spikes", labels=INFO.labels, longest_samples=40, session="s")
    declare(store, info, "data:spikes")
    arrays = {LOW: ([1, 0], [3, 9]), HIGH: ([0, 2], [3, 5])}
    for name, (channel, sample) in arrays.items():
        channels, at = np.array(channel, np.int32), np.array(sample, np.int64)
        message = Spikes(0, 10, channels, at, -np.ones(2, np.float32))
        group = name.replace("data", "data:spikes")
        store.append([(group, Entry(0, 10, codec.pack([message], 0, 10), position=15))])
    (spikes,) = Store(store)["data:spikes"].messages()
    assert spikes.sample.tolist() == [3, 3, 5, 9]
    assert spikes.channel.tolist() == [1, 2, 4, 0]
    assert store.last("data:spikes").input_position == 15


def test_a_stream_that_is_deleted_leaves_no_group(store):
    declare(store)
    assert store.info("data")
    store.delete("data")
    assert store.streams() == []
    assert store.info("data") is None
    assert store.last("data") is None
