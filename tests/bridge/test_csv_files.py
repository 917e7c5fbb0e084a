"""A session's tables as CSV: what R and a spreadsheet read."""

import csv

import pytest

from crepe.bridge.csv_files import export_csv
from crepe.errors import CrepeError
from tests.recorded_session import SPIKES, record


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_table_is_a_file(tmp_path):
    path = record(tmp_path / "session.h5")
    n_rows = export_csv(path)
    directory = tmp_path / "session"
    assert n_rows == {
        directory / f"{name}.csv": n
        for name, n in {"trials": 3, "stimuli": 2, "spikes": len(SPIKES), "notes": 2}.items()
    }
    trials, stimuli = rows(directory / "trials.csv"), rows(directory / "stimuli.csv")
    assert [trial["decoded"] for trial in trials] == ["rock", "paper", "rock"]
    assert [trial["delivery"] for trial in trials] == ["delivered", "refused", ""]
    assert {s["amplitudes"] for s in stimuli} == {"-10 10"}
    assert {(s["widths_us"], s["unit"], s["electrodes"]) for s in stimuli} == {
        ("200 200", "uA", "21 47")
    }
    assert [spike["sample"] for spike in rows(directory / "spikes.csv")] == SPIKES.astype(
        str
    ).tolist()
    assert [(n["time_s"], n["text"], n["sender"]) for n in rows(directory / "notes.csv")] == [
        ("0.2", "medium changed", "page"),
        ("3", "light on", "page"),
    ]


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    path = record(tmp_path / "session.h5")
    (tmp_path / "taken").touch()
    with pytest.raises(CrepeError, match=r"taken/here: cannot be made: Not a directory"):
        export_csv(path, tmp_path / "taken" / "here")
