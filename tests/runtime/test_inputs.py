"""What a program reads of its streams: a recorder is not given what it would only drop."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from crepe.actors.actor import ActorContext
from crepe.actors.record import Record
from crepe.config.wiring import ActorSpec
from crepe.messages import Segment, StreamInfo
from crepe.runtime.chain import Chain
from crepe.runtime.hosted_actor import HostedActor
from crepe.runtime.inputs import Inputs
from crepe.store import codec
from crepe.store.contract import Entry
from crepe.store.redis_fields import pairs
from crepe.store.redis_store import RedisStore

FILTER = """
[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]
"""
STREAMS = ("data:filtered", "data")  # the first in `reads` is not the one that is recorded

Open = Callable[[bool], tuple[HostedActor, Inputs]]


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    with closing(RedisStore(redis_url, culture=f"inputs-{uuid4().hex[:8]}")) as store:
        for stream in STREAMS:
            store.declare(stream, StreamInfo(labels=("1", "2"), session="s", is_live=False))
            for start in (0, 100):
                segment = Segment(start, start + 100, np.ones((2, 100), np.int32))
                payload = codec.pack([segment], start, start + 100)
                store.append([(stream, Entry(start, start + 100, payload))])
        yield store


@pytest.fixture
def open_recorder(store: RedisStore, tmp_path: Path) -> Iterator[Open]:
    chains: list[Chain] = []

    def open_(records_filtered: bool) -> tuple[HostedActor, Inputs]:
        for chain in chains:
            chain.close()
        spec = ActorSpec("record", Record, {"records_filtered": records_filtered}, STREAMS, {})
        inputs = Inputs("record", [spec], store, session="s", since_ms=0)
        assert all(map(inputs.find, STREAMS))
        context = ActorContext(
            inputs=inputs.infos, session="s", recordings=tmp_path, experiment=FILTER
        )
        host = HostedActor(spec, context, None)
        inputs.begin([host], {"record": None})
        chains.append(Chain([host]))
        return host, inputs

    yield open_
    for chain in chains:
        chain.close()


def read(inputs: Inputs) -> set[str]:
    return {stream for stream, _ in inputs.wait(0.0)}


def test_a_recorder_does_not_read_what_readers_compute(open_recorder: Open) -> None:
    host, inputs = open_recorder(False)
    assert read(inputs) == {"data"} == set(host.reads)
    assert inputs.clock == "data"
    assert inputs.positions == [0]


def test_it_has_a_position_there_all_the_same_since_a_replay_waits_for_it(
    open_recorder: Open, store: RedisStore
) -> None:
    host, inputs = open_recorder(False)
    chain = Chain([host])
    for stream, item in inputs.wait(0.0):
        chain.push(inputs.take(stream, item))
    chain.pass_silence(2.0)
    inputs.register()
    assert isinstance(host.actor, Record)
    assert host.actor.positions() == {"data": 200, "data:filtered": 200}
    for stream in STREAMS:
        readers = pairs(store._retry("HGETALL", store._key(stream, "readers")))
        assert readers == {b"record": b"200"}


def test_it_ends_with_the_streams_that_it_reads(open_recorder: Open, store: RedisStore) -> None:
    host, inputs = open_recorder(False)
    store.append([("data", Entry(200, 200, b"", is_end=True))])
    for stream, item in inputs.wait(0.0):
        host.feed(inputs.take(stream, item))
    assert host.is_ended
    assert inputs.positions == []


def test_a_file_that_has_such_a_stream_gets_the_rest_of_it(open_recorder: Open) -> None:
    assert read(open_recorder(True)[1]) == set(STREAMS)
    host, inputs = open_recorder(False)
    assert read(inputs) == set(STREAMS) == set(host.reads)


def test_a_backlog_of_large_segments_is_read_a_few_at_a_time(
    store: RedisStore, tmp_path: Path
) -> None:
    store.declare("large", StreamInfo(labels=("1", "2"), session="s", longest_samples=2_000_000))
    for start in range(0, 300, 100):
        segment = Segment(start, start + 100, np.ones((2, 100), np.int32))
        payload = codec.pack([segment], start, start + 100)
        store.append([("large", Entry(start, start + 100, payload))])
    spec = ActorSpec("record", Record, {}, ("large",), {})
    inputs = Inputs("record", [spec], store, session="s", since_ms=0)
    assert inputs.find("large")
    context = ActorContext(inputs=inputs.infos, session="s", recordings=tmp_path)
    with closing(Chain([host := HostedActor(spec, context, None)])) as chain:
        inputs.begin([host], {"record": None})
        sizes = []
        while items := inputs.wait(0.0):
            sizes.append(len(items))
            for stream, item in items:
                chain.push(inputs.take(stream, item))
    assert sizes == [2, 1]
