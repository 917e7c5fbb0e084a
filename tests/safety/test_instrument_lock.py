"""Programs take turns at an instrument, and nothing keeps a stop from it."""

import os
import re
import threading

import pytest

from crepe.errors import DeviceError
from crepe.safety import instrument_lock as module
from crepe.safety.instrument_lock import LOCK_FILE, instrument_lock


def is_locked(directory):
    try:
        with instrument_lock(directory, 0.0):
            return False
    except DeviceError:
        return True


def n_open():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def test_one_holds_the_lock_until_its_block_ends_with_or_without_an_error(tmp_path):
    before = n_open()
    with instrument_lock(tmp_path, 0.0):
        assert is_locked(tmp_path)
    with pytest.raises(KeyError), instrument_lock(tmp_path, 0.0):
        raise KeyError
    with instrument_lock(tmp_path, 0.0, may_break=True):
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    assert (tmp_path / LOCK_FILE).stat().st_mode & 0o777 == 0o600
    assert n_open() == before


def test_who_waits_gets_it_and_who_has_waited_long_enough_is_refused(tmp_path, monkeypatch):
    clock = iter([0.0, 1.9, 2.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    before = n_open()
    with (tmp_path / LOCK_FILE).open("w") as holder:
        module.lock(holder.fileno())
        text = f"{tmp_path / LOCK_FILE}: another program talks to the instrument for more than 2 s"
        with pytest.raises(DeviceError, match=re.escape(text)):
            module._locked(tmp_path / LOCK_FILE, 2.0)
        clock = iter([0.0, 1.9])
        monkeypatch.setattr(module.time, "sleep", lambda seconds: holder.close())
        os.close(module._locked(tmp_path / LOCK_FILE, 2.0))
    assert n_open() == before


@pytest.mark.parametrize("may_break", [False, True])
def test_only_a_stop_goes_on_although_another_program_holds_the_lock(tmp_path, may_break):
    is_run = []
    with instrument_lock(tmp_path, 0.0):
        try:
            with instrument_lock(tmp_path, 0.0, may_break=may_break):
                is_run.append(True)
        except DeviceError:
            assert not may_break
    assert bool(is_run) == may_break


@pytest.mark.parametrize("function", ["os.open", "lock"])
def test_a_disk_that_fails_is_named_and_keeps_no_stop_from_the_instrument(
    tmp_path, monkeypatch, function
):
    def fails(*_):
        raise OSError(5, "Input/output error")

    before = n_open()
    monkeypatch.setattr(f"crepe.safety.instrument_lock.{function}", fails)
    text = f"{tmp_path / LOCK_FILE}: Input/output error"
    with pytest.raises(DeviceError, match=re.escape(text)), instrument_lock(tmp_path, 9.0):
        pytest.fail("without the lock")
    with instrument_lock(tmp_path, 9.0, may_break=True):
        pass
    assert n_open() == before


def test_a_disk_that_hangs_keeps_no_stop_from_the_instrument_and_its_late_lock_is_given_back(
    tmp_path, monkeypatch
):
    is_over, is_given_back = threading.Event(), threading.Event()
    locked = module._locked

    def hangs(path, wait_s):
        is_over.wait(60)
        return locked(path, wait_s)

    def close(handle):
        os.close(handle)
        is_given_back.set()

    monkeypatch.setattr(module, "_DISK_S", 0.0)
    monkeypatch.setattr(module, "_locked", hangs)
    monkeypatch.setattr(module, "os", type("Os", (), {**vars(os), "close": staticmethod(close)}))
    with instrument_lock(tmp_path, 0.0, may_break=True):
        is_over.set()
        assert is_given_back.wait(60)
