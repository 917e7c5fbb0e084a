"""Kernels of SALPA: a cubic fitted around each sample (Wagenaar & Potter 2002)."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

SEARCHING = -1
"""In the place of the sample index at which a channel's fit began: no fit has begun."""


def cubic_fit(half: int) -> NDArray[np.float64]:
    """Return the matrix, (2 half + 1, 2 half + 1), from a window to its cubic's values."""
    t = np.arange(-half, half + 1) / half
    # Orthonormal, so that the basis times its transpose projects onto the cubics.
    basis, _ = np.linalg.qr(np.vander(t, 4))
    fit: NDArray[np.float64] = basis @ basis.T
    return fit


def slide(signal: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weighted sums of whole windows, (n_channels, n_samples - n_weights + 1).

    Each sum is made in the same order wherever its window lies.
    """
    half = len(weights) // 2
    sums: NDArray[np.float64] = correlate1d(signal, weights, axis=1)
    # Near the edges correlate1d mirrors the signal; those sums are of no whole window.
    return sums[:, half : signal.shape[1] - half]


def subtract_near_bad(
    signal: NDArray[np.float64],
    is_bad: NDArray[np.bool_],
    may_begin: NDArray[np.bool_],
    result: NDArray[np.float64],
    *,
    fit: NDArray[np.float64],
    reach: int,
    first: int,
    fit_from: int,
) -> int:
    """Correct one channel's result near bad samples, where no fit around each sample is possible.

    Parameters
    ----------
    signal, is_bad
        (n_held,): the samples held of the channel, in microvolts, and which of them are bad.
    may_begin
        (n,): whether a fit may begin at the sample.
    result
        (n,): the samples from place `reach` of `signal` on, less the cubic fitted around each;
        changed in place. It is 0 where there is no fit.
    fit
        As `cubic_fit` returns it.
    reach
        Place in `signal` of the first sample of `result`.
    first
        Sample index of `signal[0]`.
    fit_from
        Sample index at which the channel's fit began, or SEARCHING.

    Returns
    -------
    int
        `fit_from` after these samples.
    """
    half = len(fit) // 2
    at, stop = reach, reach + len(result)  # places in `signal`, as all below
    bad = np.flatnonzero(is_bad)
    out = signal[:stop].copy()
    out[at:] = result
    while at < stop:
        if fit_from == SEARCHING:
            ahead = may_begin[at - reach :]
            begin = at + int(ahead.argmax()) if ahead.any() else stop
            out[at:begin] = 0.0
            at = begin
            fit_from = SEARCHING if at == stop else at + first
            continue
        next_bad = np.searchsorted(bad, at)
        # Without a bad sample the peg is too far away for any fit to be the last.
        peg = int(bad[next_bad]) if next_bad < len(bad) else len(signal) + half
        end = min(peg, stop)
        begin = fit_from - first
        if at < begin + half:  # the first fit serves for its first half
            window = signal[begin : begin + 2 * half + 1]
            of_first = window - fit @ window
            until = min(end, begin + half)
            out[at:until] = of_first[at - begin : until - begin]
        if peg - half < end:  # the last fit serves up to the bad sample
            window = signal[peg - 2 * half - 1 : peg]
            of_last = window - fit @ window
            since = max(at, peg - half)
            # None where the fit serves up to the bad sample: a slice up to 0 would be empty.
            out[since:end] = of_last[since - peg : end - peg or None]
        at = end
        if at == peg:
            fit_from = SEARCHING
    result[:] = out[reach:]
    return fit_from
