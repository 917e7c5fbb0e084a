"""Spikes are found where they are, however the signal is cut and whenever the actor restarts."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.detect import Detect
from crepe.messages import Segment, Spikes, StreamInfo

RATE_HZ = 1000.0
INFO = StreamInfo(labels=("a", "b", "c"), sampling_rate_hz=RATE_HZ)
N = 7000


def signal():
    """Noise of 5 uV with a spike of -60 uV each 97 ms on channel 0, each 61 ms on 1; 2 is dead."""
    result = np.random.default_rng(3).normal(0, 5, (3, N)).astype(np.float32)
    truth = [(at, 0) for at in range(150, N - 20, 97)] + [(at, 1) for at in range(140, N - 20, 61)]
    for at, channel in truth:
        result[channel, at - 1 : at + 2] += np.array([-25, -60, -30], np.float32)
    result[2] = 0
    return result, sorted(truth)


SIGNAL, TRUTH = signal()


def opened(**fields):
    actor = Detect(**{"threshold_sd": 5.0, "align_ms": 3.0, "refractory_ms": 3.0, **fields})
    actor.open(ActorContext(inputs={"data:filtered": INFO}, name="detect"))
    return actor


def run(actor, cuts, start=0, stop=N):
    edges = [start, *(c for c in cuts if start < c < stop), stop]
    outs = []
    for a, b in itertools.pairwise(edges):
        if b > a:
            outs += actor.step(Segment(a, b, SIGNAL[:, a:b]))
    return outs


def pairs(outs):
    return [
        (int(t), int(c), float(v))
        for o in outs
        for t, c, v in zip(o.sample, o.channel, o.amplitude_uv, strict=True)
    ]


def test_the_spikes_that_were_put_in_are_found_and_no_others():
    result = [(t, c) for t, c, _ in pairs(run(opened(), []))]
    missed = set(TRUTH) - set(result)
    wrong = set(result) - set(TRUTH)
    assert len(missed) <= 0.02 * len(TRUTH)
    assert len(wrong) <= 0.02 * len(TRUTH)


def test_amplitudes_are_the_signal_at_the_peak():
    for t, c, value in pairs(run(opened(), [])):
        assert value == SIGNAL[c, t]
        assert value == SIGNAL[c, max(0, t - 2) : t + 1].min()


def test_a_dead_channel_has_no_spikes():
    assert all(c != 2 for _, c, _ in pairs(run(opened(), [])))


def test_a_second_in_which_the_signal_stood_still_is_not_taken_for_quiet():
    """Held amplifiers show nothing for 0.6 s; afterwards noise is noise, and spikes are found."""
    result = SIGNAL.copy()
    result[:, 2200:2800] = 0
    spikes = pairs(opened().step(Segment(0, N, result)))
    after = {(at, channel) for at, channel, _ in spikes if at >= 2810}
    truth = {(at, channel) for at, channel in TRUTH if 2810 <= at < N - 5}
    assert len(after ^ truth) <= 0.05 * len(truth)


def test_a_channel_that_comes_back_from_the_rail_has_its_spikes_and_no_others():
    """At the rail, its signal is 0 until 1.5 s; the level of that second is of what moved."""
    result = SIGNAL.copy()
    result[1, :1500] = 0
    spikes = [at for at, channel, _ in pairs(opened().step(Segment(0, N, result))) if channel == 1]
    truth = {at for at, channel in TRUTH if channel == 1 and 2250 <= at < N - 5}
    assert len(set(spikes) ^ truth) <= 0.05 * len(truth)


def test_the_level_of_a_channel_at_the_rail_is_forgotten_after_a_second():
    result = SIGNAL.copy()
    result[1, 1000:3500] = 0
    spikes = [at for at, channel, _ in pairs(opened().step(Segment(0, N, result))) if channel == 1]
    assert not [at for at in spikes if 1010 < at < 4250]
    assert [at for at in spikes if at >= 4250]


def test_the_level_of_a_second_holds_from_a_quarter_second_after_it_on():
    """All thresholds are those of a plain median, second by second."""
    louder = SIGNAL * np.linspace(1, 2, N, dtype=np.float32)
    result = {(at, c) for at, c, _ in pairs(opened().step(Segment(0, N, louder))) if at >= 1250}
    expected = set()
    for start in range(1000, N, 1000):
        level = np.median(abs(louder[:2, start - 1000 : start]), axis=1) / 0.6745
        for channel, limit in enumerate(-5 * level.astype(np.float32)):
            is_below = louder[channel] < limit
            crossings = np.flatnonzero(is_below[1:] & ~is_below[:-1]) + 1
            for at in crossings[(crossings >= start + 250) & (crossings < start + 1250)]:
                if at < N - 3:
                    expected.add((at + int(louder[channel, at : at + 3].argmin()), channel))
    assert result == expected


def test_the_floor_follows_the_level_that_was_used():
    """A faint, moving signal while amplifiers are held lowers the level by a fifth a second only."""
    rng = np.random.default_rng(8)
    noise = rng.normal(0, 5, (3, 7000)).astype(np.float32)
    for second in (2, 3, 4):  # 70 % of each
        noise[:, 1000 * second : 1000 * second + 700] *= 0.02
    actor, levels_uv = opened(), []
    for start in range(0, 7000, 1000):  # each level holds in the second after its own
        list(actor.step(Segment(start, start + 1000, noise[:, start : start + 1000])))
        levels_uv.append(float(actor._noise_uv.mean()))
    falls = np.array(levels_uv[3:6]) / levels_uv[2:5]
    assert np.allclose(falls, 0.8, atol=0.01)
    assert levels_uv[6] == pytest.approx(5.0, rel=0.1)


@settings(deadline=None, max_examples=20)
@given(st.integers(5400, N - 100))
def test_a_restart_while_channels_are_held_changes_nothing(at):
    held = SIGNAL.copy()
    held[:, 1200:1900] = held[:, 2100:2995] = held[0, 3000:4100] = 0
    whole, actor = opened(), opened()
    edges = list(range(0, N + 1, 50))
    first = at - round(actor.warmup_s * RATE_HZ)
    outs = [
        o for a, b in itertools.pairwise(edges) for o in whole.step(Segment(a, b, held[:, a:b]))
    ]
    cuts = [first, *(e for e in edges if e > first)]
    again = [
        o for a, b in itertools.pairwise(cuts) for o in actor.step(Segment(a, b, held[:, a:b]))
    ]
    assert [s for s in pairs(again) if s[0] >= at] == [s for s in pairs(outs) if s[0] >= at]


@pytest.mark.parametrize("cuts", [[], [700, 701, 2222]])
def test_positive_spikes_are_those_of_the_signal_turned_over(cuts):
    down = pairs(run(opened(), cuts))
    actor = opened(polarity="positive")
    outs = []
    for a, b in itertools.pairwise([0, *cuts, N]):
        outs += actor.step(Segment(a, b, -SIGNAL[:, a:b]))
    assert [(t, c, -v) for t, c, v in pairs(outs)] == down
    assert not pairs(opened(polarity="positive").step(Segment(0, N, np.minimum(SIGNAL, 15))))


def test_spikes_of_both_polarities_keep_their_sign():
    mixed = SIGNAL.copy()
    mixed[1] *= -1
    spikes = pairs(opened(polarity="both").step(Segment(0, N, mixed)))
    signs = {channel: {np.sign(v) for _, c, v in spikes if c == channel} for channel in (0, 1)}
    assert signs == {0: {-1.0}, 1: {1.0}}
    down = {(t, c) for t, c, _ in pairs(run(opened(), []))}
    assert len({(t, c) for t, c, _ in spikes} ^ down) <= 0.02 * len(down)


def test_no_two_spikes_of_a_channel_are_closer_than_the_refractory_period():
    result = pairs(run(opened(refractory_ms=80.0), []))
    for channel in (0, 1):
        times = [t for t, c, _ in result if c == channel]
        assert min(np.diff(times)) >= 80


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, N - 1), max_size=40, unique=True).map(sorted))
def test_any_split_gives_the_same_spikes(cuts):
    whole, parts = opened(), opened()
    expected = pairs([*run(whole, []), *whole.finish()])
    outs = [*run(parts, cuts), *parts.finish()]
    assert pairs(outs) == expected
    assert outs[0].start == 0
    assert outs[-1].stop == N
    assert all(a.stop == b.start for a, b in itertools.pairwise(outs))


@settings(deadline=None, max_examples=20)
@given(st.integers(5400, N - 100))
def test_a_restarted_detector_goes_on_as_if_it_had_never_stopped(at):
    cuts = range(0, N, 50)
    whole = [s for s in pairs(run(opened(), cuts)) if s[0] >= at]
    actor = opened()
    warmed = run(actor, cuts, start=at - round(actor.warmup_s * RATE_HZ))
    assert [s for s in pairs(warmed) if s[0] >= at] == whole


def test_a_gap_stays_a_gap_and_what_was_held_back_is_published():
    actor = opened()
    before = [*actor.step(Segment(0, 1000, SIGNAL[:, :1000]))]
    after = [*actor.step(Segment(2000, 3000, SIGNAL[:, 2000:3000]))]
    assert [(o.start, o.stop) for o in before] == [(0, 997)]
    assert [(o.start, o.stop) for o in after] == [(997, 1000), (2000, 2997)]
    assert all(isinstance(o, Spikes) for o in after)
