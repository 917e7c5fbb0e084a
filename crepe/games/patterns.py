"""Patterns on the array, from points to handwritten digits: which of them can be decoded?"""

from functools import cache
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from crepe.electrodes.layouts import MCS_60_LABELS, MCS_REFERENCE
from crepe.environment.installation import pip_install
from crepe.errors import ConfigError
from crepe.games.trial_game import Game

SIDE = 8
"""Rows and columns of a 60MEA, whose corners and reference cannot be stimulated."""

Task = Literal["points", "bars", "clock", "digits"]

_CLOCK = {  # segments of a clock's digit: top, two upper, middle, two lower, bottom
    "0": "abcefg", "1": "cf", "2": "acdeg", "3": "acdfg", "4": "bcdf",
    "5": "abdfg", "6": "abdefg", "7": "acf", "8": "abcdefg", "9": "abcdfg",
}  # fmt: skip
_SEGMENTS = {  # rows and columns of each
    "a": ([1], range(2, 6)), "b": (range(1, 4), [2]), "c": (range(1, 4), [5]),
    "d": ([3], range(2, 6)), "e": (range(3, 7), [2]), "f": (range(3, 7), [5]),
    "g": ([6], range(2, 6)),
}  # fmt: skip
_IS_INK = 8  # grey level, of 16 in scikit-learn's digits, from which a pixel is set


class Patterns(Game):
    """A game whose gestures are classes of patterns; the answer should be the stimulated class.

    A ladder of tasks as in Iannello et al. (arXiv 2602.05737): single points, oriented bars, the
    digits of a clock, and handwritten digits (the 8 x 8 images that come with scikit-learn: every
    trial another image of its class). `electrodes` is not used.
    """

    task: Task
    """The task whose classes of patterns are stimulated."""
    electrodes: tuple[str, ...] = ("-",)
    """Not used: each trial's pattern selects its electrodes."""

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        unknown = set(self.rates_hz) - set(images(self.task))
        if unknown:
            raise ValueError(
                f"rates_hz: {', '.join(sorted(unknown))} is no class of {self.task}, "
                f"those are {', '.join(images(self.task))}"
            )
        return self

    def place(self, gesture: str, rng: np.random.Generator) -> tuple[str, ...]:
        drawn = images(self.task)[gesture]
        return electrodes_of(drawn[rng.integers(len(drawn))])

    def observe(self, gesture: str, decoded: str | None) -> tuple[str | None, str]:
        if decoded is None:
            return None, "none"
        return decoded, "won" if decoded == gesture else "lost"


@cache
def images(task: Task) -> dict[str, NDArray[np.bool_]]:
    """Return the images of a task by class, each array (n_images, 8, 8): image, row, column."""
    if task == "points":
        cells = [(r, c) for r in (1, 4, 6) for c in (1, 4, 6)]
        return {f"{r + 1}{c + 1}": _blank(([r], [c])) for r, c in cells}
    if task == "bars":
        line, middle = np.arange(1, 7), np.full(6, 4)
        bars = {"across": (middle, line), "upright": (line, middle)}
        bars |= {"falling": (line, line), "rising": (line, line[::-1])}
        return {name: _blank(place) for name, place in bars.items()}
    if task == "clock":
        return {
            digit: np.logical_or.reduce([_blank(np.ix_(*map(list, _SEGMENTS[s]))) for s in on])
            for digit, on in _CLOCK.items()
        }
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ConfigError(
            f"task 'digits': {error}; the images come with scikit-learn: "
            f"{pip_install('scikit-learn')}"
        ) from error

    digits = load_digits()
    ink = digits.images >= _IS_INK
    return {str(digit): ink[digits.target == digit] for digit in range(10)}


def electrodes_of(image: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return the labels of the electrodes where an 8 x 8 image is set.

    Every image of `images` has at least one.
    """
    labels = (f"{column + 1}{row + 1}" for row, column in np.argwhere(image))
    usable = set(MCS_60_LABELS) - {MCS_REFERENCE}
    return tuple(label for label in labels if label in usable)


def _blank(place: Any) -> NDArray[np.bool_]:
    image = np.zeros((1, SIDE, SIDE), bool)
    image[0][place] = True
    return image
