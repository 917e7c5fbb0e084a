"""What both removers of artefacts owe: artefacts taken out, spikes left in, gaps left gaps."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.blank import Blank
from crepe.actors.salpa import Salpa
from crepe.messages import Segment, StreamInfo

RATE_HZ, N = 10_000.0, 3000
INFO = StreamInfo("Segment", RATE_HZ, ("a", "b", "c"), scale_uv=(0.5,))
PULSES = (800, 1800)
SPIKES = (500, 900, 1500, 1900, 2500)
SPIKE_UV = -60.0 * np.exp(-(((np.arange(15) - 7) / 2.0) ** 2))


def signal(noise_uv=2.0, spikes=SPIKES, pulses=PULSES, seed=1):
    """Counts: noise, slow drift, spikes on channel 0, an artefact with a slow tail on all."""
    t = np.arange(N)
    uv = np.random.default_rng(seed).normal(0, noise_uv, (3, N)) + 80 * np.sin(t / 900)
    for at in spikes:
        uv[0, at : at + 15] += SPIKE_UV
    for at in pulses:
        uv[:, at : at + 5] = 4000.0
        uv[:, at + 5 :] += 700 * np.exp(-(t[at + 5 :] - at - 5) / 60.0)
    return np.rint(uv / 0.5).astype(np.int32)


def run(actor, counts, cuts=(), start=0):
    """The output from the first sample on, and where it begins."""
    actor.open(ActorContext(inputs={"data": INFO}))
    result = []
    for a, b in pairwise([0, *sorted(cuts), counts.shape[1]]):
        outputs = actor.step(Segment(start + a, start + b, counts[:, a:b]))
        result += [outputs] if isinstance(outputs, Segment) else outputs
    result += actor.finish() or []
    assert all(item.stop == other.start for item, other in pairwise(result))
    assert (result[0].start, result[-1].stop) == (start, start + counts.shape[1])
    return np.concatenate([segment.samples for segment in result], axis=1)


@pytest.mark.parametrize("kind", [Blank, Salpa])
@settings(deadline=None, max_examples=40)
@given(cuts=st.sets(st.integers(1, N - 1), max_size=10))
def test_the_output_does_not_depend_on_how_the_signal_is_cut(kind, cuts):
    counts = signal()
    np.testing.assert_allclose(run(kind(), counts, cuts), run(kind(), counts), atol=1e-3)


def test_salpa_takes_off_drift_and_tails_and_leaves_spikes():
    clean = run(Salpa(), signal())
    for at in SPIKES:
        trough = clean[0, at : at + 15].min()
        assert -75 < trough < -35
    others = clean[1]
    assert np.abs(others).max() < 25
    for at in PULSES:
        assert (clean[:, at : at + 5] == 0).all()


def test_salpa_finds_the_same_spikes_with_and_without_an_artefact():
    quiet = run(Salpa(), signal(pulses=()))
    loud = run(Salpa(), signal())
    for at in SPIKES:
        item, other = (result[0, at : at + 15].min() for result in (quiet, loud))
        assert item == pytest.approx(other, rel=0.25)


def test_blank_holds_all_channels_from_the_pulse_on():
    clean = run(Blank(blank_ms=10.0), signal())
    for at in PULSES:
        held = clean[:, at : at + 100]
        assert (held == clean[:, at - 1 : at]).all()
    assert np.abs(clean).max() < 500


def test_blank_leaves_one_bad_contact_alone():
    counts = signal(pulses=())
    counts[2, 1000:1010] = 8000
    clean = run(Blank(), counts)
    assert (clean == counts).all()


def test_a_gap_begins_anew():
    counts = signal(pulses=())
    for kind in (Blank, Salpa):
        actor = kind()
        actor.open(ActorContext(inputs={"data": INFO}))
        result = []
        for start, part in ((0, counts[:, :1000]), (5000, counts[:, 1000:])):
            outputs = actor.step(Segment(start, start + part.shape[1], part))
            result += [outputs] if isinstance(outputs, Segment) else outputs
        result += actor.finish() or []
        covered = sum(segment.stop - segment.start for segment in result)
        assert covered == N
        assert not any(1000 < s.start < 5000 or 1000 < s.stop < 5000 for s in result)
