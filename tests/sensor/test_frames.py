"""Frames: read strictly, classified by their warm pixels, simulated so that the class is known."""

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crepe.config.tables import InfraredSettings
from crepe.errors import DeviceError
from crepe.sensor import hand_frames
from crepe.sensor.frames import FrameError, classify, n_warm, parse

SETTINGS = InfraredSettings()


def frame_with(n_hot, hot_c=30.0, cold_c=18.0):
    """The first `n_hot` pixels of the region are warm; so is all that lies outside of it."""
    pixels = np.full((8, 8), 35.0)
    region = np.full(16, cold_c)
    region[:n_hot] = hot_c
    pixels[0:4, 4:8] = region.reshape(4, 4)
    return tuple(tuple(row) for row in pixels.tolist())


@pytest.mark.parametrize(
    ("n_hot", "gesture"),
    [
        *((n, None) for n in (0, 2)),
        *((n, "rock") for n in (3, 5, 6)),
        *((n, "scissors") for n in (7, 10, 13)),
        *((n, "paper") for n in (14, 16)),
    ],
)
def test_the_number_of_warm_pixels_in_the_region_is_the_gesture(n_hot, gesture):
    assert n_warm(frame_with(n_hot), SETTINGS) == n_hot
    assert classify(frame_with(n_hot), SETTINGS) == gesture


def test_a_pixel_must_be_warmer_than_the_limit():
    assert classify(frame_with(16, hot_c=20.0), SETTINGS) is None
    assert classify(frame_with(16, hot_c=20.25), SETTINGS) == "paper"


@given(st.lists(st.floats(-40, 120) | st.integers(-40, 120), min_size=8, max_size=8))
def test_a_frame_of_numbers_is_read_as_it_was_sent(row):
    rows = [row[n:] + row[:n] for n in range(8)]
    assert parse(json.dumps(rows).encode()) == tuple(tuple(map(float, row)) for row in rows)


ROW = "[" + ",".join(["20"] * 8) + "]"


def text_of(cell="20", row=ROW, n_rows=8):
    return "[" + ",".join([row.replace("20", cell, 1), *[ROW] * (n_rows - 1)]) + "]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "not JSON"),
        ("\ud8ff", "not JSON"),
        ("[" * 60_000, "too deep|not JSON"),
        ('{"temps": []}', "frame: an object, must be a list"),
        ("null", "frame: null"),
        ("20", "frame: a number"),
        (text_of(n_rows=7), "frame: a list of 7, must be of 8"),
        (text_of(row="[20]"), "row 0: a list of 1, must be of 8"),
        (text_of(row='"20"'), "row 0: text, must be a list"),
        (text_of("NaN"), "^body: NaN is no temperature"),
        (text_of("-Infinity"), "-Infinity is no temperature"),
        (text_of("1e999"), "row 0, column 0: too large"),
        (text_of("1" + "0" * 400), "row 0, column 0: too large"),
        (text_of("1" * 5000), "not JSON"),
        (text_of("true"), "row 0, column 0: a truth value, must be a number"),
        (text_of('"20.0"'), "row 0, column 0: text, must be a number"),
        (text_of("null"), "row 0, column 0: null, must be a number"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_reason(text, expected):
    with pytest.raises(FrameError, match=expected):
        parse(text.encode("utf-8", "surrogatepass"))


@given(st.binary())
def test_any_bytes_are_a_frame_or_refused(body):
    with suppress(FrameError):
        assert len(parse(body)) == 8


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"rows": (4, 4)}, "rows 4 to 4, must be within 0 to 8"),
        ({"columns": (4, 9)}, "columns 4 to 9"),
        ({"least_pixels": {"rock": 17}}, "must differ and be at most 16"),
        ({"least_pixels": {"rock": 3, "paper": 3}}, "must differ"),
        ({"least_pixels": {}}, "at least 1"),
    ],
)
def test_settings_that_can_find_no_hand_are_refused(settings, expected):
    with pytest.raises(ValidationError, match=expected):
        InfraredSettings(**settings)


@given(
    st.sampled_from([*SETTINGS.least_pixels, hand_frames.NO_HAND]),
    st.integers(0, 2**32),
    st.booleans(),
)
def test_simulated_frames_are_what_they_show_in_steps_of_the_sensor(gesture, seed, is_elsewhere):
    settings = SETTINGS
    if is_elsewhere:
        settings = InfraredSettings(rows=(2, 8), columns=(0, 5), warmer_than_c=27.5)
    seen = hand_frames.frames(gesture, settings, np.random.default_rng(seed))
    for _, frame in zip(range(3), seen, strict=False):
        assert classify(frame, settings) == (None if gesture == hand_frames.NO_HAND else gesture)
        assert np.all(np.array(frame) % hand_frames.STEP_C == 0)
        assert parse(hand_frames.as_json(frame)) == frame


def test_simulated_frames_follow_from_the_seed():
    def some(seed):
        return next(hand_frames.frames("rock", SETTINGS, np.random.default_rng(seed)))

    assert some(1) == some(1)
    assert some(1) != some(2)


def test_recorded_frames_are_one_to_a_line(tmp_path):
    path = tmp_path / "frames.jsonl"
    path.write_bytes(b"\n".join(hand_frames.as_json(frame_with(n)) for n in (0, 5)))
    assert hand_frames.recorded(path) == [frame_with(0), frame_with(5)]
    path.write_bytes(hand_frames.as_json(frame_with(0)) + b"\nnonsense")
    with pytest.raises(DeviceError, match=r"frames.jsonl, line 2: body: not JSON"):
        hand_frames.recorded(path)
    path.write_bytes(b"")
    with pytest.raises(DeviceError, match="empty"):
        hand_frames.recorded(path)
    with pytest.raises(DeviceError, match="cannot be read"):
        hand_frames.recorded(tmp_path / "nowhere")
