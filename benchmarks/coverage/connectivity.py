"""Links between trains that are not related, and between some that are."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crepe.analysis.synchrony import connectivity

Train = NDArray[np.float64]
DURATION_S, N_TRAINS, N = 60.0, 10, 100


def poisson(rng: np.random.Generator, rate_hz: float = 2.0) -> Train:
    """Return a Poisson train."""
    return np.sort(rng.uniform(0, DURATION_S, rng.poisson(rate_hz * DURATION_S)))


def bursty(rng: np.random.Generator) -> Train:
    """Return a train of bursts of 3 to 24 spikes, one in 4 s on average."""
    begins_s = rng.uniform(0, DURATION_S, rng.poisson(DURATION_S / 4))
    bursts = [b + np.cumsum(rng.exponential(0.01, rng.integers(3, 25))) for b in begins_s]
    times_s = np.sort(np.concatenate([np.empty(0), *bursts]))
    return times_s[times_s < DURATION_S]


def table() -> Iterator[str]:
    """Yield shares of networks with any link, of unrelated pairs linked, and of related ones."""
    yield "| trains | networks with a false link | unrelated pairs linked | related pairs linked |"
    yield "|---" * 4 + "|"
    for name, of in (("Poisson, 2 Hz", poisson), ("bursty", bursty)):
        for part in (0.0, 0.3):
            rng = np.random.default_rng(7)
            n_any = n_false = n_true = 0
            for _ in range(N):
                trains = [of(rng) for _ in range(N_TRAINS)]
                if part:  # the second follows the first, 5 ms later
                    copied = trains[0][rng.random(len(trains[0])) < part] + 0.005
                    trains[1] = np.sort(np.concatenate([trains[1], copied[copied < DURATION_S]]))
                linked = connectivity(trains, DURATION_S, rng) > 0
                n_true += bool(linked[0, 1])
                linked[0, 1] = linked[1, 0] = linked[0, 1] and not part
                n = int(np.triu(linked, 1).sum())
                n_any, n_false = n_any + (n > 0), n_false + n
            n_pairs = N * (N_TRAINS * (N_TRAINS - 1) // 2 - bool(part))
            true = f"{n_true / N:.2f} ({part:.0%} of the spikes shared)" if part else "-"
            yield f"| {name} | {n_any / N:.2f} | {n_false / n_pairs:.4f} | {true} |"
