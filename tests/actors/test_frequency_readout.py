"""The original's readout: sines decode right, with any offset, however the signal is cut."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.frequency_readout import FrequencyReadout
from crepe.errors import ConfigError
from crepe.messages import Segment, StreamInfo

RATE_HZ = 1000
LABELS = ("a", "b", "c")
INFO = StreamInfo("Segment", float(RATE_HZ), LABELS)
RATES_HZ = {"none": 10.0, "rock": 20.0, "scissors": 30.3, "paper": 40.0}


def opened(**fields):
    actor = FrequencyReadout(electrodes=("a", "c"), rates_hz=RATES_HZ, **fields)
    actor.open(ActorContext(inputs={"data": INFO}, name="decode"))
    return actor


def signal(hz, seconds=1, offset=0.0, noise=0.0, seed=0):
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    rng = np.random.default_rng(seed)
    return np.sin(2 * np.pi * hz * t) + offset + noise * rng.normal(size=(3, len(t)))


def decisions(samples, cuts=(), start=0, **fields):
    actor, result = opened(**fields), []
    edges = [0, *sorted(cuts), samples.shape[1]]
    for a, b in pairwise(edges):
        if a < b:
            result += actor.step(Segment(start + a, start + b, samples[:, a:b]))
    return result


@pytest.mark.parametrize(("name", "hz"), RATES_HZ.items())
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_sines_decode_right_with_any_offset(name, hz, offset):
    (result,) = decisions(signal(hz, offset=offset, noise=0.3))
    assert (result.start, result.stop, result.value) == (0, 1000, name)
    assert result.scores["mean_hz"] == pytest.approx(hz, abs=1)


def test_what_is_near_no_rate_is_no_answer():
    (result,) = decisions(signal(70))
    assert result.value is None


def test_other_electrodes_do_not_count():
    samples = signal(20)
    samples[1] = 100 * signal(40)[0]
    assert decisions(samples)[0].value == "rock"


@settings(deadline=None)
@given(st.sets(st.integers(1, 2999), max_size=12))
def test_decisions_do_not_depend_on_how_the_signal_is_cut(cuts):
    samples = np.concatenate([signal(20), signal(30.3, offset=5.0), signal(40)], axis=1)
    assert [d.value for d in decisions(samples, cuts)] == ["rock", "scissors", "paper"]


def test_seconds_are_those_of_the_clock_and_a_gap_spoils_its_own():
    samples = signal(20, seconds=3)
    result = decisions(samples, cuts=range(100, 3000, 100), start=500)
    assert [(d.start, d.stop) for d in result] == [(1900, 2000), (2900, 3000)]
    actor = opened()
    result = list(actor.step(Segment(0, 600, samples[:, :600])))
    result += actor.step(Segment(700, 2600, samples[:, :1900]))
    assert [(d.start, d.stop) for d in result] == [(700, 2600)]


def test_an_electrode_that_is_none_is_refused():
    actor = FrequencyReadout(electrodes=("d",), rates_hz=RATES_HZ)
    with pytest.raises(ConfigError, match="no electrode 'd'"):
        actor.open(ActorContext(inputs={"data": INFO}, name="decode"))
