"""The two nearest points are those that a k-d tree gives, also where points are sparse."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from crepe.culture.nearest import two_nearest


@pytest.mark.parametrize("n_points", [2, 3, 17, 1000])
def test_nearest_points_are_those_of_a_tree(n_points):
    rng = np.random.default_rng(n_points)
    size = (1600.0, 900.0)
    points, queries = rng.uniform(0, size, (n_points, 2)), rng.uniform(0, size, (50, 20, 2))
    expected = cKDTree(points).query(queries, k=2)[1]
    np.testing.assert_array_equal(two_nearest(points, queries, size), expected)


def test_points_in_one_corner_are_seen_from_the_other():
    points = np.random.default_rng(0).uniform(0, 10, (100, 2))
    queries = np.array([[999.0, 999.0], [5.0, 5.0]])
    expected = cKDTree(points).query(queries, k=2)[1]
    np.testing.assert_array_equal(two_nearest(points, queries, (1000.0, 1000.0)), expected)
