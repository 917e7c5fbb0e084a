"""The division of a long train into equal sub-trains, each played by the instrument alone."""

# Decision 20: why all are equal.

from math import ceil

LONGEST_S = 1.0
"""Longest sub-train: the instrument finishes it even if every program dies."""


def pulses_per_sub_train(
    n_pulses: int, rate_hz: float, sub_train_s: float = LONGEST_S
) -> int | None:
    """Return the pulses of each sub-train, or None if a train has no equal sub-trains.

    Each sub-train may begin late by a segment, so there are at most twice as many as needed: a
    prime number of pulses is not cut into single ones.
    """
    fewest = _fewest(n_pulses, rate_hz, sub_train_s)
    for n in range(fewest, 2 * fewest + 1):
        if n_pulses % n == 0:
            return n_pulses // n
    return None


def cuttable(n_pulses: int, rate_hz: float, sub_train_s: float = LONGEST_S) -> int:
    """Return the largest number of pulses up to `n_pulses` that makes as few equal sub-trains."""
    fewest = _fewest(n_pulses, rate_hz, sub_train_s)
    return n_pulses // fewest * fewest


def uncuttable(n_pulses: int, rate_hz: float, sub_train_s: float = LONGEST_S) -> str | None:
    """Return why a train has no equal sub-trains, or None."""
    if pulses_per_sub_train(n_pulses, rate_hz, sub_train_s):
        return None
    return (
        f"train: {n_pulses} pulses at {rate_hz:g} Hz cannot be cut into equal bursts of "
        f"{sub_train_s:g} s at most, {cuttable(n_pulses, rate_hz, sub_train_s)} can"
    )


def _fewest(n_pulses: int, rate_hz: float, sub_train_s: float) -> int:
    # One pulse at least: at low rates the period is longer than a sub-train.
    return ceil(n_pulses / max(1, int(sub_train_s * rate_hz)))
