"""Locks of files: one process at a time, and a sentence where there are none."""

import pytest

from crepe.environment import file_lock
from crepe.environment.file_lock import lock
from crepe.errors import DeviceError
from crepe.safety.instrument_lock import instrument_lock


def test_a_locked_file_is_not_locked_again(tmp_path):
    path = tmp_path / "file"
    path.touch()
    with path.open("rb") as first, path.open("rb") as second:
        lock(first.fileno(), is_shared=True)
        lock(second.fileno(), is_shared=True)
        with pytest.raises(BlockingIOError):
            lock(second.fileno())
    with path.open("rb") as third:
        lock(third.fileno())


def test_a_system_without_locks_is_refused_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(file_lock, "HAS_LOCKS", False)
    with (
        pytest.raises(DeviceError, match=r"instrument.lock: this system has no file locks; use"),
        instrument_lock(tmp_path, 1.0),
    ):
        pass
