"""The cubic fit reproduces cubics, and sums do not depend on where a window lies."""

import numpy as np

from crepe.processing.salpa import cubic_fit, slide


def test_a_cubic_is_fitted_exactly():
    t = np.linspace(-1, 1, 21)
    cubic = 3 - 2 * t + 5 * t**2 - 4 * t**3
    np.testing.assert_allclose(cubic_fit(10) @ cubic, cubic, atol=1e-12)


def test_sums_are_equal_to_the_bit_wherever_the_window_lies():
    signal = np.random.default_rng(2).normal(size=(2, 200))
    weights = cubic_fit(10)[10]
    np.testing.assert_array_equal(
        slide(signal[:, 50:120], weights), slide(signal, weights)[:, 50:100]
    )
