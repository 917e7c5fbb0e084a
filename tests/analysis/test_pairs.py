"""Pairs of values are compared by exchanging the two of a pair, and nothing else."""

from itertools import product

import numpy as np
import pytest

from crepe.analysis.pairs import compare_pairs


def test_it_agrees_with_every_exchange_of_labels():
    rng = np.random.default_rng(3)
    pairs = rng.normal([0.8, 0], 1, (7, 2))
    differences = pairs[:, 0] - pairs[:, 1]
    exchanged = [np.mean(differences * signs) for signs in product((1, -1), repeat=len(pairs))]
    as_large = np.mean(np.abs(exchanged) >= abs(differences.mean()) - 1e-12)

    result = compare_pairs([(a, b) for a, b in pairs.tolist()])

    assert result.n_pairs == 7
    assert result.difference == pytest.approx(differences.mean())
    assert result.p_value == pytest.approx(as_large)


def test_the_smallest_p_value_of_n_pairs():
    assert compare_pairs([(i + 1.0, 0.0) for i in range(6)]).p_value == pytest.approx(2 / 2**6)


@pytest.mark.parametrize("pairs", [[], [(1.0, 0.0)]])
def test_fewer_than_two_pairs_say_nothing(pairs):
    result = compare_pairs(pairs)
    assert result.n_pairs == len(pairs)
    assert np.isnan([result.difference, result.p_value]).all()
