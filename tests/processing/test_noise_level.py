"""The noise level is that of numpy's medians, whatever came before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.processing.noise_level import MAD_TO_SD, NoiseLevel

N = 400


def levels(windows, cuts=()):
    noise, result = NoiseLevel(len(windows[0]), N), []
    for samples in windows:
        for part in np.split(samples, [c for c in cuts if c < samples.shape[1]], axis=1):
            noise.add(part)
        result.append(noise.level_uv())
        noise.restart()
    return np.array(result)


def expected(windows):
    result = [np.median(np.abs(samples), axis=1) / MAD_TO_SD for samples in windows]
    return np.array(result, np.float32)


def noisy(sds, n=N):
    rng = np.random.default_rng(4)
    return [np.outer([1.0, 3.0], rng.normal(0, sd, n)).astype(np.float32) for sd in sds]


@pytest.mark.parametrize("n", [N, N - 1, 1, 2])
def test_levels_of_steady_noise_are_exact(n):
    windows = noisy([5, 5, 5.1, 4.9, 5], n)
    assert (levels(windows) == expected(windows)).all()


def test_levels_that_jump_are_exact():
    windows = noisy([5, 50, 0, 1, 1e-3, 700])
    assert (levels(windows) == expected(windows)).all()


def test_many_equal_values_are_no_trouble():
    rng = np.random.default_rng(4)
    windows = [rng.integers(-2, 3, (3, N)).astype(np.float32) for _ in range(5)]
    assert (levels(windows) == expected(windows)).all()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.5, 2.0), max_size=6), st.sets(st.integers(1, N - 1), max_size=5))
def test_levels_do_not_depend_on_how_the_window_is_filled(sds, cuts):
    windows = noisy([1, *sds])
    assert (levels(windows, sorted(cuts)) == expected(windows)).all()
