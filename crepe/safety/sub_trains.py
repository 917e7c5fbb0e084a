"""How a long train is cut into equal bursts, each of which the instrument plays by itself."""

from math import ceil

LONGEST_S = 1.0
"""The longest burst: what goes on by itself if everything else dies."""


def pulses_per_sub_train(
    n_pulses: int, rate_hz: float, sub_train_s: float = LONGEST_S
) -> int | None:
    """The pulses of each burst, or None where a train cannot be cut into equal ones.

    Where one burst follows another the train is late by a segment at most, so there are at most
    twice as many bursts as there must be: a prime number of pulses is not cut into single ones.
    """
    fewest = _fewest(n_pulses, rate_hz, sub_train_s)
    for n in range(fewest, 2 * fewest + 1):
        if n_pulses % n == 0:
            return n_pulses // n
    return None


def cuttable(n_pulses: int, rate_hz: float, sub_train_s: float = LONGEST_S) -> int:
    """The largest number of pulses, `n_pulses` at most, that as few equal bursts make."""
    fewest = _fewest(n_pulses, rate_hz, sub_train_s)
    return n_pulses // fewest * fewest


def _fewest(n_pulses: int, rate_hz: float, sub_train_s: float) -> int:
    return ceil(n_pulses / max(1, int(sub_train_s * rate_hz)))
