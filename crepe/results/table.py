"""A table of results: columns of numpy arrays, as CSV and as a DataFrame."""

import csv
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crepe.environment.installation import pip_install
from crepe.errors import CrepeError, suggest

_SHOWN_ROWS = 10  # in a repr
_SHOWN_WIDTH = 20  # of a cell in it


class Table:
    """Columns of one length, by name; each is a (n_rows,) array.

    Numbers are numbers, with nan for a missing one. Text is of dtype object, and empty if missing.

    Examples
    --------
    >>> trials["gesture"][trials["is_right"]]
    >>> trials.where(condition="stimulation", gesture="rock")
    >>> {gesture: of["is_right"].mean() for gesture, of in trials.by("gesture").items()}
    """

    def __init__(self, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
        self._columns = {name: _array(values) for name, values in columns.items()}
        lengths = {len(column) for column in self._columns.values()}
        assert len(lengths) <= 1, f"columns of different lengths: {lengths}"
        self._n_rows = lengths.pop() if lengths else 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._columns)

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._n_rows

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column, (n_rows,). Raises KeyError, which names those that there are."""
        if column not in self._columns:
            raise KeyError(f"no column {column!r}{suggest(str(column), self._columns)}")
        return self._columns[column]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each row as a dictionary."""
        for values in zip(*(column.tolist() for column in self._columns.values()), strict=True):
            yield dict(zip(self._columns, values, strict=True))

    def where(self, **values: Any) -> "Table":
        """Return the rows in which the columns have these values."""
        is_kept = np.ones(len(self), np.bool_)
        for name, value in values.items():
            is_kept &= self[name] == value
        return self._rows(is_kept)

    def by(self, column: str) -> dict[Any, "Table"]:
        """Return the rows of each value in a column, by value, in the values' order."""
        values = self[column]
        return {value: self._rows(values == value) for value in sorted(set(values.tolist()))}

    def _rows(self, is_kept: NDArray[np.bool_]) -> "Table":
        return Table({name: column[is_kept] for name, column in self._columns.items()})

    def to_csv(self, path: str | Path) -> None:
        """Write the table as CSV: a line of names, then a line for each row; UTF-8.

        What is missing is an empty cell. Raises CrepeError if the file cannot be written.
        """
        cells = [[_cell(value) for value in column] for column in self._columns.values()]
        try:
            with Path(path).open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(self._columns)
                writer.writerows(zip(*cells, strict=True))
        except OSError as error:
            raise CrepeError(f"{path}: cannot be written: {error.strerror}") from error

    def to_dataframe(self) -> Any:
        """Return the table as a pandas.DataFrame. Raises CrepeError without pandas."""
        try:
            import pandas
        except ImportError as error:
            raise CrepeError(
                f"{error}; to_dataframe needs it: {pip_install('pandas')}; "
                "to_csv and the columns themselves do not"
            ) from error
        return pandas.DataFrame(self._columns)

    def __repr__(self) -> str:
        room = shutil.get_terminal_size().columns  # 80 where there is no terminal
        shown: list[list[str]] = []
        for name, column in self._columns.items():
            cells = [name, *(_shortened(_cell(value)) for value in column[:_SHOWN_ROWS])]
            width = max(map(len, cells))
            room -= width + (2 if shown else 0)
            if room < 0 and shown:
                break
            shown.append([cell.rjust(width) for cell in cells])
        lines = ["  ".join(line) for line in zip(*shown, strict=True)]
        n_rows = len(self) - _SHOWN_ROWS
        rest = [f"... {n_rows} rows more"] if n_rows > 0 else []
        if left_out := self.columns[len(shown) :]:
            names = textwrap.wrap(", ".join(left_out), 72)
            rest += [f"... {len(left_out)} columns more:", *(f"    {line}" for line in names)]
        return "\n".join([f"<Table of {len(self)} rows>", *lines, *rest])


def _array(values: Sequence[Any] | NDArray[Any]) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    if any(isinstance(value, str) for value in values):
        return np.array(values, object)
    return np.array(values)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_WIDTH else f"{text[: _SHOWN_WIDTH - 3]}..."


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else str(value).removesuffix(".0")
    return str(value)
