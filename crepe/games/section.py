"""Plain values that a game gives for a report or a study; the report and the page draw them.

A game contains no HTML and uses no plotting library. It returns a `Section`: texts, tables, time
series, values by condition and images, in the order in which they should be read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table of texts; every row has as many cells as the head."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class _Figure:
    """The texts of every figure."""

    name: str  # of the file, without suffix
    caption: str
    alt: str  # the content in words, for readers who cannot see the figure


@dataclass(frozen=True)
class Group:
    """Single values of one condition, and their mean."""

    condition: str
    values: Sequence[float]
    mean: float | None = None  # None: not known
    interval: tuple[float, float] | None = None  # of the mean


@dataclass(frozen=True)
class Groups(_Figure):
    """A figure of single values by condition, with means and intervals."""

    y_label: str
    groups: Sequence[Group]
    x_label: str = "condition"


@dataclass(frozen=True)
class Line:
    """One line of a time series: the values of one condition."""

    condition: str
    at_s: Sequence[float]  # seconds from the begin of the session
    values: Sequence[float]


@dataclass(frozen=True)
class TimeSeries(_Figure):
    """A figure of values over the time in the session, a line for each condition."""

    y_label: str
    lines: Sequence[Line]


@dataclass(frozen=True)
class Curve:
    """Values of one condition over another quantity."""

    condition: str
    at: Sequence[float]  # of the other quantity, ascending
    values: Sequence[float]
    intervals: Sequence[tuple[float, float]] = ()  # of each value, nan where none is known


@dataclass(frozen=True)
class Curves(_Figure):
    """A figure of values over another quantity, a curve for each condition."""

    x_label: str
    y_label: str
    curves: Sequence[Curve]
    is_log: bool = False  # scale of the other quantity
    is_line: bool = True  # neighbours are joined; False: dots


@dataclass(frozen=True, eq=False)
class Image(_Figure):
    """A figure of a matrix of values."""

    pixels: NDArray[np.floating[Any]]  # (n_rows, n_columns), the first row on top
    value_label: str  # quantity and unit


View = Text | Table | Groups | TimeSeries | Curves | Image


@dataclass(frozen=True)
class Section:
    """A game's section of a report."""

    title: str
    views: Sequence[View]
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """Entries for `report.json` by key: numbers, texts, None, and lists and mappings of these."""


@dataclass(frozen=True)
class Comparison:
    """The result of a study that a game evaluates itself."""

    numbers: Mapping[str, Any]  # by key, as in `Section.numbers`; nan becomes null
    table: Table
    note: str  # explains the columns
