"""Artefacts are subtracted, spikes on their slopes stay, however the signal is cut."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from crepe.actors.actor import ActorContext
from crepe.actors.salpa import Salpa
from crepe.messages import Segment, StreamInfo

RATE_HZ = 10_000.0
INFO = StreamInfo(labels=("a", "b", "c"), sampling_rate_hz=RATE_HZ, scale_uv=(0.1, 0.1, 0.2))
SCALE_UV = np.array(INFO.scale_uv)[:, np.newaxis]
N, HALF = 2500, 30
PULSES = (600, 1500)
SPIKES = (1000, 680, 1570)  # samples at which channel 0 has a spike of 80 uV
RAIL_UV = 3000.0


def signal():
    """Counts: noise of 4 uV, an offset, artefacts that saturate and then decay over 20 ms."""
    uv = np.random.default_rng(8).normal(20, 4, (3, N))
    for at in SPIKES:
        uv[0, at - 1 : at + 2] -= [40, 80, 40]
    for at in PULSES:
        t = np.arange(N - at)
        uv[:, at:] += (8000 * np.exp(-t / 15) + 400 * np.exp(-t / 200)) * np.array(
            [[1.0], [-0.7], [0.5]]
        )
    return np.rint(np.clip(uv, -RAIL_UV, RAIL_UV) / SCALE_UV).astype(np.int32)


SIGNAL = signal()


def opened(**fields):
    actor = Salpa(**{"saturation_uv": RAIL_UV, **fields})
    actor.open(ActorContext(inputs={"data": INFO}, name="salpa"))
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


def whole(**fields):
    actor = opened(**fields)
    return together([*run(actor), *actor.finish()])


def test_far_from_artefacts_it_is_a_sliding_cubic_fit():
    uv = SIGNAL * SCALE_UV
    expected = uv - savgol_filter(uv, 2 * HALF + 1, 3, axis=1)
    result = whole()
    assert result.dtype == np.float32
    for a, b in [(100, 550), (1000, 1400), (2000, 2400)]:
        assert result[:, a:b] == pytest.approx(expected[:, a:b], abs=1e-3)


def test_while_a_channel_is_bad_it_gives_nothing():
    result = whole()
    for at in PULSES:
        assert (result[:, at - 2 : at + 10] == 0).all()


def test_spikes_on_the_slope_of_an_artefact_are_there_and_little_else():
    result = whole()
    for at in SPIKES:
        assert result[0, at] < -55
    rest = np.delete(result[0], [i for at in SPIKES for i in range(at - 30, at + 31)])
    assert np.abs(rest).max() < 30  # of an artefact of 3 mV
    assert np.abs(result[1:]).max() < 30


def test_up_to_a_bad_sample_and_after_it_the_nearest_whole_window_serves():
    uv = np.random.default_rng(1).normal(0, 3, (3, 400))
    uv[:, 200] = 1e5  # bad from 198 until 1 ms after its fall, and no fit for 0.2 ms
    samples = np.rint(uv / SCALE_UV).astype(np.int32)
    uv = samples * SCALE_UV
    actor = opened(settle_uv=1000.0)
    result = together([*run(actor, stop=400, samples=samples), *actor.finish()])
    window = np.arange(2 * HALF + 1)
    last, first = slice(198 - len(window), 198), slice(214, 214 + len(window))
    for part, place, inside in [(last, slice(168, 198), slice(31, 61)),
                               (first, slice(214, 244), slice(0, 30))]:  # fmt: skip
        fits = [np.polyval(np.polyfit(window, row[part], 3), window) for row in uv]
        assert result[:, place] == pytest.approx(
            (uv[:, part] - np.array(fits))[:, inside], abs=1e-3
        )
    assert (result[:, 198:214] == 0).all()


def test_a_fit_does_not_begin_before_the_artefact_has_settled():
    strict, loose = whole(settle_uv=2.0), whole(settle_uv=1000.0)
    is_out = [np.abs(result[:, 600:700]).max(axis=0) == 0 for result in (strict, loose)]
    assert is_out[0].sum() > is_out[1].sum()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, N - 1), max_size=40, unique=True).map(sorted))
def test_any_split_gives_the_same_signal(cuts):
    actor = opened()
    outs = [*run(actor, cuts), *actor.finish()]
    assert (together(outs) == EXPECTED).all()
    assert (outs[0].start, outs[-1].stop) == (0, N)


EXPECTED = whole()


@settings(deadline=None, max_examples=20)
@given(st.integers(400, N - 1))
def test_restarted_it_goes_on_as_if_it_had_never_stopped(at):
    actor = opened()
    outs = run(actor, range(0, N, 50), start=at - 400)  # 1 s is longer than the signal
    result = together([*outs, *actor.finish()])
    settled = 2 * HALF + 20
    is_near = any(at - 400 - 80 <= pulse < at - 400 + settled for pulse in PULSES)
    if not is_near:
        assert (result[:, settled:] == EXPECTED[:, at - 400 + settled :]).all()


def test_samples_leave_twice_the_half_width_late():
    actor = opened()
    assert actor.delay_samples == 2 * HALF + 2
    assert run(actor, range(0, N, 100))[-1].stop == N - actor.delay_samples


def test_a_gap_stays_a_gap_and_what_was_held_back_is_published():
    actor = opened()
    before = [*actor.step(Segment(0, 1000, SIGNAL[:, :1000]))]
    after = [*actor.step(Segment(2000, 2500, SIGNAL[:, 2000:2500]))]
    assert [(o.start, o.stop) for o in [*before, *after]] == [
        (0, 938), (938, 1000), (2000, 2438),
    ]  # fmt: skip


def test_a_signal_too_short_for_a_fit_gives_nothing():
    actor = opened()
    result = together([*run(actor, stop=40), *actor.finish()])
    assert result.shape == (3, 40)
    assert (result == 0).all()
