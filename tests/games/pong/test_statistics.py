"""Rallies by condition: what is counted, how sure it is, and that no difference is found in none."""

import numpy as np

from crepe.games.pong.statistics import against_controls, compare, describe, lengths
from crepe.messages import GameState


def ended(condition, rally, outcome="miss", block=0, trial=1):
    return GameState(
        0, 1, trial, "outcome", outcome=outcome, score={"rally": rally}, condition=condition,
        block=block,
    )  # fmt: skip


def plain(result):
    return {name: [block.tolist() for block in blocks] for name, blocks in result.items()}


def blocks(rng, n=8, n_rallies=6, p=0.5, spread=0.0):
    """Geometric lengths; the blocks of a condition may differ in how easy they were."""
    return [
        rng.geometric(np.clip(p + rng.normal(0, spread), 0.05, 0.95), n_rallies) - 1
        for _ in range(n)
    ]


def test_only_finished_rallies_count_each_for_its_condition_and_block():
    states = [
        ended("stimulation", 2, block=1),
        ended("stimulation", 7, "cut", block=1),
        ended("rest", 0, block=2),
        GameState(0, 1, 1, "play", outcome="hit", score={"rally": 5}, condition="rest", block=2),
        ended("rest", 1, block=2),
        ended("rest", 3, "cut", block=3),
        ended("stimulation", 0, block=4),
    ]
    assert plain(lengths(states)) == {"rest": [[0, 1], []], "stimulation": [[2], [0]]}


def test_without_blocks_every_rally_is_one():
    states = [ended("", n, trial=n) for n in (1, 2, 3)]
    assert plain(lengths(states)) == {"": [[1], [2], [3]]}


def test_a_condition_is_described_by_length_aces_and_long_rallies():
    result = describe([np.array([0, 0, 1, 2]), np.array([], int), np.array([4, 5, 0, 3])])
    assert result.n == 8
    assert result.length.value == 15 / 8
    assert result.aces.value == 3 / 8
    assert result.long.value == 2 / 8
    assert result.length.ci95 == (3 / 4, 12 / 4)  # of two blocks: twice one, or twice the other


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for i in range(60):
        low, high = describe(blocks(rng, 20), seed=i).length.ci95
        held += low <= 1.0 <= high
    assert held >= 51


def test_too_few_rallies_have_no_interval_and_no_p():
    assert np.isnan(describe([np.array([], np.int64)]).length.value)
    single = describe([np.array([3])])
    assert single.length.value == 3
    assert np.isnan(single.length.ci95).all()
    result = compare([np.array([1]), np.array([2])], [np.array([1]), np.array([], np.int64)])
    assert (result.n_rounds, np.isnan(result.p_value)) == (1, True)
    assert describe([np.array([0]), np.array([0])]).aces.ci95 == (1.0, 1.0)


def test_a_difference_is_found_where_there_is_one():
    rng = np.random.default_rng(2)
    result = compare(blocks(rng, p=0.3), blocks(rng, p=0.6))
    assert result.difference > 1
    assert result.p_value == 2 / 2**8
    same = compare([np.zeros(9, int)] * 3, [np.zeros(5, int)] * 3)
    assert (same.n_rounds, same.difference, same.p_value) == (3, 0, 1)


def test_blocks_that_differ_by_themselves_are_no_difference_between_conditions():
    """Rallies permuted one by one would find one far more often than it says."""
    rng = np.random.default_rng(3)
    result = [
        compare(blocks(rng, spread=0.25), blocks(rng, spread=0.25), seed=i).p_value
        for i in range(300)
    ]
    assert np.mean(np.array(result) < 0.05) < 0.075


def test_the_closed_loop_is_compared_with_all_but_the_replay():
    names = ("stimulation", "open_loop", "rest", "silent")
    by_condition = {name: blocks(np.random.default_rng(k)) for k, name in enumerate(names)}
    result = against_controls(by_condition, seed=4)
    assert list(result) == ["rest", "silent"]
    assert result == against_controls(by_condition, seed=4)
    assert against_controls({"rest": [np.array([1])]}) == {}
