"""Points of a grid and random ones: the same for the same seed."""

import math
import sys

import pytest

from crepe.errors import ConfigError
from crepe.study.sweep.samplers import open_sampler

VALUES = "[4.0, 4.5, 5.0, 5.5, 6.0, 6.5]"
RANGES = """{ low = 1.0, high = 100.0, log = true }
"actors.game.n_trials" = { low = 3, high = 5, integer = true }
"actors.game.rest_s" = [0.3, 0.4]
"""


def random(n_points):
    table = f'[sampler]\nrun = "random"\nn_points = {n_points}\n[cultures]'
    return (VALUES, RANGES), ("[cultures]", table)


def test_a_grid_has_each_value_with_each(open_file):
    file = open_file((VALUES, '[4.0, 5.0]\n"actors.game.rest_s" = [0.3, 0.4, 0.5]'))
    sampler = open_sampler(file)
    points = sampler.ask()
    assert sampler.n_points == len(points) == 6
    assert [tuple(point.values.values()) for point in points][:4] == [
        (4.0, 0.3), (4.0, 0.4), (4.0, 0.5), (5.0, 0.3),
    ]  # fmt: skip
    assert [point.number for point in points] == [1, 2, 3, 4, 5, 6]
    sampler.tell([0.0] * 6)
    assert sampler.ask() == []


def test_without_ranges_the_experiment_as_it_is_is_the_only_point(open_file):
    file = open_file(
        (f'"actors.detect.threshold_sd" = {VALUES}', ""),
        ("held_out = [101, 102, 103, 104]", ""),
        ('goal = "maximize"', ""),
    )
    (point,) = open_sampler(file).ask()
    assert point.settings == {}


def test_random_points_follow_from_the_seed_and_stay_within_their_spans(open_file):
    points = open_sampler(open_file(*random(200))).ask()
    assert points == open_sampler(open_file(*random(200))).ask()
    assert points[:3] == open_sampler(open_file(*random(3))).ask()
    assert points != open_sampler(open_file(*random(200), ("[ranges]", "seed = 2\n[ranges]"))).ask()
    first, n_trials, rest_s = zip(*(point.values.values() for point in points), strict=True)
    assert min(first) >= 1.0
    assert max(first) <= 100.0
    assert sum(math.log10(value) < 1 for value in first) in range(75, 126)
    assert set(n_trials) == {3, 4, 5}
    assert set(rest_s) == {0.3, 0.4}


def test_a_missing_package_says_how_to_install_it(open_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    table = '[sampler]\nrun = "optuna.samplers:TPESampler"\nn_points = 3\n[cultures]'
    with pytest.raises(ConfigError, match=r"needs optuna: .* pip install 'crepe-mea\[sweep\]'"):
        open_sampler(open_file(("[cultures]", table)))
