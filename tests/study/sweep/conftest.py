"""Sweep files, written and checked."""

import pytest

from crepe.study.sweep.file import SweepFile
from tests.sweep_files import write_sweep


@pytest.fixture
def write(tmp_path):
    """Write a sweep file with texts replaced, and return its path."""
    return lambda *replaced: write_sweep(tmp_path, *replaced)


@pytest.fixture
def open_file(tmp_path):
    """Return a checked sweep file, as `write` writes it."""
    return lambda *replaced: SweepFile(write_sweep(tmp_path, *replaced))
