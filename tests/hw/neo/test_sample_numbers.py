"""Gaps by the numbers of samples, looked through in blocks."""

from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.errors import DeviceError
from crepe.hw.neo import sample_numbers
from crepe.hw.neo.sample_numbers import Run, runs_of


@given(st.lists(st.sampled_from([1, 1, 1, 1, 2, 500]), max_size=40), st.integers(1, 8))
def test_runs_cover_every_sample_once_and_end_where_numbers_jump(steps, block):
    numbers = np.cumsum([7000, *steps])
    with pytest.MonkeyPatch.context() as patch, NamedTemporaryFile(suffix=".npy") as file:
        patch.setattr(sample_numbers, "_BLOCK_SAMPLES", block)
        np.save(file, numbers)
        file.flush()
        runs = runs_of(Path(file.name), len(numbers))
    indices = [(run.first + i, run.offset + i) for run in runs for i in range(run.n_samples)]
    assert indices == [(i, n - 7000) for i, n in enumerate(numbers.tolist())]
    assert all(b.offset > a.offset + a.n_samples for a, b in pairwise(runs))


def test_a_recording_without_numbers_is_one_run(tmp_path):
    assert runs_of(tmp_path / "sample_numbers.npy", 5) == [Run(0, 0, 5)]


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        (np.arange(4), "int64 of the shape \\(4,\\), must be 5 integers"),
        (np.arange(5.0), "float64 of the shape \\(5,\\), must be 5 integers"),
        (np.array([0, 1, 3, 2, 9]), "2 at 3 follows 3"),
        (np.array([0, 5, 6, 7, 7]), "7 at 4 follows 7"),
    ],
)
def test_numbers_that_do_not_fit_or_do_not_grow_are_refused(tmp_path, monkeypatch, numbers, text):
    monkeypatch.setattr(sample_numbers, "_BLOCK_SAMPLES", 2)
    np.save(tmp_path / "n.npy", numbers)
    with pytest.raises(DeviceError, match=text):
        runs_of(tmp_path / "n.npy", 5)


def test_a_damaged_file_and_one_with_objects_are_refused(tmp_path):
    path = tmp_path / "n.npy"
    path.write_bytes(b"no numbers")
    with pytest.raises(DeviceError, match="cannot be read"):
        runs_of(path, 5)
    np.save(path, np.array([None] * 5), allow_pickle=True)  # whoever made it could run code
    with pytest.raises(DeviceError, match="cannot be read"):
        runs_of(path, 5)
