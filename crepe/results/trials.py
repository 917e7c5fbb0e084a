"""Trials of a session, gathered from its streams: what was shown, what was decoded, and how well.

Works on a running session, a recording and the memory of a loop alike.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState, Message, Spikes
from crepe.reservoir.features import Window
from crepe.reservoir.training import Trials, permuted
from crepe.store import Store

GAME, SPIKES, DELIVERED = "result:game", "data:spikes", "result:delivered"
N_PERMUTATIONS = 10_000


def outcomes(store: Store) -> list[GameState]:
    """The finished trials of a session, in order."""
    stream = store[GAME]
    found = stream.messages(0, len(stream))
    return [m for m in found if isinstance(m, GameState) and m.phase == "outcome"]


def stimulated(answers: Iterable[Message]) -> set[int]:
    """Numbers of the trials whose pulses were delivered, all of them."""
    return {a.number for a in answers if isinstance(a, Delivered) and a.state == "delivered"}


def stimulated_in(store: Store) -> set[int]:
    """The same of a whole session. Raises ConfigError if it does not tell."""
    if DELIVERED not in store:
        raise ConfigError(f"{DELIVERED}: not recorded, nobody knows which trials were stimulated")
    return stimulated(store[DELIVERED].messages(0, len(store[DELIVERED])))


def labelled(store: Store, window: Window) -> Trials:
    """The stimulated trials with the activity that the readout saw when each was judged.

    Raises ConfigError if there are none.
    """
    has_pulses = stimulated_in(store)
    states = [state for state in outcomes(store) if state.trial in has_pulses]
    if not states:
        raise ConfigError(f"{GAME}: no finished trial with its pulses, nothing to calibrate with")
    stream = store[SPIKES]
    info = stream.info
    span = round(window.span_s * info.sampling_rate_hz)
    rows = []
    for state in states:
        stop = state.phases["outcome"]
        channel, sample = spikes_in(store, max(0, stop - span), stop)
        rows.append(window.features(channel, sample, stop, info.labels, info.sampling_rate_hz))
    return Trials(
        np.array(rows),
        np.array([state.gesture for state in states]),
        np.array([state.block for state in states], np.int64),
        info.labels,
        info.sampling_rate_hz,
        window,
    )


def spikes_in(store: Store, start: int, stop: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Channel and sample index of the spikes in [start, stop), two (n_spikes,) arrays."""
    stream = store[SPIKES]
    found = [m for m in stream.messages(start, stop) if isinstance(m, Spikes)]
    channel = np.concatenate([np.empty(0, np.int32), *(m.channel for m in found)])
    sample = np.concatenate([np.empty(0, np.int64), *(m.sample for m in found)])
    is_inside = (sample >= start) & (sample < stop)
    return channel[is_inside], sample[is_inside]


@dataclass(frozen=True)
class Accuracy:
    """How often the gesture was decoded, under one condition."""

    n_trials: int
    n_stimulated: int  # of them those whose pulses were delivered; all count
    accuracy: float
    ci95: tuple[float, float]  # Wilson's interval, trials taken as independent
    p_value: float  # of so many or more right by chance: gestures permuted within blocks


def accuracy(states: Sequence[GameState], seed: int, has_pulses: Collection[int] = ()) -> Accuracy:
    """Of the finished trials of one condition; one that could not be read counts as wrong.

    `has_pulses` are the numbers of the trials that were stimulated.
    """
    gesture = np.array([state.gesture for state in states], str)
    decoded = np.array([state.decoded or "" for state in states], str)
    block = np.array([state.block for state in states], np.int64)
    n, right = len(states), int(np.sum(gesture == decoded))
    interval = binomtest(right, n).proportion_ci(method="wilson")
    rng = np.random.default_rng([seed, n])
    by_chance = sum(
        int(np.sum(permuted(gesture, block, rng) == decoded)) >= right
        for _ in range(N_PERMUTATIONS)
    )
    return Accuracy(
        n,
        sum(state.trial in has_pulses for state in states),
        right / n,
        (float(interval.low), float(interval.high)),
        (1 + by_chance) / (1 + N_PERMUTATIONS),
    )


def by_condition(states: Sequence[GameState]) -> dict[str, list[GameState]]:
    """The finished trials by their condition, conditions in order of their name."""
    names = sorted({state.condition for state in states})
    return {name: [s for s in states if s.condition == name] for name in names}
