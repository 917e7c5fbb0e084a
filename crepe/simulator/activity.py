"""What is published of cultures, computed from spikes by electrode: rates, intervals, bursts."""

import numpy as np
from numpy.typing import NDArray

ACTIVE_HZ = 0.1  # an electrode with fewer spikes is not active (Cotterill et al. 2016)
# A burst on an electrode: at least 4 spikes, no interval longer than a quarter of the mean one,
# 100 ms at most (Wagenaar, Pine & Potter 2006, BMC Neurosci 7:11). Bursts that overlap on a fifth
# of the active electrodes are a network burst (Chiappalone et al. 2005, Neurocomputing 65:653).
BURST_SPIKES, BURST_PART, BURST_S = 4, 0.25, 0.1
NETWORK_PART = 0.2

Times = list[NDArray[np.float64]]  # of each electrode's spikes, seconds, in order


def by_electrode(
    channel: NDArray[np.integer], time_s: NDArray[np.float64], n_electrodes: int
) -> Times:
    """The spikes' times, sorted out."""
    return [np.sort(time_s[channel == electrode]) for electrode in range(n_electrodes)]


def rates_hz(times: Times, duration_s: float) -> NDArray[np.float64]:
    """(n_electrodes,)."""
    return np.array([len(each) for each in times]) / duration_s


def intervals_s(times: Times) -> NDArray[np.float64]:
    """Between spikes on one electrode, of all electrodes together."""
    return np.concatenate([np.diff(each) for each in times])


def interval_cv(times: Times) -> float:
    """SD over mean of the intervals, median over electrodes: 1 for chance, more for bursts."""
    found = [np.diff(each) for each in times if len(each) >= 10]
    return float(np.median([each.std() / each.mean() for each in found])) if found else 0.0


def network_bursts_s(times: Times, duration_s: float) -> NDArray[np.float64]:
    """(n_bursts, 2): when each network burst begins and ends."""
    n_active = int((rates_hz(times, duration_s) >= ACTIVE_HZ).sum())
    found = [
        (begin, end, electrode)
        for electrode, each in enumerate(times)
        if len(each) >= ACTIVE_HZ * duration_s
        for begin, end in _bursts(each, duration_s)
    ]
    network: list[tuple[float, float]] = []
    group: list[tuple[float, float, int]] = []
    for burst in [*sorted(found), (np.inf, np.inf, -1)]:
        if group and burst[0] > max(end for _, end, _ in group):
            if len({electrode for _, _, electrode in group}) >= max(2, NETWORK_PART * n_active):
                network.append((group[0][0], max(end for _, end, _ in group)))
            group = []
        group.append(burst)
    return np.array(network).reshape(-1, 2)


def _bursts(times_s: NDArray[np.float64], duration_s: float) -> list[tuple[float, float]]:
    longest_s = min(BURST_S, BURST_PART * duration_s / len(times_s))
    edges = np.flatnonzero(np.diff(times_s) > longest_s)
    first = np.concatenate([[0], edges + 1])
    last = np.concatenate([edges, [len(times_s) - 1]])
    is_burst = last - first + 1 >= BURST_SPIKES
    return list(zip(times_s[first[is_burst]], times_s[last[is_burst]], strict=True))
