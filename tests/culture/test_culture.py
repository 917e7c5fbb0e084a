"""The simulated culture: seeded, whole however it is cut, answering currents and nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.culture.culture import Culture
from crepe.culture.network import Network
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.simulator.meame.dsp import Shot
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.settings import SimulatorSettings

PULSE = ((-10.0, 200.0), (10.0, 200.0))
BOTTOM = tuple(MCS_60_LABELS.index(label) for label in ("48", "38", "28", "78", "68", "58"))


def shot(electrodes=BOTTOM, phases=PULSE, blanked=(), blanked_us=0.0):
    return Shot(0, tuple(electrodes), phases, tuple(blanked), blanked_us)


def culture(seed=1, **options):
    return Culture(SimulatorSettings(seed=seed, **options), MCS_60_LABELS, 10_000.0)


def run(dish, n_ms, pulses=()):
    blocks = [dish.block([shot()] if ms in pulses else []) for ms in range(n_ms)]
    return np.concatenate([b for b, _ in blocks], axis=1), [len(fired) for _, fired in blocks]


@pytest.fixture
def nobody_fires(monkeypatch):
    """No cell can fire; all else that a culture does goes on."""
    step = Network.step
    monkeypatch.setattr(
        Network, "step", lambda self, forced, **_: step(self, forced, is_silenced=True)
    )


@settings(deadline=None, max_examples=10)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=10))
def test_the_same_seed_gives_the_same_samples_however_they_are_asked_for(parts):
    whole = SimulatedMeame(SimulatorSettings(seed=4)).advance(sum(parts))
    again = SimulatedMeame(SimulatorSettings(seed=4))
    np.testing.assert_array_equal(np.concatenate([again.advance(n) for n in parts], axis=1), whole)


def test_cells_alone_fire_as_they_do_under_electrodes():
    with_voltages, alone = culture(), culture()
    for _ in range(1000):
        np.testing.assert_array_equal(with_voltages.block([])[1], alone.fire([]))
    assert sum(len(alone.fire([shot()] if ms == 0 else [])) for ms in range(10)) > 30


def test_another_seed_is_another_culture():
    assert not np.array_equal(run(culture(1), 50)[0], run(culture(2), 50)[0])


def test_cells_fire_by_themselves_at_plausible_rates():
    dish = culture()
    _, fired = run(dish, 5000)
    rate_hz = sum(fired) / 5 / dish.network.n_cells
    assert 0.05 < rate_hz < 5


def test_a_pulse_is_answered_within_some_milliseconds_and_then_it_is_over():
    pulses = range(100, 3000, 100)
    _, fired = run(culture(), 3000, pulses)
    after = np.mean([sum(fired[p + 1 : p + 20]) for p in pulses])
    later = np.mean([sum(fired[p + 60 : p + 79]) for p in pulses])
    assert after > 3 * later
    assert later < 50  # of a thousand cells


@pytest.mark.parametrize("phases", [((0.1, 200.0),), ((-0.05, 20.0), (0.05, 20.0)), ()])
def test_currents_that_reach_no_threshold_are_not_answered(phases):
    first, second = culture(), culture()
    for _ in range(200):
        _, a = first.block([shot(phases=phases)])
        _, b = second.block([])
        np.testing.assert_array_equal(a, b)


def test_a_silenced_culture_fires_no_cell_whatever_reaches_it():
    _, fired = run(culture(silenced=True), 1000, range(0, 1000, 50))
    assert sum(fired) == 0


@pytest.mark.usefixtures("nobody_fires")
def test_silence_takes_the_cells_spikes_and_nothing_else():
    unable, _ = run(culture(), 300, range(0, 300, 50))
    silenced, _ = run(culture(silenced=True), 300, range(0, 300, 50))
    np.testing.assert_array_equal(unable, silenced)


@pytest.mark.usefixtures("nobody_fires")
def test_where_no_cell_fires_nothing_of_a_pulse_is_left_when_its_artefact_is_over():
    stimulated, _ = run(culture(), 300, [100])
    left_alone, _ = run(culture(), 300)
    np.testing.assert_array_equal(stimulated[:, :1000], left_alone[:, :1000])
    np.testing.assert_allclose(stimulated[:, 1080:], left_alone[:, 1080:], atol=0.01)  # uV


def test_the_artefact_is_seen_where_amplifiers_are_open_and_held_off_where_not():
    dish = culture(silenced=True)
    run(dish, 10)
    voltage, _ = dish.block([shot(blanked=range(30), blanked_us=5000.0)])
    near = BOTTOM[-1]
    assert near >= 30
    assert np.abs(voltage[near]).max() > 1000
    assert np.abs(voltage[:30]).max() < 60


def test_the_reference_electrode_is_quiet():
    voltage, _ = run(culture(), 2000)
    rms = voltage.std(axis=1)
    assert rms[MCS_60_LABELS.index("15")] < 0.3 * np.median(rms)


def test_the_reference_electrode_shows_no_artefact():
    voltage, _ = culture(silenced=True).block([shot(electrodes=[13, 15, 16])])
    assert np.abs(voltage[14]).max() < 20 < np.abs(voltage[13]).max()


def test_ground_truth_says_which_cell_fired_when():
    instrument = SimulatedMeame(SimulatorSettings(seed=2))
    instrument.advance(10_000)
    truth = instrument.truth(0, 10_000)
    assert len(truth.sample) == len(truth.channel) > 50
    assert (np.diff(truth.sample) >= 0).all()
    assert (
        len(instrument.truth(2000, 3000).sample)
        == ((truth.sample >= 2000) & (truth.sample < 3000)).sum()
    )
