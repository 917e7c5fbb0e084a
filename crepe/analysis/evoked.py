"""Responses to single pulses, by pair of electrodes, tested against the time before the pulses."""

# Decision 103: which test, and which correction.

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, false_discovery_control

Samples = NDArray[np.int64]


def first_spikes(
    trains: Sequence[Samples], events: Samples, start: int, stop: int
) -> NDArray[np.float64]:
    """Return the first spike of each train in [event + start, event + stop).

    Parameters
    ----------
    trains
        Sample indices of each channel's spikes, sorted.
    events
        Sample indices, (n_events,).

    Returns
    -------
    (n_events, n_channels): samples from the event to the spike; nan without one.
    """
    first = np.full((len(events), len(trains)), np.nan)
    for channel, train in enumerate(trains):
        if not len(train):
            continue
        place = np.searchsorted(train, events + start)
        since = train[np.minimum(place, len(train) - 1)] - events
        is_inside = (place < len(train)) & (since < stop)
        first[is_inside, channel] = since[is_inside]
    return first


@dataclass(frozen=True, eq=False)
class Responses:
    """Responses by stimulated and recorded electrode, each array (n_stimulated, n_recorded)."""

    n_pulses: NDArray[np.int64]  # that count
    probability: NDArray[np.float64]  # share of them with a spike in the window; nan without any
    probability_before: NDArray[np.float64]  # the same in the window before the pulse
    latency: NDArray[np.float64]  # median of the first spikes, in the unit of `after`; nan: none
    p_value: NDArray[np.float64]  # nan without pulses


def responses(
    after: NDArray[np.float64],
    before: NDArray[np.float64],
    stimulated: NDArray[np.int64],
    n_stimulated: int,
    is_used: NDArray[np.bool_],
) -> Responses:
    """Return how often each electrode answers to pulses at each, and how surely.

    A pulse with a spike after it and none before speaks for a response, one with a spike before it
    alone speaks against; the others say nothing. If a pulse changes nothing, both are equally
    likely, and p is the exact probability of so many or more of the first (the sign test, or
    McNemar 1947, one-sided). It takes nothing for granted of rates, bursts or other channels, but
    that pulses are far enough apart to be independent.

    Parameters
    ----------
    after, before
        First spike in equally long windows after and before each pulse, (n_pulses, n_channels); nan
        without one.
    stimulated
        Index of the electrode that each pulse was given at, (n_pulses,).
    is_used
        Whether a channel counts at a pulse, (n_pulses, n_channels).
    """
    has_after, has_before = ~np.isnan(after) & is_used, ~np.isnan(before) & is_used
    shape = n_stimulated, after.shape[1]
    n, n_after, n_before, n_more, n_less = (np.zeros(shape, np.int64) for _ in range(5))
    for total, each in (
        (n, is_used),
        (n_after, has_after),
        (n_before, has_before),
        (n_more, has_after & ~has_before),
        (n_less, has_before & ~has_after),
    ):
        np.add.at(total, stimulated, each)
    latency = np.full(shape, np.nan)
    for row, column in np.argwhere(n_after):
        is_counted = (stimulated == row) & has_after[:, column]
        latency[row, column] = np.median(after[is_counted, column])
    with np.errstate(invalid="ignore"):
        probability, probability_before = n_after / n, n_before / n
    p_value = np.where(n > 0, binom.sf(n_more - 1, n_more + n_less, 0.5), np.nan)
    return Responses(n, probability, probability_before, latency, p_value)


def adjusted(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p corrected for their number (Benjamini & Hochberg 1995); nan stays and counts not.

    What is at most q is a set in which at most a share q is false on average; where nothing is
    true, there is any with a probability of at most q.
    """
    result = np.full(p_values.shape, np.nan)
    is_tested = ~np.isnan(p_values)
    if is_tested.any():
        result[is_tested] = false_discovery_control(p_values[is_tested])
    return result
