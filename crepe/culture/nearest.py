"""Search of nearest neighbours on a plane, by squares: the import of a k-d tree takes longer."""

import numpy as np
from numpy.typing import NDArray

_POINTS_IN_SQUARE = 8  # on average


def two_nearest(
    points: NDArray[np.float64], queries: NDArray[np.float64], size: tuple[float, float]
) -> NDArray[np.int64]:
    """Return the indices of the two points next to each query, nearest first.

    Parameters
    ----------
    points
        (n, 2), at least two, within a plane of this size from the origin.
    queries
        (..., 2), likewise.

    Returns
    -------
    (..., 2)
    """
    flat = queries.reshape(-1, 2)
    n_squares = max(1, int(np.sqrt(len(points) / _POINTS_IN_SQUARE)))  # in each direction
    side = np.array(size) / n_squares
    square_of_point = np.minimum(points // side, n_squares - 1).astype(int)
    square = np.minimum(flat // side, n_squares - 1).astype(int)
    nearest = np.empty((len(flat), 2), np.int64)
    number = square @ (n_squares, 1)
    order = np.argsort(number, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        around = np.abs(square_of_point - square[group[0]]).max(axis=1) <= 1
        nearest[group], distance = _two_of(points, np.flatnonzero(around), flat[group])
        # A point outside these nine squares is at least one side away.
        far = group[distance > side.min()]
        nearest[far], _ = _two_of(points, np.arange(len(points)), flat[far])
    return nearest.reshape(queries.shape)


def _two_of(
    points: NDArray[np.float64], indices: NDArray[np.int64], queries: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the two nearest of some points, and the distance of the second; inf for fewer."""
    if len(indices) < 2:
        return np.zeros((len(queries), 2), np.int64), np.full(len(queries), np.inf)
    x, y = points[indices].T
    squared = (queries[:, :1] - x) ** 2
    squared += (queries[:, 1:] - y) ** 2
    rows = np.arange(len(queries))
    first = squared.argmin(axis=1)
    squared[rows, first] = np.inf
    second = squared.argmin(axis=1)
    return indices[np.stack([first, second], axis=1)], np.sqrt(squared[rows, second])
