"""The band-pass does not depend on how the signal is cut, and a constant gives nothing."""

import numpy as np

from crepe.processing.filter import band_pass


def test_parts_give_what_the_whole_gives():
    signal = np.random.default_rng(1).normal(size=(3, 1000))
    whole, parts = (band_pass(300.0, 3000.0, 2, 10_000.0) for _ in range(2))
    whole.restart(signal[:, :1])
    parts.restart(signal[:, :1])
    cut = [parts.apply(part) for part in np.split(signal, [1, 100, 999], axis=1)]
    np.testing.assert_array_equal(np.concatenate(cut, axis=1), whole.apply(signal))


def test_a_constant_signal_has_no_transient():
    kernel = band_pass(300.0, 3000.0, 2, 10_000.0)
    constant = np.full((2, 50), 80.0)
    kernel.restart(constant[:, :1])
    assert np.abs(kernel.apply(constant)).max() < 1e-9
