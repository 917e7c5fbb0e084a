"""The code of a position as stimulation: the site, the rate, and noise for a miss.

After Kagan et al. 2022 (Neuron 110:3952): the site encodes the ball's position along the
paddle's wall, the rate of pulses its nearness.
"""

import numpy as np


def site(y: float, n_sites: int) -> int:
    """Return the index of the site, counted from the bottom, for a ball at `y`."""
    return min(int(y * n_sites), n_sites - 1)


def rate_hz(x: float, far_hz: float, near_hz: float) -> float:
    """Return the pulses per second for a ball at distance `x` from the paddle's wall."""
    return near_hz + (far_hz - near_hz) * x


def unpredictable(
    rng: np.random.Generator, n_pulses: int, span: int, apart: int, n_sites: int
) -> list[tuple[int, int]]:
    """Return pulses at random times, each at a random site: (time, site) in order of time.

    Uniform among all sequences in which two pulses are at least `apart` from each other, and the
    last pulse from the end.

    Parameters
    ----------
    rng
        Fresh for each miss.
    n_pulses
        Number of pulses; `span` must have room for them.
    span, apart
        Samples from the first possible pulse to the end, and from one pulse to the next.
    n_sites
        Sites are counted from 0.
    """
    times = np.sort(rng.integers(0, span - n_pulses * apart + 1, n_pulses))
    times += np.arange(n_pulses) * apart
    sites = rng.integers(0, n_sites, n_pulses)
    return list(zip(times.tolist(), sites.tolist(), strict=True))
