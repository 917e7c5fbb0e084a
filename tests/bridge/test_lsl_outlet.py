"""Outlets of LSL: what a receiver gets, and what it can know of it."""

import json
import time

import numpy as np
import pytest

from crepe.actors.actor import ActorContext
from crepe.bridge.lsl_outlet import LslOutlet, markers
from crepe.config.experiment import load_experiment
from crepe.electrodes.layouts import grid_labels
from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState, Segment, Spikes, StreamInfo
from tests.document_files import ROOT
from tests.hw.lsl.outlet import lsl

try:
    pylsl = lsl()
except (ImportError, OSError, RuntimeError) as error:  # no liblsl for this computer
    pytest.skip(f"pylsl: {error}", allow_module_level=True)

RATE_HZ, N = 10_000.0, 60
LABELS = grid_labels(N)
ORIGIN_NS = 1_795_000_000 * 10**9


def context(*, is_simulated=True, origin_t_ns=None):
    def info(message):
        origin = time.time_ns() if origin_t_ns is None else origin_t_ns
        return StreamInfo(
            message, RATE_HZ, LABELS, dtype="int16", scale_uv=(0.5,), geometry="60MEA200",
            origin_t_ns=origin, is_simulated=is_simulated, source="meame://x",
        )  # fmt: skip

    inputs = {
        "data": info("Segment"),
        "data:spikes": info("Spikes"),
        "result:game": info("GameState"),
    }
    return ActorContext(inputs=inputs, session="s1", name="lsl")


def segment(start, stop, t_ns=0):
    samples = (np.arange(start, stop) + np.arange(N)[:, np.newaxis]).astype(np.int16)
    return Segment(start, stop, samples, t_ns)


class Opened:
    def __init__(self, prefix, **about):
        self.actor = LslOutlet(prefix=prefix)
        self.actor.open(context(**about))

    def inlet(self, stream):
        (found,) = pylsl.resolve_bypred(f"name='{self.actor.prefix}:{stream}'", 1, 20.0)
        inlet = pylsl.StreamInlet(found, recover=False, as_numpy=True)
        inlet.open_stream(20.0)
        return inlet


@pytest.fixture
def opened(request):
    outlet = Opened(f"t{time.monotonic_ns()}", **getattr(request, "param", {}))
    yield outlet
    outlet.actor.close()


def test_samples_arrive_in_microvolts_with_the_times_of_the_acquisition_clock(opened):
    inlet = opened.inlet("data")
    first = pylsl.local_clock()
    for start in range(0, 1000, 100):
        opened.actor.step_from("data", segment(start, start + 100, time.time_ns()))
    opened.actor.step_from("data", segment(1500, 1600, time.time_ns()))  # after a gap
    samples, stamps = np.empty((0, N)), np.empty(0)
    while len(stamps) < 1100:
        chunk, at = inlet.pull_chunk(5.0, 1100, min_samples=1)
        assert len(at), "lost"
        samples, stamps = np.concatenate([samples, chunk]), np.append(stamps, at)
    sample = np.r_[0:1000, 1500:1600]
    np.testing.assert_array_equal(samples.T, (sample + np.arange(N)[:, np.newaxis]) * 0.5)
    np.testing.assert_allclose(np.diff(stamps), np.diff(sample) / RATE_HZ, atol=1e-6)
    assert abs(stamps[0] - first) < 60


def test_the_description_has_labels_units_places_and_says_simulated(opened):
    about = opened.inlet("data").info(20.0)
    assert about.get_channel_labels() == list(LABELS)
    assert set(about.get_channel_units()) == {"microvolts"}
    assert (about.nominal_srate(), about.type()) == (RATE_HZ, "MEA")
    xml = about.as_xml()
    assert "SIMULATED: meame://x" in xml
    assert xml.count("<X>") == N
    assert about.source_id().endswith(f":{opened.actor.prefix}:data")


@pytest.mark.parametrize("opened", [{"is_simulated": False}], indirect=True)
def test_a_living_culture_is_not_called_simulated(opened):
    assert "SIMULATED" not in opened.inlet("data").info(20.0).as_xml()


def test_sparse_messages_are_markers(opened):
    inlet = opened.inlet("result:game")
    state = GameState(2**40, 2**40 + 100, 3, "outcome", outcome="won", score={"won": 1})
    opened.actor.step_from("result:game", state)
    (text,), _ = inlet.pull_sample(10.0)
    marker = json.loads(text)
    assert (marker["message"], marker["trial"], marker["score"]) == ("GameState", 3, {"won": 1})


def test_a_restart_doubles_nothing(opened):
    """The new process reads the stream from where it is kept; what is older is not sent again."""
    inlet = opened.inlet("data")
    opened.actor.step_from("data", segment(0, 100, time.time_ns() - 10**10))
    opened.actor.step_from("data", segment(100, 200, time.time_ns()))
    chunk, _ = inlet.pull_chunk(5.0, 200, min_samples=100)
    assert chunk[0, 0] == 50.0
    assert inlet.samples_available() == 0


@pytest.mark.parametrize("opened", [{"origin_t_ns": 0}], indirect=True)
def test_a_restart_with_an_instrument_that_does_not_tell_when_it_began_keeps_the_times(opened):
    inlet, began_s = opened.inlet("data"), pylsl.local_clock() - 100.0
    game = opened.inlet("result:game")
    began_ns = time.time_ns() - 100 * 10**9
    opened.actor.step_from("result:game", GameState(0, 100, 1, "show"))
    opened.actor.step_from("data", segment(0, 100, began_ns + 10**7))
    opened.actor.step_from("result:game", GameState(100, 200, 2, "show"))
    later = 1_010_000  # a second from now
    opened.actor.step_from("data", segment(later - 100, later, began_ns + 101 * 10**9))
    opened.actor.step_from("result:game", GameState(later - 100, later, 3, "show"))
    stamps = inlet.pull_chunk(5.0, 200, min_samples=100)[1]
    assert len(stamps) == 100
    assert abs(stamps[-1] - began_s - 101.0) < 60
    assert stamps[-1] - began_s > 50
    assert json.loads(game.pull_sample(10.0)[0][0])["trial"] == 3
    assert opened.actor.problem == ""


def test_without_samples_such_an_instrument_is_refused():
    inputs = {"result:game": StreamInfo("GameState", RATE_HZ)}
    with pytest.raises(ConfigError, match=r"\[actors.lsl\] reads: found result:game; .* `data`"):
        LslOutlet().open(ActorContext(inputs=inputs, name="lsl"))


@pytest.mark.parametrize("opened", [{"origin_t_ns": ORIGIN_NS}], indirect=True)
def test_a_drift_of_the_acquisition_clock_is_stated(opened):
    opened.actor.step_from("data", segment(0, 100, ORIGIN_NS + 10**7))
    assert opened.actor.problem == ""
    opened.actor.step_from("data", segment(100, 200, ORIGIN_NS + 2 * 10**7 + 5 * 10**9))
    assert "clock is +5.0 s from this computer's" in opened.actor.problem


def test_a_marker_for_each_spike_and_any_message_as_json():
    spikes = (
        np.array([1, 0], np.int32),
        np.array([5, 9], np.int64),
        np.array([-40.0, -30.5], np.float32),
    )
    rows = markers(Spikes(0, 100, *spikes), ("21", "31"))
    assert [(sample, json.loads(text)["spike"]) for sample, text in rows] == [(5, "31"), (9, "21")]
    ((at, text),) = markers(Delivered(0, 100, 4, "refused", "why"))
    assert (at, json.loads(text)["state"]) == (100, "refused")


def test_a_check_of_the_table_in_the_document_puts_nothing_on_the_network(tmp_path, monkeypatch):
    monkeypatch.setattr(LslOutlet, "open", lambda self, context: pytest.fail("opened"))
    text = load_experiment().text
    page = (ROOT / "docs" / "how-to" / "lsl.md").read_text()
    table = "\n" + page.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "mine.toml").write_text(text + table)
    assert "lsl" in load_experiment(tmp_path / "mine.toml").actors
