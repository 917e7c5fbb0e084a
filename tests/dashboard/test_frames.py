"""Frames: each part is sent once, is shared between browsers, and is bounded by the screen."""

import numpy as np
import pytest

from crepe.dashboard.frames import BrowserView, FrameCache, pack, slow_state
from crepe.electrodes.layouts import grid_labels
from crepe.messages import Segment, Spikes, StreamInfo

RATE_HZ = 10_000


def info(message, n_channels=60, **more):
    return StreamInfo(message, RATE_HZ, labels=grid_labels(n_channels), **more)


def spikes(start, stop, channel=(), sample=()):
    return Spikes(
        start,
        stop,
        np.array(channel, np.int32),
        np.array(sample, np.int64),
        np.zeros(len(channel), np.float32),
    )


def test_a_frame_is_unpacked_to_what_was_packed(unpacked):
    arrays = {"a": np.arange(5, dtype=np.uint8), "b": np.ones((2, 3), np.float32)}
    head, found = unpacked(pack({"x": "é"}, arrays))
    assert head["x"] == "é"
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_each_browser_is_sent_everything_once(session, unpacked):
    fed = session()
    view = BrowserView()
    view.change({"shows_raster": True, "shows_traces": True, "channels": [0, 3], "stream": "data"})
    fed.session_view.watch({"data": (0, 3)})
    fed.take("data:spikes", spikes(0, 1000, [3], [500]))
    fed.take("data", Segment(0, 1000, np.ones((60, 1000), np.int32)))
    head, arrays = unpacked(view.frame(fed.session_view, slow_state({"age_s": 0}), {}))
    assert {"about", "events", "more", "traces", "raster"} <= set(head)
    assert arrays["raster"].shape == (60, 5)
    assert arrays["low"].shape == (2, 20)
    assert head["spikes"] == {"place": [1], "sample": [500]}
    head, arrays = unpacked(view.frame(fed.session_view, slow_state({"age_s": 0}), {}))
    assert not {"about", "events", "more"} & set(head)
    assert arrays["raster"].shape == (60, 0)
    assert arrays["low"].shape == (2, 0)
    assert head["spikes"]["sample"] == []


def test_the_rates_of_the_array_are_sent_to_browsers_that_show_its_map(session, unpacked):
    fed = session(n_channels=1024)
    fed.take("data:spikes", spikes(0, 1000, [3], [500]))
    for shows_array in (True, False):
        view = BrowserView()
        view.change({"shows_array": shows_array, "shows_raster": True})
        _, arrays = unpacked(view.frame(fed.session_view, slow_state({}), {}))
        assert ("rates_hz" in arrays) is shows_array


def test_browsers_that_show_the_same_share_a_frame_and_others_do_not(session, unpacked):
    fed = session()
    views = [BrowserView() for _ in range(3)]
    for view in views:
        view.change({"shows_raster": True})
    cache: FrameCache = {}
    fed.take("data:spikes", spikes(0, 1000, [3], [500]))
    first, second = (view.frame(fed.session_view, slow_state({}), cache) for view in views[:2])
    assert first is second
    fed.take("data:spikes", spikes(1000, 2000, [3], [1500]))
    cache.clear()
    assert unpacked(views[0].frame(fed.session_view, slow_state({}), cache))[1]["raster"].shape == (
        60,
        5,
    )
    assert unpacked(views[2].frame(fed.session_view, slow_state({}), cache))[1]["raster"].shape == (
        60,
        10,
    )
    assert unpacked(views[1].frame(fed.session_view, slow_state({}), cache))[1]["raster"].shape == (
        60,
        5,
    )


def test_browsers_with_different_slow_states_do_not_share_a_frame(session, unpacked):
    fed = session()
    cache: FrameCache = {}
    heads = [
        unpacked(BrowserView().frame(fed.session_view, slow_state({"role": role}), cache))[0]
        for role in ("watch", "operate")
    ]
    assert [head["more"]["role"] for head in heads] == ["watch", "operate"]


@pytest.mark.parametrize("n_channels", [60, 1024, 4096])
def test_a_frame_is_bounded_by_the_screen_whatever_the_array_and_the_pause(
    session, n_channels, unpacked
):
    fed = session(n_channels)
    view = BrowserView()
    channels = list(range(n_channels))
    view.change(
        {"shows_raster": True, "shows_traces": True, "channels": channels, "stream": "data"}
    )
    view.change({"traces_s": 10, "raster_s": 60})
    fed.session_view.watch({"data": view.options("traces").channels})
    view.frame(fed.session_view, slow_state({}), {})
    for start in range(0, 65 * RATE_HZ, RATE_HZ):
        fed.take("data:spikes", spikes(start, start + RATE_HZ, [0], [start]))
    fed.session_view.traces["data"].stop = 65 * RATE_HZ
    frame = view.frame(fed.session_view, slow_state({}), {})
    head, arrays = unpacked(frame)
    assert arrays["raster"].shape[1] <= 3000
    assert len(head["traces"]["channels"]) <= 64
    assert arrays["low"].shape[1] <= 1000
    assert len(frame) < 1_000_000


@pytest.mark.parametrize(
    "words",
    [
        {"channels": "all"},
        {"channels": [-1, 1.5, None, 10**9]},
        {"traces_s": 10**6, "raster_s": "long"},
        {"stream": "data:truth"},
        {"stream": 5},
        {},
    ],
)
def test_invalid_values_of_a_browser_change_nothing(session, words, unpacked):
    fed = session()
    view = BrowserView()
    view.change({"shows_traces": True, "shows_raster": True})
    view.change(words)
    fed.session_view.watch({"data": view.options("traces").channels})
    head, _ = unpacked(view.frame(fed.session_view, slow_state({}), {}))
    assert head["traces"]["channels"] == []
    assert (view.options("traces").seconds, view.options("raster")) == (5, 30)


def test_where_what_is_detected_on_is_not_published_the_last_stream_of_samples_is_shown(
    session, unpacked
):
    detect = {"run": "crepe.actors.detect:Detect", "reads": ["data:filtered"]}
    fed = session(experiment={"actors": {"detect": detect}})
    fed.session_view.learn({"data:blanked": info("Segment")})
    view = BrowserView()
    view.change({"shows_traces": True, "channels": [3]})
    fed.session_view.watch({"data:blanked": (3,)})
    fed.take("data:blanked", Segment(0, 1000, np.ones((60, 1000), np.int32)))
    head, _ = unpacked(view.frame(fed.session_view, slow_state({}), {}))
    assert head["about"]["default_traces"] == head["traces"]["stream"] == "data:blanked"
    assert head["traces"]["thresholds_uv"] == [[]]  # that of another stream would be wrong
