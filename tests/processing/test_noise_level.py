"""The noise level is that of numpy's medians, whatever came before."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.processing.filter import band_pass
from crepe.processing.noise_level import MAD_TO_SD, NoiseLevel, _block_maxima
from crepe.processing.stillness import Stillness

N, RATE_HZ = 400, 10_000.0


def levels(windows, cuts=()):
    noise, result = NoiseLevel(len(windows[0]), N, RATE_HZ), []
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


@pytest.mark.parametrize("n_parts", [1, 3, 50])
def test_a_window_that_has_ended_is_measured_while_the_next_one_is_filled(n_parts):
    rng = np.random.default_rng(4)
    windows = [rng.normal(0, sd, (30, N)).astype(np.float32) for sd in (5, 5.1, 40)]
    noise, result = NoiseLevel(30, N, RATE_HZ), []
    noise.add(windows[0])
    for following in (*windows[1:], np.zeros_like(windows[0])):
        noise.end_window()
        for at, part in enumerate(np.array_split(following, n_parts, axis=1)):
            noise.add(part)
            noise.measure(at / n_parts)
        result.append(noise.ended_level_uv())
    assert (np.array(result) == expected(windows)).all()


def band_passed(raw):
    """White noise in the spike band, zero where a channel stands still, as `BandPass` gives it."""
    kernel = band_pass(300.0, 3000.0, 2, RATE_HZ)
    kernel.restart(raw[:, :1])
    filtered = kernel.apply(raw * 0.1)
    marks = Stillness(len(raw), RATE_HZ).mark(raw)
    if marks is not None:
        filtered[marks] = 0
    return filtered


def level_of(filtered):
    noise = NoiseLevel(*filtered.shape, RATE_HZ)
    noise.add(filtered)
    return noise.level_uv()


@pytest.mark.parametrize("n_uv", [0.0, 0.3])
@pytest.mark.parametrize("rate_hz", [20, 40])
def test_held_samples_are_no_part_of_a_level(rate_hz, n_uv):
    """Amplifiers are held for 4 ms at each pulse, and show nothing or a little of their own noise."""
    rng, n = np.random.default_rng(5), round(RATE_HZ)
    raw = np.round(rng.normal(0, 5, (20, n)) / 0.1)
    true_uv = level_of(band_passed(raw))
    assert (true_uv == expected([band_passed(raw)])[0]).all()  # nothing is left out of noise
    for at in range(0, n, n // rate_hz):
        raw[:, at : at + 40] = np.round(rng.normal(0, n_uv, (20, 40)) / 0.1)
    held = band_passed(raw)
    assert expected([held]).mean() < 0.91 * true_uv.mean()  # as it would be with them
    assert abs(level_of(held).mean() / true_uv.mean() - 1) < 0.015


def test_a_channel_that_hardly_moved_has_no_level():
    window = noisy([5])[0]
    window[0, 30:] = 0  # moved in less than a tenth
    window[1, 100:] = 0
    level = levels([window])[0]
    assert level[0] == 0
    assert level[1] == expected([window[:, :85]])[0][1]  # without the filter's response


def test_single_zeros_are_samples_like_others():
    window = noisy([5])[0]
    window[:, ::7] = 0
    assert (levels([window]) == expected([window])).all()


@pytest.mark.parametrize(("n_block", "n_samples"), [(5, 10_000), (10, 2007), (8, 8), (15, 44)])
def test_the_maximum_of_each_block_is_that_of_its_samples(n_block, n_samples):
    magnitude = np.random.default_rng(1).random((3, n_samples), np.float32)
    n_blocks = n_samples // n_block
    blocks = magnitude[:, : n_blocks * n_block].reshape(3, n_blocks, n_block)
    assert np.array_equal(_block_maxima(magnitude, n_block), blocks.max(axis=2))
