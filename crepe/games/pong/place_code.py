"""What a culture is told of a place: which site, how often, and noise for a miss.

After Kagan et al. 2022 (Neuron 110:3952): the site says where the ball is along the paddle's wall,
the rate of pulses how near it is.
"""

import numpy as np


def site(y: float, n_sites: int) -> int:
    """The site, of those from bottom to top, for a ball at `y`."""
    return min(int(y * n_sites), n_sites - 1)


def rate_hz(x: float, far_hz: float, near_hz: float) -> float:
    """Pulses per second for a ball at distance `x` from the paddle's wall."""
    return near_hz + (far_hz - near_hz) * x


def unpredictable(
    rng: np.random.Generator, n_pulses: int, span: int, apart: int, n_sites: int
) -> list[tuple[int, int]]:
    """Pulses at random times within `span`, each at a random site: (time, site) in order.

    Uniform among all courses in which two pulses are at least `apart` from each other, and the
    last one from the end; `span` must have room for them.
    """
    times = np.sort(rng.integers(0, span - n_pulses * apart + 1, n_pulses))
    times += np.arange(n_pulses) * apart
    sites = rng.integers(0, n_sites, n_pulses)
    return list(zip(times.tolist(), sites.tolist(), strict=True))
