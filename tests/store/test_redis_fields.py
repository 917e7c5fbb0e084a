"""Fields that CREPE has not written are an error with a sentence."""

import pytest

from crepe.errors import StoreError
from crepe.messages import StreamInfo
from crepe.store.redis_fields import info_fields, info_from

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
    with pytest.raises(StoreError, match="description of a stream, .*: not written by CREPE"):
        info_from({**as_raw(INFO), name.encode(errors="surrogateescape"): text})
