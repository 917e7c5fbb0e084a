"""Bytes from any sender are decoded to numbers and text, or refused."""

import contextlib
import pickle
from types import MappingProxyType

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crepe.errors import StoreError
from crepe.messages import (
    Command,
    Decision,
    Delivered,
    DeliveryState,
    GameState,
    Segment,
    Spikes,
    Stimulus,
)
from crepe.store import codec

DTYPES = st.sampled_from(
    ["bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))]
    + [f"float{bits}" for bits in (16, 32, 64)]
)


@given(DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=2, min_side=0))))
def test_arrays_of_numbers_come_back_as_they_were(array):
    (result,) = codec.unpack_value(codec.pack_value([array]))
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize(
    "message",
    [
        Decision(0, 10, "rock", {"rock": 1.5}),
        Decision(0, 10, None),
        GameState(0, 10, 1, "rest", score={"won": 1}, phases={"rest": 5}),
        Stimulus(9, 10, 1, 500, ("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 20, "rock"),
        Delivered(9, 10, 1, "refused", "110 ms old, limit 100 ms"),
        Command(0, 10, "gesture", "rock"),
    ],
)
def test_messages_come_back_as_they_were(message):
    (result,) = codec.unpack(type(message), codec.pack([message], 0, 10), 0, 10)
    assert result == message


def test_segments_take_their_time_from_the_entry_and_spikes_keep_their_arrays():
    segment = Segment(0, 2, np.ones((3, 2), np.int32), 77, True)
    packed = codec.pack([segment], 0, 2)
    (result,) = codec.unpack(Segment, packed, 0, 2, t_ns=77, is_estimated=True)
    assert (result.t_ns, result.is_estimated, result.samples.tolist()) == (77, True, [[1, 1]] * 3)
    spikes = Spikes(0, 2, np.array([1], np.int32), np.array([1]), np.array([-9], np.float32))
    (again,) = codec.unpack(Spikes, codec.pack([spikes], 0, 2), 0, 2)
    assert again.amplitude_uv.tolist() == [-9]


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("code from the wire was run",)


PICKLE = pickle.dumps(Bomb()).ljust(200, b"\x00")  # what follows its end is not read


def array(**changes):
    good = {b"nd": True, b"type": "<i4", b"kind": b"", b"shape": (2,), b"data": b"\x00" * 8}
    return {**good, **changes}


@pytest.mark.parametrize(
    "crafted",
    [
        array(**{}) | {b"kind": b"O", b"type": "|O", b"data": pickle.dumps(Bomb())},
        array() | {b"kind": b"O", b"data": PICKLE, b"shape": (50,)},  # a number by its dtype
        array() | {b"type": "|O"},
        array() | {b"type": [("a", "<i4")], b"kind": b"V"},
        array() | {b"shape": (3,)},
        array() | {b"shape": (1,)},  # half of the data
        array() | {b"shape": (-1, -2)},
        array() | {b"shape": (-2,)},
        array() | {b"shape": (2**40, 2**40)},
        array() | {b"data": "text"},
        {b"nd": False, b"type": "|O", b"data": b"\x00" * 8},
        {b"complex": True, b"data": "1j"},
    ],
)
def test_what_could_run_code_or_kill_a_reader_is_refused(crafted):
    with pytest.raises(StoreError):
        codec.unpack_value(msgpack.packb([crafted]))


@given(st.binary(max_size=60))
def test_broken_bytes_are_a_store_error_or_a_value(data):
    with contextlib.suppress(StoreError):  # no other error comes out
        codec.unpack_value(data)


def test_object_arrays_are_not_sent_and_the_next_message_is_whole():
    with pytest.raises(TypeError, match="only plain numbers"):
        codec.pack_value([1, np.array([object()])])
    assert codec.unpack_value(codec.pack_value([1])) == (1,)


def test_a_type_is_resolved_by_name_without_loading_code():
    assert codec.message_type("Segment") is Segment
    assert codec.type_name(Segment) == "Segment"
    for name in ("os:system", "antigravity:x", "Nothing", "NDArray"):
        with pytest.raises(StoreError, match="not known here"):
            codec.message_type(name)
    import sys

    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("shape", [(60, 0), (0, 5), (3, 7)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_segment_packed_by_its_cached_head_is_what_msgpack_makes_of_it(shape, order):
    samples = np.arange(np.prod(shape)).reshape(shape).astype(np.int16, order=order)
    plainly = [{"samples": np.ascontiguousarray(samples)}]
    payload = codec.pack([Segment(0, 7, samples)], 0, 7)
    assert payload == codec.pack_value(plainly)
    for _ in range(2):  # the second time the head is known
        (result,) = codec.unpack(Segment, payload, 0, 7)
        assert result.samples.shape == shape
        assert np.array_equal(result.samples, samples)


@pytest.mark.parametrize("state", [*DeliveryState, "of a later version"])
def test_a_delivery_state_travels_as_its_text_and_comes_back_as_the_state(state):
    payload = codec.pack([Delivered(9, 10, 1, state)], 9, 10)
    assert codec.unpack_value(payload)[0]["state"] == str(state)
    assert str(state).encode() in payload
    (message,) = codec.unpack(Delivered, payload, 9, 10)
    assert message.state == state
    assert type(message.state) is type(state)


def test_messages_that_cannot_be_read_are_told_apart_from_those_that_can():
    good = {"name": "note", "value": "hello"}
    items = [good, {"name": "note", "value": 5}, {"name": "note"}, 7, {**good, "window": "ab"}]
    messages, unreadable = codec.read(Command, codec.pack_value(items), 0, 10)
    assert messages == [Command(0, 10, "note", "hello")]
    assert [item.values for item in unreadable] == [
        {"name": "note", "value": 5}, {"name": "note"}, {}, {**good, "window": "ab"},
    ]  # fmt: skip
    assert unreadable[0].reason == "an entry of Command at sample 10: value: 5, must be str"
    assert unreadable[2].reason == (
        "an entry of Command at sample 10: int, must be the fields of a message"
    )
    with pytest.raises(StoreError, match="value: 5, must be str"):
        codec.unpack(Command, codec.pack_value(items), 0, 10)


@pytest.mark.parametrize("payload", [b"garbage", b"\xc0", b"\x81\xa1a\x01", b"\x91" * 100_000])
def test_an_entry_that_is_no_list_of_messages_is_one_unreadable_message(payload):
    messages, unreadable = codec.read(Stimulus, payload, 0, 10)
    assert messages == []
    assert len(unreadable) == 1


@given(st.binary(max_size=60), st.sampled_from([Segment, Spikes, Stimulus, Delivered, Command]))
def test_reading_never_raises(data, kind):
    messages, unreadable = codec.read(kind, data, 0, 10)
    assert messages or unreadable or not data or data[0] == 0x90  # 0x90: an empty list


@pytest.mark.parametrize("dtype", "? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split())
def test_every_plain_number_has_its_size(dtype):
    numbers = np.ones(3, dtype)
    (result,) = codec.unpack_value(codec.pack_value([numbers]))
    assert result.dtype == numbers.dtype
    assert result.tolist() == numbers.tolist()


@pytest.mark.parametrize("window", [(0, 7), (2, 7), (0, 5), (2, 5)])
def test_a_segment_keeps_its_window_in_an_entry_of_another(window):
    segment = Segment(*window, np.ones((3, 5), np.int16))
    (result,) = codec.unpack(Segment, codec.pack([segment], 0, 7), 0, 7)
    assert (result.start, result.stop) == window


def test_several_segments_of_an_entry_come_back_as_they_were():
    segments = [Segment(0, 7, np.full((3, 7), n, np.int16)) for n in range(2)]
    results = codec.unpack(Segment, codec.pack(segments, 0, 7), 0, 7)
    assert [result.samples[0, 0] for result in results] == [0, 1]


@pytest.mark.parametrize("kind", [Segment, Command])
@pytest.mark.parametrize("payload", [b"", codec.pack_value([])])
def test_an_entry_may_have_no_message(kind, payload):
    assert codec.read(kind, payload, 0, 10) == ([], [])


@pytest.mark.parametrize("value", [{1: 2.5}, MappingProxyType({"a": 1})])
def test_mappings_come_back_whatever_their_kind_and_keys(value):
    assert codec.unpack_value(codec.pack_value(value)) == value


def test_the_bytes_of_a_segment_are_none_of_another_message():
    payload = codec.pack([Segment(0, 7, np.ones((3, 7), np.int16))], 0, 7)
    assert codec.read(Segment, payload, 0, 7)[1] == []
    messages, unreadable = codec.read(Command, payload, 0, 7)
    assert messages == []
    assert "samples" in unreadable[0].reason


def test_segments_of_two_types_and_one_length_are_both_read_by_their_heads(monkeypatch):
    """As in a program that reads counts and publishes microvolts."""
    counts = Segment(0, 5, np.arange(10, dtype=np.int32).reshape(2, 5))
    microvolts = Segment(0, 5, np.arange(10, dtype=np.float32).reshape(2, 5))
    packed = [codec.pack([segment], 0, 5) for segment in (counts, microvolts)]
    assert len(packed[0]) == len(packed[1])
    monkeypatch.setattr(codec, "unpack_value", None)
    for payload, segment in zip(packed, (counts, microvolts), strict=True):
        ((message,), unreadable) = codec.read(Segment, payload, 0, 5)
        assert message.samples.dtype == segment.samples.dtype
        assert (message.samples == segment.samples).all()
        assert not unreadable


def test_rows_of_several_arrays_are_packed_as_one_segment():
    samples = np.arange(35, dtype=np.int16).reshape(7, 5)
    parts = [samples[:2], samples[2:3], samples[3:]]
    assert codec.pack_rows(parts) == codec.pack([Segment(10, 15, samples)], 10, 15)
