"""Datagrams: what was packed is unpacked, and nothing else ends the receiver."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.environment.process_identity import ProcessIdentity
from crepe.safety.protocol.announcement import Instrument
from crepe.safety.protocol.datagrams import (
    LARGEST,
    Answer,
    Heartbeat,
    Latch,
    Order,
    State,
    pack,
    unpack,
)

INSTRUMENT = Instrument(
    "7-abc", ProcessIdentity.own(), "127.0.0.1", 8888, "n", ("game (result:stimuli)",)
)
STOPPED = Latch(5_000_000_000, "crepe stop")
DATAGRAMS = [
    Heartbeat(INSTRUMENT, True, STOPPED),
    Answer("7-abc", "6-def", 5, "11:5", Latch()),
    Order("crepe stop"),
    Order(releases=True),
    Order(),
    State(STOPPED, INSTRUMENT),
    State(Latch(), None),
]


@pytest.mark.parametrize("datagram", DATAGRAMS, ids=lambda datagram: type(datagram).__name__)
def test_what_was_packed_is_unpacked(datagram):
    assert unpack(pack(datagram)) == datagram


def test_the_largest_datagram_is_received_whole():
    process = ProcessIdentity(2**22, "9" * 20, "\\" * 1000, "pid:[4026531836]")
    requesters = tuple(f"program{i} (stream:{i})" for i in range(50))
    instrument = Instrument("7-abc", process, "::1", 65535, "f" * 64, requesters)
    order = unpack(pack(Order("\N{GRINNING FACE}" * 10_000)))
    assert len(pack(Heartbeat(instrument, True, Latch(2**62, order.by)))) < LARGEST


NOT_DATAGRAMS = [
    b"",
    b"\x00\xff",
    b"{",
    b"[" * LARGEST,
    b'{"kind":' * (LARGEST // 8),
    b"null",
    b"[]",
    b"7",
    b"NaN",
    b"{}",
    b'{"kind": null}',
    b'{"kind": []}',
    b'{"kind": "Heartbeat"}',
    b'{"kind": "Order", "by": 7, "releases": false}',
    b'{"kind": "Order", "by": "", "releases": 1}',
    b'{"kind": "State", "latch": null, "instrument": null}',
    b'{"kind": "State", "latch": [1, "a", 2], "instrument": null}',
    b'{"kind": "State", "latch": [-1, "a"], "instrument": null}',
    b'{"kind": "State", "latch": [1e400, "a"], "instrument": null}',
    b'{"kind": "State", "latch": [true, "a"], "instrument": null}',
    b'{"kind": "State", "latch": [1.5, "a"], "instrument": null}',
    b'{"kind": "State", "latch": [9223372036854775808, "a"], "instrument": null}',
    b"9" * LARGEST,
]


@pytest.mark.parametrize("data", NOT_DATAGRAMS, ids=lambda data: str(data[:40]))
def test_anything_else_is_none(data):
    assert unpack(data) is None


@given(st.binary(max_size=200))
def test_no_bytes_end_the_receiver(data):
    unpack(data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(DATAGRAMS), st.data())
def test_no_value_of_a_field_ends_the_receiver_or_comes_through_as_another_type(datagram, data):
    fields = json.loads(pack(datagram))
    place = data.draw(st.sampled_from(sorted(fields)))
    fields[place] = data.draw(values)
    result = unpack(json.dumps(fields).encode())
    if result is not None:
        assert unpack(pack(result)) == result


@given(st.sampled_from(DATAGRAMS[:1]), st.data())
def test_no_field_of_an_instrument_ends_the_receiver(datagram, data):
    fields = json.loads(pack(datagram))
    place = data.draw(st.sampled_from(sorted(fields["instrument"])))
    fields["instrument"][place] = data.draw(values)
    result = unpack(json.dumps(fields).encode())
    if result is not None:
        assert isinstance(result.instrument.host, str)
        assert 0 <= result.instrument.http_port <= 65535


def test_the_text_of_an_order_is_cut():
    assert unpack(pack(Order("x" * 300))) == Order("x" * 200)


def test_an_order_releases_the_latch_only_where_it_says_so():
    assert not Order().releases
    assert not Order("crepe stop").releases


NOW = 100_000_000_000
latches = st.builds(Latch, st.integers(0, NOW), st.sampled_from(["", "a", "b"]))


@given(latches, latches)
def test_the_later_state_of_a_latch_counts_in_whatever_order_they_come(first, second):
    merged = first.merged(second, NOW)
    assert merged.is_closed == second.merged(first, NOW).is_closed
    later = max(first, second, key=lambda latch: (latch.at_ns, latch.is_closed))
    assert merged.is_closed == later.is_closed


@given(st.integers(NOW + 2_000_000_000, 2**62))
def test_a_release_from_the_future_is_none_and_a_stop_from_the_future_counts_now(at_ns):
    closed = Latch(NOW - 1, "a")
    assert closed.merged(Latch(at_ns), NOW) == closed
    stopped = Latch().merged(Latch(at_ns, "b"), NOW)
    assert stopped == Latch(NOW, "b")
    assert not stopped.merged(Latch(NOW + 1), NOW + 1).is_closed


def test_a_release_may_be_a_second_ahead_of_the_clock_and_no_more():
    closed = Latch(NOW - 1, "a")
    assert not closed.merged(Latch(NOW + 1_000_000_000), NOW).is_closed
    assert closed.merged(Latch(NOW + 1_000_000_001), NOW) == closed
