"""A culture whose cells run in Brian2: the contract, and an experiment that tells places apart."""

import importlib.util

import numpy as np
import pytest

if importlib.util.find_spec("brian2") is None or not hasattr(np.ndarray, "ptp"):
    pytest.skip(
        "needs brian2, whose version 2.9 needs numpy before 2.4; constraints.txt has a later one",
        allow_module_level=True,
    )

from crepe.conditions import calibration_blocks
from crepe.config.experiment import load_experiment
from crepe.culture.contract import Shot
from crepe.culture.culture import Culture
from crepe.culture.settings import CultureSettings
from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.environment.paths import project_directory
from crepe.errors import ConfigError
from crepe.reservoir.training import validate
from crepe.results.trials import labelled
from crepe.study.runs import in_process

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Brian2's own imports

PATH = "crepe.culture.brian2_network:Brian2Network"
PULSE = ((-10.0, 200.0), (10.0, 200.0))
NO_CELL = np.empty(0, np.int64)


def culture(**settings):
    return Culture(CultureSettings(network=PATH, **settings), MCS_60_LABELS, 10_000.0)


def spikes(cells, n_ms, pulses=()):
    blocks = [cells.block([Shot(0, (3,), PULSE)] if ms in pulses else []) for ms in range(n_ms)]
    return [fired for _, fired in blocks]


def test_a_seed_gives_the_same_spikes_and_another_course_others():
    first, again, other = (
        np.concatenate(spikes(culture(seed=1, course=course), 500, (100,))) for course in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_cells_fire_once_in_rising_order_and_forced_ones_do():
    network = culture(seed=2).network
    fired = network.step(np.arange(50))
    assert set(range(50)) <= set(fired)
    for _ in range(200):
        fired = network.step(np.arange(0, 100, 7))
        assert (np.diff(fired) > 0).all()
        assert fired.dtype == np.int64


def test_a_silenced_network_fires_no_cell_and_recovers():
    network = culture(seed=3).network
    assert sum(len(network.step(np.arange(50), is_silenced=True)) for _ in range(200)) == 0
    assert len(network.step(np.arange(50))) >= 50


def test_activity_is_that_of_cultures():
    """0.1 to 10 Hz at an electrode, network bursts (Wagenaar 2006); set for the other network."""
    cells = culture(seed=1).network
    per_ms = np.array([len(cells.step(NO_CELL)) for _ in range(20_000)])
    assert 0.05 < per_ms.mean() < 5  # Hz: a thousand cells, a thousandth of a second
    assert np.convolve(per_ms, np.ones(50)).max() > 200  # a fifth of the cells in a network burst


def test_inhibition_and_depression_do_what_they_are_for():
    def n_spikes(**cells):
        network = culture(seed=1, cells=cells).network
        return sum(len(network.step(np.arange(60) if ms == 50 else NO_CELL)) for ms in range(500))

    assert n_spikes(inhibition=0.0) > n_spikes() > n_spikes(excitation=0.0)
    assert n_spikes(release=0.1) > n_spikes(release=0.9)


def test_blocked_excitation_has_no_effect():
    def trace(is_blocked, **cells):
        network = culture(seed=1, cells=cells).network
        return [
            len(network.step(np.arange(60) if ms == 50 else NO_CELL, is_blocked=is_blocked))
            for ms in range(200)
        ]

    assert trace(is_blocked=True) == trace(is_blocked=True, excitation=30.0)
    assert sum(trace(is_blocked=True)) < sum(trace(is_blocked=False))


def test_an_experiment_tells_places_apart():
    """`config/rps-controls.toml`: three places, 30 trials, chance 0.333."""
    path = project_directory() / "config" / "rps-controls.toml"
    changes = {"culture.simulated.network": PATH, "seed": 5, "culture.simulated.seed": 5}
    experiment = load_experiment(path, {**changes, "calibration.n_blocks": 2})
    calibration = experiment.calibration.model_copy(update={"n_trials": 15})
    blocks = calibration_blocks(calibration, experiment.actors["game"].make().trial_s)
    plain = [block.model_dump() for block in blocks]
    changes |= {"actors.game.blocks": plain, "actors.game.n_trials": 30}
    experiment = load_experiment(path, changes)
    store = in_process(experiment, lambda _: None, kept=("result:stimuli",)).store
    trials = labelled(store, experiment.actors["decode"].make().window)
    assert len(trials.gesture) >= 27
    assert validate(trials).accuracy > 0.6


def test_it_has_no_plasticity():
    with pytest.raises(ConfigError, match="stdp"):
        culture(stdp=True)
