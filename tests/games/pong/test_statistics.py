"""Rallies by condition: what is counted, how sure it is, and that no difference is found in none."""

import numpy as np
import pytest

from crepe.games.pong.statistics import Block, against_controls, compare, describe, rallies
from crepe.messages import GameState


def ended(condition, rally, outcome="miss", block=0, trial=1):
    return GameState(
        0, 1, trial, "outcome", outcome=outcome, score={"rally": rally}, condition=condition,
        block=block,
    )  # fmt: skip


def of(*lengths, cut=None):
    """A block of finished rallies, and of one that its end cut."""
    every = [*lengths, *([] if cut is None else [cut])]
    return Block(np.array(every, np.int64), np.arange(len(every)) < len(lengths))


def played(rng, hit, block_s=40.0, after_s=8.0):
    """A block in which each ball is met with the chance `hit`, as long as config/pong.toml's."""
    at_s, lengths, is_finished = 0.0, [], []
    while at_s + 1.71 <= block_s:
        n_most = int((block_s - at_s - 1.71) / 3.42) + 1
        n_hits = int(rng.geometric(1 - hit)) - 1
        lengths.append(min(n_hits, n_most))
        is_finished.append(n_hits < n_most)
        at_s += 1.71 + 3.42 * n_hits + after_s
    return Block(np.array(lengths, np.int64), np.array(is_finished, np.bool_))


def blocks(rng, n=8, hit=0.5, spread=0.0):
    """Blocks that differ in how easy they were."""
    return [played(rng, np.clip(rng.normal(hit, spread), 0.05, 0.95)) for _ in range(n)]


def test_rallies_count_for_their_condition_and_block_and_cut_ones_are_marked():
    states = [
        ended("stimulation", 2, block=1),
        ended("stimulation", 7, "cut", block=1),
        ended("rest", 0, block=2),
        GameState(0, 1, 1, "play", outcome="hit", score={"rally": 5}, condition="rest", block=2),
        ended("rest", 1, block=2),
        ended("rest", 3, "cut", block=3),
        ended("stimulation", 0, block=4),
    ]
    plain = {
        name: [(block.lengths.tolist(), block.is_finished.tolist()) for block in each]
        for name, each in rallies(states).items()
    }
    assert plain == {
        "rest": [([0, 1], [True, True]), ([3], [False])],
        "stimulation": [([2, 7], [True, False]), ([0], [True])],
    }


def test_without_blocks_every_rally_is_one():
    states = [ended("", n, trial=n) for n in (1, 2, 3)]
    assert [block.lengths.tolist() for block in rallies(states)[""]] == [[1], [2], [3]]


def test_hits_of_a_cut_rally_count_and_its_end_does_not():
    result = describe([of(0, 0, 1, 2), of(4, 5, 0, cut=3), of(cut=0)])
    assert (result.n, result.n_cut) == (7, 2)
    assert result.hits.value == 15 / 22
    assert result.length.value == pytest.approx(15 / 7)
    assert result.aces.value == 3 / 8
    # Kaplan and Meier: 8 at risk of a miss at the first ball, then 5, 4, 3; the cut one left
    assert result.long.value == pytest.approx((5 / 8) * (4 / 5) * (3 / 4))


@pytest.mark.parametrize(("n_blocks", "hit"), [(3, 1 / 3), (3, 0.9), (8, 1 / 3), (8, 0.9)])
def test_intervals_hold_the_truth_as_often_as_they_say(n_blocks, hit):
    """By bootstrap of blocks, of finished rallies, they held 0.06 to 0.86 of it."""
    rng = np.random.default_rng([n_blocks, round(100 * hit)])
    truth = {"hits": hit, "length": hit / (1 - hit), "aces": 1 - hit, "long": hit**4}
    n_held = dict.fromkeys(truth, 0)
    for _ in range(100):
        result = describe(blocks(rng, n_blocks, hit))
        for name, value in truth.items():
            low, high = getattr(result, name).ci95
            n_held[name] += bool(np.isnan(low) or low <= value <= high)
    assert min(n_held.values()) >= 93


def test_a_player_who_rarely_misses_is_not_recorded_as_a_bad_one():
    """Finished rallies alone have a mean of 3.7."""
    rng = np.random.default_rng(5)
    assert describe(blocks(rng, 2000, 0.9)).length.value == pytest.approx(9.0, rel=0.05)


def test_nothing_seen_is_no_interval_of_nothing():
    """Of no long rally among 12 the interval was 0 to 0."""
    low, high = describe([of(0, 1, 0, 0)] * 3).long.ci95
    assert low == 0
    assert high == pytest.approx(0.265, abs=1e-3)  # Clopper and Pearson of 0 of 12


def test_too_few_rallies_have_no_value_and_no_p():
    nothing = describe([of()])
    assert np.isnan([nothing.hits.value, nothing.long.value, *nothing.length.ci95]).all()
    assert describe([of(cut=4)]).hits.value == 1
    assert describe([of(cut=4)]).length.value == np.inf
    result = compare([of(1)], [of(2), of()])
    assert (result.n_pairs, np.isnan(result.p_value)) == (1, True)


def test_a_difference_is_found_where_there_is_one():
    rng = np.random.default_rng(2)
    result = compare(blocks(rng, hit=0.8), blocks(rng, hit=0.3))
    assert result.difference > 0.3
    assert result.p_value == 2 / 2**8
    same = compare([of(*[0] * 9)] * 3, [of(*[0] * 5)] * 3)
    assert (same.n_pairs, same.difference, same.p_value) == (3, 0, 1)


def test_a_block_without_a_finished_rally_is_compared():
    result = compare([of(cut=9)] * 8, [of(0, 0, 0)] * 8)
    assert (result.n_pairs, result.difference) == (8, 1.0)


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
    assert against_controls({"rest": [of(1)]}) == {}
