"""Trials of a session, gathered from its streams: gestures shown and decoded, and the accuracy.

Works on a running session, a recording and the memory of a loop alike.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from crepe.analysis.shares import Interval, share_interval
from crepe.errors import ConfigError
from crepe.games.blocks import in_blocks
from crepe.messages import Delivered, GameState, Spikes
from crepe.reservoir.features import Window
from crepe.reservoir.training import Trials
from crepe.results.answers import counted, stimulated
from crepe.results.spikes import spikes_in
from crepe.results.streams import messages_of, stream_of, streams_of
from crepe.store import Store

N_PERMUTATIONS = 10_000
"""Permutations of the gestures behind a p value."""
_TOGETHER = 500  # permutations; a megabyte for 200 trials


def outcomes(store: Store) -> list[GameState]:
    """Return the finished trials of a session, in order."""
    return [state for state in messages_of(GameState, store) if state.phase == "outcome"]


def stimulated_in(store: Store) -> set[int]:
    """Return the same of a whole session. Raises ConfigError if it was not recorded."""
    if not streams_of(Delivered, store):
        raise ConfigError(
            "no stream of Delivered was recorded: which trials were stimulated is unknown"
        )
    return stimulated(messages_of(Delivered, store))


def labelled(store: Store, window: Window) -> Trials:
    """Return the stimulated trials with the activity in the readout's window at their end.

    Raises ConfigError if there are none.
    """
    has_pulses = stimulated_in(store)
    states = [state for state in outcomes(store) if state.trial in has_pulses]
    if not states:
        raise ConfigError("no finished trial with its pulses, nothing to calibrate with")
    stream = stream_of(Spikes, store)
    info = stream.info
    span = round(window.span_s * info.sampling_rate_hz)
    rows = []
    for state in states:
        stop = state.phases["outcome"]
        channel, sample, _ = spikes_in(stream, max(0, stop - span), stop)
        rows.append(window.features(channel, sample, stop, info.labels, info.sampling_rate_hz))
    return Trials(
        np.array(rows),
        np.array([state.gesture for state in states]),
        np.array([state.block for state in states], np.int64),
        info.labels,
        info.sampling_rate_hz,
        window,
    )


@dataclass(frozen=True)
class Accuracy:
    """Share of the trials of one condition whose gesture was decoded; nan where none counts."""

    n_trials: int  #: Finished trials.
    n_stimulated: int  #: Of them those whose pulses were delivered.
    n_left_out: int  #: Trials that do not count, since their pulses were not delivered.
    n_right: int  #: Trials that count and whose gesture was decoded.
    accuracy: float  #: Share of the trials that count whose gesture was decoded, 0 to 1.
    #: Mean accuracy of the same answers to gestures permuted within blocks.
    chance: float
    ci95: Interval  #: Wilson's interval of 95 %, trials taken as independent.
    #: Exact interval of 95 %, blocks as the unit (`crepe.analysis.shares`).
    ci95_blocks: Interval
    #: Probability of so many or more right by chance: gestures permuted within blocks.
    p_value: float

    @property
    def n_counted(self) -> int:
        """Number of trials that count."""
        return self.n_trials - self.n_left_out


def wilson(n_right: int, n: int) -> Interval:
    """Return the 95 % confidence interval of a share (Wilson 1927), n independent trials."""
    if not n:
        return np.nan, np.nan
    interval = binomtest(n_right, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def accuracy(
    states: Sequence[GameState], seed: int, has_pulses: Collection[int] | None
) -> Accuracy:
    """Return the accuracy of one condition; an unreadable trial counts as wrong.

    Parameters
    ----------
    states
        The finished trials of the condition.
    seed
        Of the permutations.
    has_pulses
        Numbers of the trials that were stimulated, as `stimulated_in` returns them; None: not
        known, and all trials count.
    """
    answered = counted(states, has_pulses)
    gesture = np.array([state.gesture for state in answered], str)
    decoded = np.array([state.decoded or "" for state in answered], str)
    block = np.array([state.block for state in answered], np.int64)
    n, is_right = len(answered), gesture == decoded
    right = int(is_right.sum())
    rng = np.random.default_rng([seed, n])
    n_permutations = N_PERMUTATIONS if n else 0
    permuted_right = _permuted_right(gesture, decoded, block, rng, n_permutations)
    groups = [[s.gesture == s.decoded for s in group] for _, group in in_blocks(answered)]
    return Accuracy(
        len(states),
        sum(state.trial in (has_pulses or ()) for state in states),
        len(states) - n,
        right,
        right / n if n else np.nan,
        float(permuted_right.mean()) / n if n else np.nan,
        wilson(right, n),
        share_interval([sum(group) for group in groups], [len(group) for group in groups]),
        # The gestures as shown are one of the permutations, so p is never 0 (Phipson & Smyth 2010).
        float(1 + (permuted_right >= right).sum()) / (1 + n_permutations),
    )


def _permuted_right(
    gesture: NDArray[np.str_],
    decoded: NDArray[np.str_],
    block: NDArray[np.int64],
    rng: np.random.Generator,
    n: int,
) -> NDArray[np.int64]:
    """Return how many are right in each of `n` permutations of the gestures within blocks.

    As `crepe.reservoir.training.permuted` gives them one after the other, many at once.
    """
    _, number = np.unique(np.concatenate([gesture, decoded]), return_inverse=True)
    shown, answered = number[: len(gesture)], number[len(gesture) :]
    answered = answered[np.argsort(block, kind="stable")]
    right = np.empty(n, np.int64)
    for begin in range(0, n, _TOGETHER):
        some = right[begin : begin + _TOGETHER]
        keys = rng.random((len(some), len(gesture)))
        order = np.lexsort((keys, np.broadcast_to(block, keys.shape)))  # sorted by the last first
        some[:] = (shown[order] == answered).sum(axis=1)
    return right


def by_condition(states: Sequence[GameState]) -> dict[str, list[GameState]]:
    """Return the finished trials by condition, conditions in order of their names."""
    names = sorted({state.condition for state in states})
    return {name: [s for s in states if s.condition == name] for name in names}
