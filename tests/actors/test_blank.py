"""Artefacts are blanked and nothing else is, however the signal is cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.blank import Blank
from crepe.errors import ConfigError
from crepe.messages import Segment, StreamInfo

RATE_HZ = 10_000.0
INFO = StreamInfo(
    labels=("a", "b", "c", "d"), sampling_rate_hz=RATE_HZ, scale_uv=(0.1,), dtype="int32"
)
N = 3000
PULSES = (500, 1200, 1230, 2900)  # two of them within one blanking


def signal():
    """Counts of 0.1 uV: noise, an offset, a spike on one channel, and the artefacts of PULSES."""
    result = np.random.default_rng(5).normal(3000, 50, (4, N))
    result[1, 800:803] -= [400, 900, 500]
    for at in PULSES:
        t = np.arange(N - at)
        result[:, at:] += 30_000 * np.exp(-t / 8) * np.array([[1.0], [-0.8], [0.6], [0.2]])
    return result.astype(np.int32)


SIGNAL = signal()


def opened(**fields):
    actor = Blank(**fields)
    actor.open(ActorContext(inputs={"data": INFO}, name="blank"))
    return actor


def run(actor, cuts=(), start=0, stop=N, samples=SIGNAL):
    edges = [start, *(c for c in cuts if start < c < stop), stop]
    outs = []
    for a, b in itertools.pairwise(edges):
        outs += actor.step(Segment(a, b, samples[:, a:b], t_ns=b))
    return outs


def together(outs):
    assert all(a.stop == b.start for a, b in itertools.pairwise(outs))
    assert all(o.samples.shape[1] == o.stop - o.start for o in outs)
    return np.concatenate([o.samples for o in outs], axis=1)


def blanked():
    is_blanked = np.zeros(N, bool)
    for at in PULSES:
        is_blanked[at - 2 : at + 54] = True  # the artefact falls as fast as it came for a while
    return is_blanked


def test_channels_keep_their_last_good_value_while_an_artefact_lasts():
    actor = opened()
    result = together([*run(actor), *actor.finish()])
    assert result.dtype == np.int32
    for at in PULSES[:2]:
        assert (result[:, at - 2 : at + 50] == SIGNAL[:, at - 3, np.newaxis]).all()
    assert (result[:, 1200:1280] == SIGNAL[:, 1197, np.newaxis]).all()


def test_all_else_is_left_as_it_was():
    actor = opened()
    result = together([*run(actor), *actor.finish()])
    kept = ~blanked()
    assert (result[:, kept] == SIGNAL[:, kept]).all()


def test_what_few_channels_show_is_no_artefact():
    samples = SIGNAL[:, :500].copy()
    samples[:2, 300:310] += 30_000
    result = together(run(opened(), stop=500, samples=samples))
    assert (result == samples[:, :-2]).all()
    fewer = together(run(opened(min_channels=2), stop=500, samples=samples))
    assert (fewer[:, 298:360] == samples[:, 297, np.newaxis]).all()


def test_a_channel_that_saturates_alone_stands_still_alone():
    samples = SIGNAL[:, :500].copy()
    samples[2, 300:400] = 50_000
    result = together(run(opened(saturation_uv=5000.0), stop=500, samples=samples))
    assert (result[2, 300:400] == samples[2, 299]).all()
    others = [0, 1, 3]
    assert (result[others] == samples[others, :-2]).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, N - 1), max_size=40, unique=True).map(sorted))
def test_any_split_gives_the_same_signal(cuts):
    whole, parts = opened(), opened()
    expected = together([*run(whole), *whole.finish()])
    outs = [*run(parts, cuts), *parts.finish()]
    assert (together(outs) == expected).all()
    assert (outs[0].start, outs[-1].stop) == (0, N)


@settings(deadline=None, max_examples=20)
@given(st.integers(300, N - 1))
def test_restarted_it_goes_on_as_if_it_had_never_stopped(at):
    whole, again = opened(), opened()
    expected = together([*run(whole), *whole.finish()])
    result = together([*run(again, range(0, N, 50), start=at - 300), *again.finish()])
    assert (result[:, 300:] == expected[:, at:]).all()


def test_samples_leave_as_late_as_it_says():
    actor = opened(before_ms=0.7)
    assert actor.delay_samples == 7
    assert run(actor, range(0, N, 100))[-1].stop == N - 7


def test_a_gap_stays_a_gap_and_what_was_held_back_is_published():
    actor = opened()
    before = [*actor.step(Segment(0, 1000, SIGNAL[:, :1000]))]
    late = Segment(2000, 2500, SIGNAL[:, 2000:2500], is_estimated=True)
    after = [*actor.step(late)]
    assert [(o.start, o.stop) for o in [*before, *after]] == [(0, 998), (998, 1000), (2000, 2498)]
    assert [o.is_estimated for o in after] == [False, True]


def test_more_channels_than_there_are_can_not_be_asked_for():
    with pytest.raises(ConfigError, match="min_channels: 5, at most 4"):
        opened(min_channels=5)
