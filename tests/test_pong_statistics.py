"""Rallies by condition: what is counted, how sure it is, and that no difference is found in none."""

import numpy as np

from crepe.messages import GameState
from crepe.pong_statistics import against_controls, compare, describe, lengths


def ended(condition, rally, outcome="miss"):
    return GameState(
        0, 1, 1, "outcome", outcome=outcome, score={"rally": rally}, condition=condition
    )


def test_only_finished_rallies_count_each_for_its_condition():
    states = [
        ended("stimulation", 2),
        ended("rest", 0),
        GameState(0, 1, 1, "play", outcome="hit", score={"rally": 5}, condition="rest"),
        ended("stimulation", 7, "cut"),
        ended("stimulation", 0),
        ended("sham", 3, "cut"),
    ]
    found = {name: list(values) for name, values in lengths(states).items()}
    assert found == {"rest": [0], "sham": [], "stimulation": [2, 0]}


def test_a_condition_is_described_by_length_aces_and_long_rallies():
    found = describe(np.array([0, 0, 1, 2, 4, 5, 0, 3]))
    assert found.n == 8
    assert found.length.value == 15 / 8
    assert found.aces.value == 3 / 8
    assert found.long.value == 2 / 8
    for estimate in (found.length, found.aces, found.long):
        low, high = estimate.ci95
        assert low < estimate.value < high


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for i in range(60):
        low, high = describe(rng.geometric(0.5, 80) - 1, seed=i).length.ci95
        held += low <= 1.0 <= high
    assert held >= 51


def test_too_few_rallies_have_no_interval():
    assert np.isnan(describe(np.array([], np.int64)).length.value)
    one = describe(np.array([3]))
    assert one.length.value == 3
    assert np.isnan(one.length.ci95).all()
    assert np.isnan(compare(np.array([1]), np.array([], np.int64)).p_permutation)
    assert describe(np.array([0, 0, 0])).aces.ci95 == (1.0, 1.0)


def test_a_difference_is_found_where_there_is_one_and_seldom_where_there_is_none():
    rng = np.random.default_rng(2)
    short, long = rng.geometric(0.6, 100) - 1, rng.geometric(0.3, 100) - 1
    found = compare(long, short)
    assert found.difference > 1
    assert found.p_permutation < 0.01
    assert found.p_mann_whitney < 0.01
    by_chance = [compare(*(rng.geometric(0.5, 60) for _ in "ab"), seed=i) for i in range(30)]
    assert sum(one.p_permutation < 0.05 for one in by_chance) <= 5
    same = compare(np.zeros(10, np.int64), np.zeros(20, np.int64))
    assert (same.difference, same.p_permutation, same.p_mann_whitney) == (0, 1, 1)


def test_the_closed_loop_is_compared_with_all_but_the_replay():
    rng = np.random.default_rng(3)
    names = ("stimulation", "open_loop", "rest", "silent")
    found = against_controls({name: rng.geometric(0.5, 20) for name in names}, seed=4)
    assert list(found) == ["rest", "silent"]
    assert found == against_controls(
        {name: np.random.default_rng(3).geometric(0.5, (4, 20))[i] for i, name in enumerate(names)},
        seed=4,
    )
    assert against_controls({"rest": np.array([1])}) == {}
