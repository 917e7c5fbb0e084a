"""Each channel's state is known: ok, dead, saturated or settling; and only changes are sent."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.channel_state import ChannelState
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.messages import Segment, StreamInfo

RATE_HZ = 1000
N = 6 * RATE_HZ


def opened(labels=("a", "b", "c"), scale_uv=0.06):
    actor = ChannelState()
    info = StreamInfo(labels=labels, sampling_rate_hz=float(RATE_HZ), scale_uv=(scale_uv,))
    actor.open(ActorContext(inputs={"data": info}, name="channels"))
    return actor


def signal():
    """Channel a is well, b is at the rail until 1.5 s, and c dies at 3 s."""
    samples = np.random.default_rng(2).integers(-100, 100, (3, N)).astype(np.int32)
    samples[1, :1500] = 131_071
    samples[2, 3000:] = 0
    return samples


SIGNAL = signal()


def run(actor, cuts=(), start=0, stop=N):
    edges = [start, *(c for c in cuts if start < c < stop), stop]
    segments = [Segment(a, b, SIGNAL[:, a:b]) for a, b in itertools.pairwise(edges)]
    return [message for segment in segments for message in actor.step(segment)]


def test_states_follow_the_signal():
    changes = [(m.stop, m.states) for m in run(opened())]
    assert changes == [
        (100, ("settling", "saturated", "settling")),
        (1000, ("ok", "saturated", "ok")),
        (1600, ("ok", "settling", "ok")),
        (2500, ("ok", "ok", "ok")),
        (3100, ("ok", "ok", "dead")),
    ]


@settings(deadline=None, max_examples=30)
@given(st.sets(st.integers(1, N - 1), max_size=30))
def test_states_do_not_depend_on_how_the_signal_is_cut(cuts):
    assert run(opened(), sorted(cuts)) == run(opened())


@pytest.mark.parametrize("at", [1700, 2450, 2900, 3050, 4000])
def test_a_restarted_monitor_sends_the_changes_that_follow(at):
    actor = opened()
    run(actor, range(0, N, 50), start=max(0, at - round(actor.warmup_s * RATE_HZ)), stop=at)
    after = [m for m in run(actor, range(0, N, 50), start=at) if m.stop > at]
    assert after == [m for m in run(opened(), range(0, N, 50)) if m.stop > at]


def test_amplifiers_that_are_held_for_pulses_are_ok():
    actor, samples = opened(), SIGNAL.copy()
    samples[:] = np.random.default_rng(3).integers(-100, 100, samples.shape)
    for at in range(0, N, 25):
        samples[:, at : at + 8] = 0
    assert list(actor.step(Segment(0, N, samples)))[-1].states == ("ok", "ok", "ok")


def test_a_reference_is_ok_though_it_stands_still():
    actor = opened(MCS_60_LABELS)
    samples = np.random.default_rng(3).integers(-100, 100, (60, 2000)).astype(np.int32)
    samples[MCS_60_LABELS.index("15")] = 0
    assert set(list(actor.step(Segment(0, 2000, samples)))[-1].states) == {"ok"}
