"""Fields that CREPE has not written are an error with a sentence."""

import pytest

from crepe.errors import StoreError
from crepe.messages import StreamInfo
from crepe.store.contract import Entry, UnclockedEntry
from crepe.store.redis_fields import (
    entry_fields,
    entry_from,
    info_fields,
    info_from,
    pairs,
    unclocked_from,
    writer_of,
)

INFO = StreamInfo("Segment", 1000.0, labels=("a", "b"), scale_uv=(0.5,), is_live=True)


def as_raw(info):
    items = [item.encode() for item in info_fields(info)]
    return dict(zip(items[::2], items[1::2], strict=True))


def test_a_description_comes_back():
    assert info_from({**as_raw(INFO), b"of_another_version": b"x"}) == INFO
    assert info_from({}) == StreamInfo()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sampling_rate_hz", b"x"), ("sampling_rate_hz", b"nan"), ("sampling_rate_hz", b"0"),
        ("sampling_rate_hz", b"inf"), ("segment_samples", b"1.5"), ("origin_t_ns", b""),
        ("labels", b""), ("labels", b"3"), ("labels", b"[1]"), ("labels", b"{}"),
        ("labels", b"[" * 100_000), ("scale_uv", b'["x"]'), ("positions_um", b"[1]"),
        ("source", b"\xff"), ("\udcff", b"x"),
    ],
)  # fmt: skip
def test_one_that_others_have_written_is_refused(name, text):
    place = name if name.isascii() else "its names"
    with pytest.raises(StoreError, match=f"description of a stream, {place}: not written by CREPE"):
        info_from({**as_raw(INFO), name.encode(errors="surrogateescape"): text})


# Entries

PLAIN = Entry(100, 200, b"payload", 5, session="s")
RARE = {
    "position": (PLAIN._replace(position=0), ("position", 0)),
    "heard": (PLAIN._replace(command_id="7-1"), ("heard", "7-1")),
    "gap": (PLAIN._replace(is_estimated=True), ("gap", "estimated")),
    "snapshot": (PLAIN._replace(snapshot=b"state"), ("snapshot", b"state")),
    "end": (PLAIN._replace(is_end=True), ("end", 1)),
}


def item(entry):
    """An entry as Redis replies it, in the order in which the writer sends its fields."""
    fields = (*entry_fields(entry), "session", entry.session, "writer", "w-1", "data")
    raw = [field if isinstance(field, bytes) else str(field).encode() for field in fields]
    return b"%d-0" % entry.stop, [*raw, entry.payload]


@pytest.mark.parametrize("name", RARE)
def test_a_field_that_few_entries_have_is_written_only_where_it_says_something(name):
    entry, fields = RARE[name]
    assert entry_fields(PLAIN) == ("start", 100, "t_ns", 5)
    assert entry_fields(entry) == ("start", 100, "t_ns", 5, *fields)


@pytest.mark.parametrize("entry", [PLAIN, *(entry for entry, _ in RARE.values())])
def test_an_entry_comes_back_with_its_writer(entry):
    assert entry_from(item(entry)) == entry
    assert writer_of(item(entry)) == "w-1"


def test_an_entry_is_read_by_names_in_whatever_order_they_come():
    identity, items = item(RARE["heard"][0])
    turned = [field for i in range(len(items) - 2, -1, -2) for field in items[i : i + 2]]
    assert entry_from((identity, turned)) == RARE["heard"][0]
    shortest = [b"session", b"s", b"start", b"100", b"data", b""]
    assert entry_from((b"200-0", shortest)) == Entry(100, 200, session="s")
    assert writer_of((b"200-0", shortest)) == ""


@pytest.mark.parametrize(
    "items",
    [
        [b"start", b"100", b"data", b""],
        [b"session", b"s", b"data", b""],
        [b"session", b"s", b"start", b"100"],
        [b"session", b"s", b"start", b"x", b"data", b""],
        [b"session", b"\xff", b"start", b"100", b"data", b""],
        [b"session", b"s", b"start", b"100", b"data"],
        [b"start", b"x", b"t_ns", b"5", b"session", b"s", b"writer", b"w", b"data", b""],
    ],
)
def test_an_entry_that_others_have_written_is_refused_with_its_id(items):
    with pytest.raises(StoreError, match="entry 200-0: not written by CREPE"):
        entry_from((b"200-0", items))


def test_an_entry_outside_the_clock_keeps_its_id_and_needs_no_payload():
    assert unclocked_from((b"7-1", [b"data", b"x", b"by", b"y"])) == UnclockedEntry("7-1", b"x")
    assert unclocked_from((b"7-1", [])) == UnclockedEntry("7-1", b"")
    with pytest.raises(ValueError, match="shorter"):
        pairs([b"data"])


def test_a_description_in_redis_is_as_others_read_it():
    raw = as_raw(INFO)
    assert raw[b"labels"] == b'["a", "b"]'
    assert raw[b"sampling_rate_hz"] == b"1000.0"
    assert (raw[b"is_live"], raw[b"is_simulated"]) == (b"1", b"0")
    assert raw.keys().isdisjoint({b"session", b"writer"})
