"""The network: rates and bursts as cultures have them, distance, silence and plasticity."""

from functools import cache

import numpy as np
import pytest

from crepe.culture.contacts import FLICKER_UV, Background
from crepe.culture.contract import Shot
from crepe.culture.culture import Culture
from crepe.culture.network import Network
from crepe.culture.settings import Cells, CultureSettings
from crepe.electrodes.layouts import MCS_60_LABELS, grid_labels
from crepe.simulator.meame.settings import SimulatorSettings

PULSE = ((-10.0, 200.0), (10.0, 200.0))
NO_CELL = np.empty(0, np.int64)


def network(seed=1, **options):
    rng, noise = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    return Network(CultureSettings(**options), (1600.0, 1600.0), rng, noise)


@cache
def activity(seed, n_ms=30_000):
    """Spikes per millisecond, and per cell."""
    cells, per_ms, per_cell = network(seed), np.zeros(n_ms, int), np.zeros(1000, int)
    for ms in range(n_ms):
        fired = cells.step(NO_CELL)
        per_ms[ms] = len(fired)
        per_cell[fired] += 1
    return per_ms, per_cell


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cells_fire_and_burst_together_as_published_of_cultures(seed):
    """Rates of 0.1 to 10 Hz, a few to some tens of network bursts a minute (Wagenaar 2006)."""
    per_ms, per_cell = activity(seed)
    assert 0.05 < per_ms.mean() < 5  # Hz: a thousand cells, a thousandth of a second
    rate = np.convolve(per_ms, np.ones(50), "same")
    is_burst = rate > 200  # a fifth of all cells within 50 ms
    n_bursts = np.sum(is_burst[1:] & ~is_burst[:-1])
    assert 1 <= n_bursts <= 30  # in half a minute
    assert is_burst.mean() < 0.3
    assert np.mean(per_cell == 0) < 0.3


def test_currents_that_fade_away_do_not_become_subnormal():
    """A processor takes tens of times as long for those."""
    cells = network()
    cells.step(np.arange(1000))
    for _ in range(1000):
        cells.step(NO_CELL, is_silenced=True)
    size = np.abs(cells._current)
    assert not ((size > 0) & (size < np.finfo(np.float32).tiny)).any()


class PlainNetwork(Network):
    """A step as the equations are written, each with a new array."""

    def step(self, forced, *, is_silenced=False, is_blocked=False):
        current, slot = self._current, self._now_ms % self._n_ring
        current *= self._keep[:, :1]
        current += self._coming[slot]
        self._coming[slot] = 0
        if self._now_ms % 100 == 0:
            current[np.abs(current) < 1e-28] = 0
        received = current[1] if is_blocked else current[0] + current[1]
        total = received + self._noise.next()
        v, u = self._v, self._u
        for _ in range(2):
            v += 0.5 * ((0.04 * v + 5) * v + 140 - u + total)
        np.minimum(v, 30.0, out=v)
        u += self._a * (self._b * v - u)
        v[forced] = 30.0
        (fired,) = (v >= 30.0).nonzero()
        v[fired] = self._c[fired]
        u[fired] += self._d[fired]
        fired = fired[self._now_ms - self._last_ms[fired] >= 2]
        if is_silenced:
            fired = fired[:0]
        if len(fired):
            self._transmit(fired)
        if self._plasticity is not None and not is_blocked:
            self._plasticity.step(fired)
        self._now_ms += 1
        return fired


def test_a_step_in_place_is_the_same_to_the_bit():
    def made(kind):
        rng, noise = np.random.default_rng(4), np.random.default_rng([4, 1])
        return kind(CultureSettings(n_cells=300, stdp=True), (800.0, 800.0), rng, noise)

    quick, plain = made(Network), made(PlainNetwork)
    rng, n_spikes = np.random.default_rng(1), 0
    for ms in range(1500):
        forced = rng.integers(0, 300, 3 * (ms % 50 == 0))
        how = {"is_silenced": 600 <= ms < 700, "is_blocked": 900 <= ms < 1000}
        fired = quick.step(forced, **how)
        assert np.array_equal(fired, plain.step(forced, **how))
        n_spikes += len(fired)
    assert n_spikes > 300
    for name in ("_v", "_u", "_current", "weights"):
        assert getattr(quick, name).tobytes() == getattr(plain, name).tobytes()


def test_the_noise_of_a_hundred_milliseconds_is_that_of_each_after_the_other():
    cells = network()
    rng = np.random.default_rng([1, 1])
    now, keep = np.zeros(1000, np.float32), np.float32(np.exp(-1 / 3.0))
    for _ in range(2):
        for drawn in rng.standard_normal((100, 1000), np.float32) * cells._noise._push:
            now = now * keep + drawn
            assert np.array_equal(cells._noise.next(), now)


def test_synapses_reach_as_far_as_they_should():
    cells = network()
    length_um = np.linalg.norm(cells.cells_um[cells.targets] - cells.cells_um[:, None], axis=2)
    excitatory = length_um[~cells.is_inhibitory]
    assert np.mean(excitatory) == pytest.approx(Cells().reach_um[0], rel=0.15)
    assert np.mean(excitatory) > np.mean(length_um[cells.is_inhibitory])
    assert (cells.targets != np.arange(1000)[:, None]).all()
    assert cells.targets.shape == (1000, Cells().n_synapses)


def test_a_spike_reaches_its_targets_and_inhibition_has_the_other_sign():
    cells = network()
    assert (cells.weights[cells.is_inhibitory] < 0).all()
    assert (cells.weights[~cells.is_inhibitory] > 0).all()
    assert cells.is_inhibitory.mean() == 0.2


def test_synapses_that_are_used_again_and_again_tire_and_recover():
    def answer(gap_ms):
        cells = network(3)
        some = np.flatnonzero(~cells.is_inhibitory)[:100]
        sent = []
        for ms in range(2 * gap_ms + 1):
            before = cells._coming.copy()
            cells.step(some if ms % gap_ms == 0 else NO_CELL)
            if ms % gap_ms == 0:
                sent.append(np.abs(cells._coming - before)[:, 0].sum())
        return sent[-1] / sent[0]

    assert answer(20) < 0.7 < answer(3000)


def test_a_silenced_network_has_currents_and_no_spikes():
    cells = network()
    assert sum(len(cells.step(np.arange(50), is_silenced=True)) for _ in range(300)) == 0
    assert len(cells.step(np.arange(50))) >= 50


def test_synapses_change_only_if_they_are_plastic():
    def changes(stdp):
        cells = network(5, stdp=stdp)
        before = cells.weights.copy()
        for _ in range(20):
            cells.step(np.arange(50))
        return (cells.weights != before).any(axis=1), cells.is_inhibitory

    fixed, _ = changes(stdp=False)
    plastic, is_inhibitory = changes(stdp=True)
    assert not fixed.any()
    assert plastic.any()
    assert not plastic[is_inhibitory].any()


def burst_ms(per_ms):
    """Median time for which a network burst is above a tenth of its highest rate."""
    rate = np.convolve(per_ms, np.ones(10) / 10, "same")
    is_burst = np.convolve(per_ms, np.ones(50), "same") > 0.2 * 1000
    starts = np.flatnonzero(is_burst[1:] & ~is_burst[:-1])
    lengths = []
    for start in starts:
        window = rate[max(0, start - 150) : start + 400]
        peak = window.argmax()
        below = np.flatnonzero(window <= 0.1 * window[peak])
        lengths.append(below[below > peak].min() - below[below < peak].max())
    return np.median(lengths) if lengths else 0.0, len(starts)


def preset_activity(preset, n_ms=15_000):
    cells, per_ms = network(1, preset=preset), np.zeros(n_ms, int)
    for ms in range(n_ms):
        per_ms[ms] = len(cells.step(NO_CELL))
    return per_ms


def test_a_young_culture_fires_less_and_does_not_burst():
    """Spike rates grow exponentially with synapses (Brewer 2009); bursts come later (Wagenaar)."""
    per_ms = preset_activity("young")
    assert 0 < per_ms.mean() < 0.4 * activity(1)[0].mean()
    assert burst_ms(per_ms) == (0.0, 0)


def test_a_mature_culture_bursts_shorter_and_higher():
    """After a month bursts become short events with prompt onsets (van Pelt 2004)."""
    standard_ms, _ = burst_ms(activity(1)[0])
    per_ms = preset_activity("mature")
    mature_ms, n_bursts = burst_ms(per_ms)
    assert n_bursts >= 3
    assert mature_ms < 0.8 * standard_ms
    window = np.ones(50)
    assert np.convolve(per_ms, window).max() > 1.3 * np.convolve(activity(1)[0], window).max()


def test_a_sparse_culture_has_fewer_spikes_and_no_network_bursts():
    """Rates of arrays grow with density, and the sparsest cultures do not burst (Wagenaar 2006)."""
    per_ms = preset_activity("sparse")
    assert 0 < per_ms.mean() < 160 / 1000 * activity(1)[0].mean()
    rate = np.convolve(per_ms, np.ones(50), "same")
    assert rate.max() < 0.2 * 160  # a fifth of all cells within 50 ms


def test_in_a_blocked_network_a_spike_reaches_nobody_by_excitatory_synapses():
    """As under NBQX and APV; inhibition, the cells' own noise and forced spikes stay."""

    excitatory = np.flatnonzero(~network(3).is_inhibitory)[:60]

    def others(forced, *, is_blocked):
        cells = network(3)
        cells.step(forced, is_blocked=is_blocked)
        later = [cells.step(NO_CELL, is_blocked=is_blocked) for _ in range(30)]
        return [np.setdiff1d(fired, excitatory).tolist() for fired in later]

    quiet = others(NO_CELL, is_blocked=True)
    assert others(excitatory, is_blocked=True) == quiet
    assert sum(map(len, others(excitatory, is_blocked=False))) > sum(map(len, quiet)) + 20


def test_blocked_synapses_do_not_change():
    cells = network(5, stdp=True)
    before = cells.weights.copy()
    for _ in range(20):
        cells.step(np.arange(40), is_blocked=True)
        cells.step(np.arange(40, 80), is_blocked=True)
    np.testing.assert_array_equal(cells.weights, before)
    for _ in range(20):
        cells.step(np.arange(40))
        cells.step(np.arange(40, 80))
    assert not np.array_equal(cells.weights, before)


def test_a_block_ends_by_the_clock():
    settings = SimulatorSettings(seed=1, blocked_s=((0.1, 0.2),))
    always, never = (SimulatorSettings(seed=1, blocked=b) for b in (True, False))
    timed, blocked, free = (
        Culture(s, grid_labels(60), 10_000.0) for s in (settings, always, never)
    )
    shot = Shot(0, tuple(range(20, 40)), PULSE, (), 0.0)
    counts = []
    for dish in (timed, blocked, free):
        counts.append([len(dish.block([shot] if ms == 110 else [])[1]) for ms in range(150)])
    assert counts[0][:100] == counts[2][:100]
    assert sum(counts[0][114:]) < 0.2 * sum(counts[2][114:])
    assert sum(counts[1][114:]) < 0.2 * sum(counts[2][114:])


@pytest.mark.parametrize("n_electrodes", [60, 32 * 32])
def test_any_array_has_a_culture(n_electrodes):
    is_large = n_electrodes > 60
    n_cells, spacing_um = (4000, 89.0) if is_large else (1000, 200.0)
    settings = SimulatorSettings(seed=1, n_cells=n_cells, spacing_um=spacing_um)
    culture = Culture(settings, grid_labels(n_electrodes), 10_000.0)
    again = Culture(settings, grid_labels(n_electrodes), 10_000.0)
    for _ in range(20):
        np.testing.assert_array_equal(culture.block([])[0], again.block([])[0])
    width_um = culture.network.cells_um[:, 0].max()
    assert width_um == pytest.approx((32 * 89 if is_large else 1600), rel=0.1)
    voltage, _ = culture.block([Shot(0, (3,), PULSE, (), 0.0)])
    assert voltage.shape == (n_electrodes, 10)
    assert np.abs(voltage[3]).max() > np.abs(voltage[n_electrodes // 2]).max()


def test_places_are_answered_differently_and_each_the_same_way_again():
    """Counts by electrode from 5 to 100 ms after a pulse: nearer to those of the same place."""
    places = {"a": ("22", "32", "23"), "b": ("72", "62", "73"), "c": ("47", "48", "57")}
    index = {label: i for i, label in enumerate(MCS_60_LABELS)}
    rng = np.random.default_rng(0)
    culture = Culture(SimulatorSettings(seed=9), MCS_60_LABELS, 10_000.0)
    nearest = culture.distance_um.argmin(axis=1)
    order = rng.permutation(list(places) * 20)
    answers = []
    for place in order:
        shot = Shot(0, tuple(index[label] for label in places[place]), PULSE, (), 0.0)
        counts = np.zeros(60)
        for ms in range(400):
            _, fired = culture.block([shot] if ms == 0 else [])
            if 5 <= ms < 100:
                counts += np.bincount(nearest[fired], minlength=60)
        answers.append(np.sqrt(counts))
    seen = np.array(answers)
    right = 0
    for i, place in enumerate(order):
        others = np.arange(len(order)) != i
        means = {p: seen[others & (order == p)].mean(axis=0) for p in places}
        right += min(means, key=lambda p: np.linalg.norm(seen[i] - means[p])) == place
    assert right >= 40  # of 60, 20 by chance


def test_silence_holds_in_its_windows_only():
    settings = SimulatorSettings(seed=1, silenced_s=((0.1, 0.2),))
    culture = Culture(settings, MCS_60_LABELS, 10_000.0)
    everywhere = Shot(0, tuple(range(60)), PULSE, (), 0.0)
    fired = [len(culture.block([everywhere] if ms % 20 == 0 else [])[1]) for ms in range(300)]
    assert sum(fired[100:200]) == 0
    assert sum(fired[:100]) > 100
    assert sum(fired[200:]) > 100


def test_another_course_is_the_same_culture_in_other_noise():
    first, other = (
        Culture(SimulatorSettings(seed=4, course=course), MCS_60_LABELS, 10_000.0)
        for course in (0, 1)
    )
    np.testing.assert_array_equal(first.network.targets, other.network.targets)
    np.testing.assert_array_equal(first.distance_um, other.distance_um)
    assert not np.array_equal(first.block([])[0], other.block([])[0])


def test_noise_is_thermal_above_and_one_over_f_below():
    background = Background(4.0, np.ones(4, bool), 10, np.random.default_rng(1))
    noise = np.concatenate([background.next() for _ in range(20_000)], axis=1)
    power = np.abs(np.fft.rfft(noise - noise.mean(axis=1, keepdims=True), axis=1)) ** 2
    hz = np.fft.rfftfreq(noise.shape[1], 1 / 10_000)

    def level(low_hz, high_hz):
        return power[:, (hz >= low_hz) & (hz < high_hz)].mean()

    assert level(1, 3) > 3 * level(10, 30) > 3 * 1.5 * level(100, 300)
    assert level(1000, 2000) == pytest.approx(level(3000, 4000), rel=0.1)
    assert FLICKER_UV < np.diff(noise, axis=1).std() / np.sqrt(2) < 4.5
