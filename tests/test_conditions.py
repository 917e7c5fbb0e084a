"""Conditions in blocks: each once in a round, one after the other, by trials or by time."""

from itertools import pairwise

import pytest

from crepe.conditions import (
    OPEN_LOOP,
    STIMULATION,
    Calibration,
    Conditions,
    calibration_blocks,
    condition_blocks,
    windows_s,
)

NAMES = (OPEN_LOOP, "silent", STIMULATION)


@pytest.mark.parametrize("seed", range(10))
def test_each_condition_comes_once_in_each_round_and_none_before_the_last_is_over(seed):
    table = Conditions(names=NAMES, n_blocks=4, n_trials=5, rest_s=2.0)
    blocks = condition_blocks(table, 1.5, seed)
    names = [block.condition for block in blocks]
    assert all(set(names[i : i + 3]) == set(NAMES) for i in range(0, 12, 3))
    assert {block.n_trials for block in blocks} == {5}
    assert all(b.start_s - a.stop_s == 2.0 for a, b in pairwise(blocks))
    assert all(block.stop_s - block.start_s == 7.5 for block in blocks)
    assert names.index(STIMULATION) < names.index(OPEN_LOOP)


def test_the_order_follows_from_the_seed():
    table = Conditions(names=NAMES, n_blocks=4)
    orders = {tuple(b.condition for b in condition_blocks(table, 1.0, seed)) for seed in range(10)}
    assert len(orders) > 5
    assert condition_blocks(table, 1.0, 3) == condition_blocks(table, 1.0, 3)


def test_blocks_by_time_have_as_many_trials_as_fit():
    table = Conditions(names=NAMES, n_blocks=1, block_s=300.0, rest_s=10.0)
    blocks = condition_blocks(table, 1.5, 1)
    assert [(b.start_s, b.stop_s, b.n_trials) for b in blocks] == [
        (10.0, 310.0, 0), (320.0, 620.0, 0), (630.0, 930.0, 0),
    ]  # fmt: skip
    assert table.total == 0
    assert windows_s(blocks, blocks[1].condition) == [(320.0, 620.0)]


def test_a_calibration_is_a_row_of_equal_blocks():
    blocks = calibration_blocks(Calibration(n_blocks=2, n_trials=10, rest_s=1.0), 2.0)
    assert [(b.start_s, b.stop_s, b.n_trials) for b in blocks] == [(1, 21, 10), (22, 42, 10)]
