"""What an experiment sees of the simulated culture, in lock-step."""

from functools import cache

import numpy as np
import pytest

from crepe.hw.instrument import InProcess
from crepe.hw.meame import wire
from crepe.messages import Stimulus
from crepe.simulator.lockstep import Lockstep
from crepe.simulator.meame import instrument
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.settings import SimulatorSettings

BOTTOM_ROW = ("48", "38", "28", "78", "68", "58")
LISTENING = [0, 2, 3, 5, 7, 8, 50, 51, 54, 56, 57, 59]
RATES_HZ = (20.0, 50_000 / 1650, 40.0)
PULSE = ((-10.0, 200.0), (10.0, 200.0))


def train(rate_hz, phases=PULSE, number=1, seconds=5):
    return Stimulus(0, 1, number, 0, BOTTOM_ROW, phases, rate_hz, round(seconds * rate_hz))


class Dish:
    """A culture under an instrument that is advanced by whole seconds."""

    def __init__(self, **values):
        self.lockstep = Lockstep(SimulatorSettings(**values))
        self.recorder = self.lockstep.open_recorder("meame://simulator")
        self.info = self.recorder.open(0)
        self.stimulator = self.lockstep.open_stimulator("meame://simulator", InProcess())
        self.stimulator.open()
        self.position = 0

    def record(self, seconds):
        parts = [self.recorder.read(1.0) for _ in range(round(seconds * 100))]
        self.window = (parts[0].start, parts[-1].stop)
        counts = np.concatenate([part.samples for part in parts], axis=1)
        return counts * self.info.scale_uv[0]

    def fired(self):
        """Sample indices and electrodes of the spikes in the last recording of cells that lie
        right beside one."""
        spikes = self.recorder.truth(*self.window)
        distance_um = self.lockstep.instrument.culture.distance_um
        is_near = distance_um.min(axis=1)[spikes.channel] < 60
        return spikes.sample[is_near], distance_um.argmin(axis=1)[spikes.channel[is_near]]


@cache
def resting():
    dish = Dish()
    return dish, dish.record(5)


@cache
def stimulated(rate_hz, seed=0):
    dish = Dish(seed=seed)
    dish.record(0.5)
    dish.stimulator.prepare(train(rate_hz))
    dish.stimulator.start(train(rate_hz))
    voltage_uv = dish.record(5)
    return dish, voltage_uv


def test_spikes_stand_out_of_the_noise_where_they_were_fired():
    dish, voltage_uv = resting()
    sample, electrode = dish.fired()
    start = dish.window[0]
    deepest = [
        voltage_uv[e, s - start : s - start + 20].min() - np.median(voltage_uv[e, s - start :][:20])
        for s, e in zip(sample, electrode, strict=True)
        if e != 14 and s + 20 < dish.window[1]
    ]
    assert -110 < np.median(deepest) < -25


def test_noise_is_that_of_a_60mea_and_the_reference_is_quiet():
    dish = Dish(silenced=True)
    fast_uv = np.diff(dish.record(2), axis=1).std(axis=1) / np.sqrt(2)
    others = np.delete(fast_uv, 14)
    assert others == pytest.approx(4.0, rel=0.1)
    assert fast_uv[14] < 0.5


def phase_of(dish, rate_hz):
    """How far the listening electrodes' spikes lock to the pulses: 0 not at all, 1 wholly."""
    sample, electrode = dish.fired()
    at_s = sample[np.isin(electrode, LISTENING)] / 10_000
    return abs(np.exp(2j * np.pi * rate_hz * at_s).mean())


def locks_to_the_pulses(rate_hz, seed):
    dish, _ = stimulated(rate_hz, seed)
    locked = {f: phase_of(dish, f) for f in RATES_HZ}
    return max(locked, key=locked.get) == rate_hz and locked[rate_hz] > 0.2


@pytest.mark.parametrize("rate_hz", RATES_HZ)  # of another culture: tests/long
def test_far_electrodes_answer_in_time_with_the_pulses(rate_hz):
    assert locks_to_the_pulses(rate_hz, seed=0)


def test_truth_covers_the_window_that_was_asked_for_after_a_late_start():
    lockstep = Lockstep(SimulatorSettings())
    recorder = lockstep.open_recorder("meame://simulator")
    recorder.open(50_000)
    for _ in range(100):
        last = recorder.read(1.0)
    spikes = recorder.truth(50_000, last.stop)
    assert len(spikes.sample) > 50
    assert spikes.sample.min() >= 50_000


def test_the_latest_true_spikes_are_kept(monkeypatch):
    every = SimulatedMeame(SimulatorSettings())
    monkeypatch.setattr(instrument, "_KEPT_TRUTH", 20)
    latest = SimulatedMeame(SimulatorSettings())
    for meame in (every, latest):
        meame.advance(3000)
    n_spikes = len(every.truth(0, 3000).sample)
    assert n_spikes > 20
    for field in ("sample", "channel"):
        expected = getattr(every.truth(0, 3000), field)[-20:]
        assert np.array_equal(getattr(latest.truth(0, 3000), field), expected)


def test_no_cell_fires_within_its_refractory_period():
    dish, _ = stimulated(40.0)
    spikes = dish.recorder.truth(*dish.window)
    for cell in np.unique(spikes.channel):
        assert (np.diff(spikes.sample[spikes.channel == cell]) >= 20).all()  # 2 ms


def test_a_train_that_nobody_stops_ends_by_itself():
    dish = Dish()
    dish.stimulator.prepare(train(20.0, seconds=0.5))
    dish.stimulator.start(train(20.0, seconds=0.5))
    dish.record(3)
    shots = dish.lockstep.instrument.dsp.shots
    assert np.diff([shot.tick for shot in shots]).tolist() == [2500] * 9
    assert {shot.electrodes for shot in shots} == {tuple(wire.from_bitmap(wire.bitmap(BOTTOM_ROW)))}
