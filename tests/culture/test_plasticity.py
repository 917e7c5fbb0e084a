"""Plasticity of synapses: the pairing protocol, and rates that cells return to."""

import numpy as np
import pytest

from crepe.culture.plasticity import LARGEST, SET_POINT_S, Plasticity

NO_CELL = np.empty(0, np.int64)
SOURCE, TARGET = np.array([0]), np.array([1])


def synapse(strength=1.0):
    """Return cells 0 and 1, an excitatory synapse from each to the other, and their weights."""
    weights = np.full((2, 1), strength, np.float32)
    return Plasticity(np.array([[1], [0]]), weights, np.array([True, True]), 1.0), weights


def paired(delay_ms, strength=1.0, n_pairs=60):
    """Return the change of a synapse by pairs at 1 Hz, source first for a positive delay."""
    plasticity, weights = synapse(strength)
    first, second = (SOURCE, TARGET) if delay_ms > 0 else (TARGET, SOURCE)
    for _ in range(n_pairs):
        for ms in range(1000):
            plasticity.step(first if ms == 0 else second if ms == abs(delay_ms) else NO_CELL)
    return weights[0, 0] / strength - 1


def test_the_pairing_protocol_of_bi_and_poo():
    """60 pairs at 1 Hz: up if the source is first, down if it is last, within some 20 ms."""
    assert 0.1 < paired(10) < 0.5
    assert -0.4 < paired(-10) < -0.1
    assert paired(5) > paired(20) > 0 > paired(-20) > paired(-5)
    assert abs(paired(100)) < 0.01
    assert abs(paired(-100)) < 0.01


def test_weak_synapses_gain_more_and_all_lose_alike():
    """Bi and Poo 1998: potentiation of weak synapses only, depression of any."""
    assert paired(10, 0.3) > 2 * paired(10) > 4 * paired(10, 3.0)
    assert paired(-10, 0.3) == pytest.approx(paired(-10, 3.0), rel=0.01)


def test_unrelated_spikes_lead_to_the_mean_strength_from_above_and_from_below():
    rng = np.random.default_rng(1)
    for strength in (0.3, 3.0):
        plasticity, weights = synapse(strength)
        for _ in range(20_000):
            plasticity.step(np.flatnonzero(rng.random(2) < 0.1))
        assert weights[0, 0] == pytest.approx(1.0, abs=0.35)


def advance(plasticity, seconds, rate_hz, cell=1):
    """Let a cell fire at regular times, alone: nothing is paired with it."""
    for ms in range(1000 * seconds):
        plasticity.step(np.array([cell]) if ms % (1000 // rate_hz) == 0 else NO_CELL)


@pytest.mark.parametrize(("later_hz", "sign"), [(1, 1), (10, -1), (5, 0)])
def test_inputs_scale_towards_the_cells_own_rate(later_hz, sign):
    plasticity, weights = synapse()
    advance(plasticity, SET_POINT_S, 5)
    assert weights[0, 0] == 1.0  # its rate is measured first
    advance(plasticity, 200, later_hz)
    if sign:
        assert np.sign(weights[0, 0] - 1) == sign
        assert abs(weights[0, 0] - 1) > 0.05
    else:
        assert weights[0, 0] == pytest.approx(1.0, abs=1e-6)


def test_scaling_has_an_end():
    plasticity, weights = synapse(LARGEST - 0.1)
    advance(plasticity, SET_POINT_S, 5)
    advance(plasticity, 60, 1)
    advance(plasticity, 200, 1)
    assert weights[0, 0] == LARGEST
