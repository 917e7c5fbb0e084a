"""What a browser is sent: counts, traces and the events, each part once, bounded by the screen."""

import json

import numpy as np
import pytest

from crepe.dashboard.counts import Counts
from crepe.dashboard.frames import BrowserView, Made, more, pack
from crepe.dashboard.latency import EDGES_MS, Latency
from crepe.dashboard.player_queue import AWAY_S, IDLE_S, PlayerQueue
from crepe.dashboard.session_view import SessionView
from crepe.dashboard.traces import Traces
from crepe.electrodes.layouts import grid_labels
from crepe.messages import (
    Command,
    Delivered,
    GameState,
    Segment,
    Spikes,
    Stimulus,
    StreamInfo,
)
from crepe.store import codec
from crepe.store.contract import Entry

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


def unpacked(frame):
    """As the browser does it."""
    length = int.from_bytes(frame[:4], "little")
    head = json.loads(frame[4 : 4 + length])
    at, arrays = 4 + length, {}
    for about in head["arrays"]:
        kind, n = np.dtype(about["dtype"]), int(np.prod(about["shape"]))
        assert at % 8 == 0
        arrays[about["name"]] = np.frombuffer(frame, kind, n, at).reshape(about["shape"])
        at += -(-n * kind.itemsize // 8) * 8
    assert at == len(frame)
    return head, arrays


class Fed:
    """A session_view that is fed message by message."""

    def __init__(self, n_channels=60, experiment=None):
        self.session_view = SessionView("s", experiment)
        self.session_view.learn(
            {
                "data": info("Segment", n_channels, scale_uv=(0.5,)),
                "data:spikes": info("Spikes", n_channels),
                "data:truth": info("Spikes", n_channels),
                "result:game": info("GameState", n_channels),
                "result:stimuli": info("Stimulus", n_channels),
                "result:delivered": info("Delivered", n_channels),
                "result:control": info("Command", n_channels),
            }
        )

    def take(self, stream, *messages):
        start, stop = messages[0].start, messages[-1].stop
        payload = codec.pack(messages, start, stop)
        self.session_view.take(stream, Entry(start, stop, payload))


# Counts


def test_spikes_are_counted_by_channel_and_bin():
    counts = Counts(info("Spikes"))
    counts.take(spikes(0, 1000, [3, 3, 5], [10, 150, 450]))
    found = counts.raster(0, 5)
    assert found.shape == (60, 5)
    assert found[3].tolist() == [2, 0, 0, 0, 0]
    assert found[5].tolist() == [0, 0, 1, 0, 0]
    assert found.sum() == 3


def test_what_is_older_than_a_minute_is_forgotten():
    counts = Counts(info("Spikes"))
    counts.take(spikes(0, 100, [1], [50]))
    counts.reach(100 + 60 * RATE_HZ)
    assert counts.raster(3000, 6000).sum() == 0
    counts.take(spikes(600_100, 600_200, [2], [600_150]))
    assert counts.raster(3000, 3001)[2, 0] == 1


def test_many_spikes_in_a_bin_stay_many():
    counts = Counts(info("Spikes"))
    for start in range(0, 200, 20):
        counts.take(spikes(start, start + 20, [0] * 60, [start] * 60))
    assert counts.raster(0, 1)[0, 0] == 255


@pytest.mark.parametrize("n_channels", [1024, 4096])
def test_a_raster_has_no_more_rows_than_a_screen_and_loses_no_spike(n_channels):
    counts = Counts(info("Spikes", n_channels))
    channel = np.arange(n_channels)
    counts.take(spikes(0, 200, channel, np.zeros(n_channels)))
    assert counts.raster(0, 1).shape == (128, 1)
    assert counts.raster(0, 1).sum() == n_channels


def test_rates_are_per_second_and_channel():
    counts = Counts(info("Spikes"))
    counts.take(spikes(0, RATE_HZ, [7] * 12, np.arange(12) * 800))
    assert counts.rates_hz()[7] == 12
    assert counts.population(0, 50).mean() == pytest.approx(12 / 60)


# Traces


def test_a_trace_is_the_minimum_and_maximum_of_each_millisecond():
    traces = Traces(info("Segment", 2, scale_uv=(0.5, 2.0)))
    samples = np.arange(2 * 100, dtype=np.int32).reshape(2, 100)
    for start in range(0, 100, 25):  # cut where no bin ends
        traces.take(Segment(start, start + 25, samples[:, start : start + 25]))
    low, high = traces.window(np.array([0, 1]), 0, 10, 1)
    np.testing.assert_array_equal(low[0], 0.5 * np.arange(0, 100, 10))
    np.testing.assert_array_equal(high[1], 2.0 * (np.arange(109, 209, 10)))
    low, high = traces.window(np.array([1]), 0, 2, 5)
    assert low.tolist() == [[200.0, 300.0]]


def test_what_is_missing_is_nan_and_what_is_older_than_the_window_forgotten():
    traces = Traces(info("Segment", 1))
    ones = np.ones((1, 100), np.int32)
    traces.take(Segment(0, 100, ones))
    traces.take(Segment(300, 400, ones))
    low, _ = traces.window(np.array([0]), 0, 40, 1)
    assert np.isnan(low[0, 10:30]).all()
    assert (low[0, 30:] == 1).all()
    traces.take(Segment(100_000, 100_100, ones))
    low, _ = traces.window(np.array([0]), 10, 10_000, 1)
    assert np.isnan(low[0, 30:]).all()
    assert (low[0, 20:30] == 1).all()  # 10 s ago


def test_of_a_large_array_only_what_is_looked_at_is_kept():
    traces = Traces(info("Segment", 1024))
    traces.keep((5, 900))
    traces.take(Segment(0, 100, np.arange(1024, dtype=np.int32)[:, None].repeat(100, 1)))
    low, _ = traces.window(np.array([900, 7, 5]), 0, 1, 1)
    assert low[0] == 900
    assert np.isnan(low[1])
    assert low[2] == 5
    traces.keep((5, 7))
    assert traces.window(np.array([5]), 0, 1, 1)[0] == 5  # it has not forgotten


def test_the_noise_level_is_that_of_the_last_whole_second():
    rng = np.random.default_rng(4)
    samples = rng.normal(0, 10, (2, 2 * RATE_HZ)).astype(np.float32)
    traces = Traces(info("Segment", 2))
    for start in range(0, 2 * RATE_HZ, 300):
        part = samples[:, start : start + 300]
        traces.take(Segment(start, start + part.shape[1], part))
    wanted = np.median(np.abs(samples[:, RATE_HZ:]), axis=1) / 0.6745
    assert traces.noise_uv[0] == pytest.approx(wanted[0], rel=1e-5)
    assert traces.noise_uv[1] == pytest.approx(wanted[1], rel=1e-5)


# The session_view, the events and the frames


def test_the_truth_about_a_simulated_culture_is_not_looked_at():
    assert "data:truth" not in Fed().session_view.infos
    assert Fed().session_view.spikes_stream == "data:spikes"


def test_a_train_is_told_from_asking_to_its_end_and_a_refusal_with_its_reason():
    fed = Fed()
    train = (("48",), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 20)
    fed.take("result:stimuli", Stimulus(0, 100, 1, 600, *train, "rock"))
    fed.take("result:delivered", Delivered(100, 200, 1, "delivered", fired=600, age_ms=50.0))
    fed.take("result:stimuli", Stimulus(200, 300, 2, 900, *train, "rock"))
    fed.take("result:delivered", Delivered(300, 400, 2, "refused", "not armed"))
    fed.take("result:delivered", Delivered(599, 600, 3, "intended"))  # its stream was read first
    fed.take("result:stimuli", Stimulus(500, 590, 3, 1100, *train, "rock"))
    fed.take("result:stimuli", Stimulus(590, 600, 4, 1500, *train, "rock"))
    found = fed.session_view.events.as_json()
    assert [one["state"] for one in found["stimuli"]] == ["delivered", "refused", "intended", ""]
    assert (found["n_delivered"], found["n_refused"]) == (1, 1)
    assert found["refusals"][0]["reason"] == "not armed"
    assert fed.session_view.fired.as_json()["p50_ms"] == 50.0


def test_trials_are_kept_by_condition_and_what_is_said_without_the_sensors_frames():
    fed = Fed()
    for trial, condition, outcome in ((1, "", "won"), (2, "sham", None)):
        at = trial * 100
        said = {"gesture": "rock", "outcome": outcome, "condition": condition}
        fed.take("result:game", GameState(at, at + 10, trial, "outcome", **said))
    fed.take("result:control", Command(5, 6, "note", "hello"), Command(6, 7, "frame", "none"))
    found = fed.session_view.events.as_json()
    assert found["by_condition"] == {"": {"won": 1}, "sham": {"none": 1}}
    assert [one["value"] for one in found["said"]] == ["hello"]


def test_what_a_game_refuses_is_told_with_who_asked_and_is_no_gesture_unless_it_was_one():
    fed = Fed()
    said = {"outcome": "condition 'x': the plan decides", "shown_by": "page"}
    fed.take("result:game", GameState(0, 10, 1, "refused", **said))
    found = fed.session_view.events.as_json()
    assert found["said"] == [
        {"name": "refused", "value": said["outcome"], "sender": "page", "at": 10}
    ]
    assert found["refused_gesture"] is None
    fed.take("result:game", GameState(10, 20, 1, "refused", gesture="rok", **said))
    assert fed.session_view.events.as_json()["refused_gesture"]["shown_by"] == "page"


@pytest.mark.parametrize(
    ("game", "can_be_played"),
    [
        ({"reads": ["result", "control", "input"]}, True),
        ({"reads": ["result", "control"]}, False),
        ({"reads": ["result", "input"], "blocks": [{"condition": "sham"}]}, False),
    ],
)
def test_a_seat_is_offered_only_where_gestures_are_heard(game, can_be_played):
    fed = Fed(experiment={"actors": {"game": {**game, "writes": ["result:game"]}}})
    assert fed.session_view.about()["can_be_played"] is can_be_played


def test_a_frame_is_unpacked_to_what_was_packed():
    arrays = {"a": np.arange(5, dtype=np.uint8), "b": np.ones((2, 3), np.float32)}
    head, found = unpacked(pack({"x": "é"}, arrays))
    assert head["x"] == "é"
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)


def test_each_browser_is_sent_everything_once():
    fed = Fed()
    view = BrowserView()
    view.ask({"shows_raster": True, "shows_traces": True, "channels": [0, 3], "stream": "data"})
    fed.session_view.watch({"data": (0, 3)})
    fed.take("data:spikes", spikes(0, 1000, [3], [500]))
    fed.take("data", Segment(0, 1000, np.ones((60, 1000), np.int32)))
    head, arrays = unpacked(view.frame(fed.session_view, more({"age_s": 0}), {}))
    assert {"about", "events", "more", "traces", "raster"} <= set(head)
    assert arrays["raster"].shape == (60, 5)
    assert arrays["low"].shape == (2, 20)
    assert head["spikes"] == {"place": [1], "sample": [500]}
    head, arrays = unpacked(view.frame(fed.session_view, more({"age_s": 0}), {}))
    assert not {"about", "events", "more"} & set(head)
    assert arrays["raster"].shape == (60, 0)
    assert arrays["low"].shape == (2, 0)
    assert head["spikes"]["sample"] == []


def test_the_rates_of_the_array_are_sent_to_who_sees_its_map():
    fed = Fed(n_channels=1024)
    fed.take("data:spikes", spikes(0, 1000, [3], [500]))
    for shows_array in (True, False):
        view = BrowserView()
        view.ask({"shows_array": shows_array, "shows_raster": True})
        _, arrays = unpacked(view.frame(fed.session_view, more({}), {}))
        assert ("rates_hz" in arrays) is shows_array


def test_browsers_that_look_at_the_same_share_a_frame_and_others_do_not():
    fed = Fed()
    views = [BrowserView() for _ in range(3)]
    for view in views:
        view.ask({"shows_raster": True})
    made: Made = {}
    fed.take("data:spikes", spikes(0, 1000, [3], [500]))
    first, second = (view.frame(fed.session_view, more({}), made) for view in views[:2])
    assert first is second
    fed.take("data:spikes", spikes(1000, 2000, [3], [1500]))
    made.clear()
    assert unpacked(views[0].frame(fed.session_view, more({}), made))[1]["raster"].shape == (60, 5)
    assert unpacked(views[2].frame(fed.session_view, more({}), made))[1]["raster"].shape == (60, 10)
    assert unpacked(views[1].frame(fed.session_view, more({}), made))[1]["raster"].shape == (60, 5)


def test_browsers_that_are_told_different_things_do_not_share_a_frame():
    fed = Fed()
    made: Made = {}
    heads = [
        unpacked(BrowserView().frame(fed.session_view, more({"role": role}), made))[0]
        for role in ("watch", "operate")
    ]
    assert [head["more"]["role"] for head in heads] == ["watch", "operate"]


@pytest.mark.parametrize("n_channels", [60, 1024, 4096])
def test_a_frame_is_bounded_by_the_screen_whatever_the_array_and_the_pause(n_channels):
    fed = Fed(n_channels)
    view = BrowserView()
    channels = list(range(n_channels))
    view.ask({"shows_raster": True, "shows_traces": True, "channels": channels, "stream": "data"})
    view.ask({"traces_s": 10, "raster_s": 60})
    fed.session_view.watch({"data": view.asked.channels})
    view.frame(fed.session_view, more({}), {})
    for start in range(0, 65 * RATE_HZ, RATE_HZ):
        fed.take("data:spikes", spikes(start, start + RATE_HZ, [0], [start]))
    fed.session_view.traces["data"].stop = 65 * RATE_HZ
    frame = view.frame(fed.session_view, more({}), {})
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
def test_what_a_browser_asks_in_vain_changes_nothing(words):
    fed = Fed()
    view = BrowserView()
    view.ask({"shows_traces": True, "shows_raster": True})
    view.ask(words)
    fed.session_view.watch({"data": view.asked.channels})
    head, _ = unpacked(view.frame(fed.session_view, more({}), {}))
    assert head["traces"]["channels"] == []
    assert (view.asked.traces_s, view.asked.raster_s) == (5, 30)


def test_the_stream_that_is_shown_is_the_one_whose_spikes_are_detected():
    detect = {"run": "crepe.actors.detect:Detect", "reads": ["data"], "threshold_sd": 4.0}
    fed = Fed(experiment={"actors": {"detect": detect}})
    assert fed.session_view.default_traces == "data"
    assert fed.session_view.threshold_sd("data") == 4.0
    assert fed.session_view.threshold_sd("data:filtered") is None


def test_where_what_is_detected_on_is_not_published_the_last_stream_of_samples_is_shown():
    detect = {"run": "crepe.actors.detect:Detect", "reads": ["data:filtered"]}
    fed = Fed(experiment={"actors": {"detect": detect}})
    fed.session_view.learn({"data:blanked": info("Segment")})
    view = BrowserView()
    view.ask({"shows_traces": True, "channels": [3]})
    fed.session_view.watch({"data:blanked": (3,)})
    fed.take("data:blanked", Segment(0, 1000, np.ones((60, 1000), np.int32)))
    head, _ = unpacked(view.frame(fed.session_view, more({}), {}))
    assert head["about"]["default_traces"] == head["traces"]["stream"] == "data:blanked"
    assert head["traces"]["thresholds_uv"] == [None]  # that of another stream would be wrong


def test_delays_fall_into_bars_and_the_longest_into_the_last():
    latency = Latency()
    assert latency.as_json()["p50_ms"] is None
    for ms in (-0.1, 0.5, 4.0, 700.0):
        latency.take(ms)
    found = latency.as_json()
    assert sum(found["counts"]) == found["n"] == 4
    assert found["counts"][0] == 2
    assert found["counts"][EDGES_MS.index(3)] == 1
    assert found["counts"][-1] == 1


# The queue


def test_the_seat_goes_to_who_comes_first_and_then_in_order():
    queue = PlayerQueue()
    queue.ask("a", "Ada", 0)
    queue.ask("b", "Bob", 1)
    queue.ask("b", "Bob", 2)
    assert queue.may_play("a")
    assert not queue.may_play("b")
    assert queue.as_json("b") == {"is_taken": True, "name": "Ada", "waiting": ["Bob"], "place": 1}
    assert queue.as_json("c")["place"] is None
    queue.leave("a", 3)
    assert queue.may_play("b")


def test_who_plays_keeps_the_seat_and_who_is_idle_makes_way():
    queue = PlayerQueue()
    queue.ask("a", "Ada", 0)
    queue.ask("b", "Bob", 0)
    queue.played(20)
    for who in "ab":
        queue.seen(who, 20 + IDLE_S)
    queue.tick(20 + IDLE_S)
    assert queue.may_play("a")
    queue.tick(21 + IDLE_S)
    assert queue.may_play("b")
    assert queue.as_json("b")["waiting"] == ["Ada"]


def test_nobody_is_hurried_who_plays_alone():
    queue = PlayerQueue()
    queue.ask("a", "Ada", 0)
    queue.seen("a", 1000)
    queue.tick(1000)
    assert queue.may_play("a")


def test_who_has_gone_away_leaves_the_seat():
    queue = PlayerQueue()
    queue.ask("a", "Ada", 0)
    queue.ask("b", "Bob", 0)
    queue.seen("b", AWAY_S + 1)
    queue.tick(AWAY_S + 1)
    assert queue.may_play("b")
    queue.tick(3 * AWAY_S)
    assert queue.player is None
