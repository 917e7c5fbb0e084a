"""A table gives columns, rows and groups, and is written as CSV and as a DataFrame."""

import builtins

import numpy as np
import pytest

from crepe.errors import CrepeError
from crepe.results.table import Table


@pytest.fixture
def table():
    return Table(
        {
            "trial": [1, 2, 3],
            "gesture": ["rock", "paper", "rock"],
            "is_right": [True, False, False],
            "fired_s": [0.5, np.nan, 2.25],
        }
    )


def test_columns_are_arrays_and_rows_are_dictionaries(table):
    assert (len(table), table.columns) == (3, ("trial", "gesture", "is_right", "fired_s"))
    assert table["fired_s"][table["is_right"]].tolist() == [0.5]
    assert next(iter(table)) == {"trial": 1, "gesture": "rock", "is_right": True, "fired_s": 0.5}
    with pytest.raises(KeyError, match="no column 'gestures'; did you mean 'gesture'"):
        table["gestures"]


def test_rows_are_chosen_and_grouped_by_value(table):
    assert table.where(gesture="rock", is_right=False)["trial"].tolist() == [3]
    assert len(table.where(gesture="scissors")) == 0
    groups = table.by("gesture")
    assert list(groups) == ["paper", "rock"]
    assert {name: float(of["is_right"].mean()) for name, of in groups.items()} == {
        "paper": 0.0,
        "rock": 0.5,
    }


def test_csv_has_empty_cells_for_what_is_missing(table, tmp_path):
    table.to_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == (
        "trial,gesture,is_right,fired_s\n1,rock,True,0.5\n2,paper,False,\n3,rock,False,2.25\n"
    )
    with pytest.raises(CrepeError, match="t.csv: cannot be written: Not a directory"):
        table.to_csv(tmp_path / "t.csv" / "t.csv")


def test_a_dataframe_has_the_same_columns(table):
    pandas = pytest.importorskip("pandas")
    frame = table.to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert tuple(frame.columns) == table.columns
    assert frame.groupby("gesture")["is_right"].mean().to_dict() == {"paper": 0.0, "rock": 0.5}
    assert np.isnan(frame["fired_s"][1])


def test_without_pandas_the_package_is_named(table, monkeypatch):
    real_import = builtins.__import__

    def no_pandas(name, *arguments):
        if name == "pandas":
            raise ImportError("No module named 'pandas'")
        return real_import(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", no_pandas)
    with pytest.raises(CrepeError, match="pip install pandas"):
        table.to_dataframe()


def test_a_long_table_shows_its_first_rows():
    text = repr(Table({"number": np.arange(12)}))
    assert text.splitlines()[:3] == ["<Table of 12 rows>", "number", "     0"]
    assert text.endswith("     9\n... 2 rows more")
    assert repr(Table({"number": []})) == "<Table of 0 rows>\nnumber"


def test_a_cut_cell_and_columns_without_room_are_marked(monkeypatch):
    monkeypatch.setenv("COLUMNS", "39")
    text = "shot not verified: MEAME did not answer"
    lines = repr(
        Table({"number": [1], "reason": [text], "outcome": ["won"], "b": [2]})
    ).splitlines()
    assert lines[1].split() == ["number", "reason", "outcome"]
    assert lines[2].split()[1:5] == ["shot", "not", "verified...", "won"]
    assert lines[-2:] == ["... 1 columns more:", "    b"]
    assert max(map(len, lines)) <= 39
