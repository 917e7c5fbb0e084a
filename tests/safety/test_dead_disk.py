"""A run directory that cannot be written: when in doubt, nothing is stimulated."""

import os
import shutil
import subprocess
import threading
from contextlib import contextmanager

import pytest

from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError, DeviceError
from crepe.hw.instrument import Address
from crepe.safety import arming, emergency_stop
from crepe.safety.protocol.announcement import Instrument, announce
from crepe.safety.watchdog import Watchdog
from crepe.safety.watchdog_link import WatchdogLink

GONE = ProcessIdentity.own()._replace(start="long ago")


@pytest.fixture
def disk(tmp_path):
    """A file system of its own; `disk("ro")` makes it read-only, `disk("rw")` writable."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a file system")
    path = tmp_path / "disk"
    path.mkdir(mode=0o700)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(path)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"mount: {done.stderr.decode().strip()}")

    def remount(how):
        subprocess.run(["mount", "-o", f"remount,{how}", str(path)], check=True)

    remount.path = path
    yield remount
    subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def stimulator(path, *, is_simulator=False):
    guard = WatchdogLink(path)
    try:
        guard.drives(Address("127.0.0.1", 9, stop="meame"), is_simulator=is_simulator)
        yield guard
    finally:
        guard.close()


@contextmanager
def watchdog(path):
    """A watchdog that runs on a thread."""
    watching = Watchdog(path, lambda text: None)
    is_over = threading.Event()

    def run():
        while not is_over.is_set():
            watching.step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        watching.close()


def stop(path):
    lines = []
    return emergency_stop.stop([path], "", lines.append), lines


@pytest.fixture(autouse=True)
def _stops(monkeypatch):
    monkeypatch.setattr("crepe.hw.meame.remote_stop.stop_dsp", lambda control: [])


@pytest.mark.parametrize("is_simulator", [False, True])
def test_after_a_stop_on_a_dead_disk_no_stimulator_that_starts_fires(disk, is_simulator):
    """The latch is only in memory, and is lost when watchdog and stimulator both end."""
    with watchdog(disk.path), stimulator(disk.path, is_simulator=is_simulator):
        arming.arm(disk.path, 60.0)
        disk("ro")
        is_stopped, lines = stop(disk.path)
        assert is_stopped
        assert lines[0].startswith("latched in memory")
    starts = stimulator(disk.path, is_simulator=is_simulator)
    with pytest.raises(DeviceError, match="nothing is stimulated"), starts:
        pass
    with pytest.raises(ConfigError):
        arming.arm(disk.path, 60.0)
    disk("rw")
    with watchdog(disk.path), stimulator(disk.path) as guard:
        while "watchdog" in (reason := guard.refusal() or ""):
            guard.beat()
        assert reason == "not armed; `crepe arm`"


def test_a_latch_that_was_only_in_memory_is_written_when_the_disk_is_back(disk):
    with watchdog(disk.path), stimulator(disk.path):
        disk("ro")
        stop(disk.path)
        assert arming.stopped_by(disk.path) is None
        disk("rw")
        while arming.stopped_by(disk.path) is None:  # the test's time limit is the bound
            pass


def test_a_full_disk_keeps_a_new_stimulator_from_firing_until_there_is_room(disk):
    with watchdog(disk.path):
        filler = disk.path / "filler"
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(1024))
        with stimulator(disk.path, is_simulator=True) as guard:
            while "watchdog" in (reason := guard.refusal() or ""):
                guard.beat()
            assert reason == f"{disk.path} cannot be written: No space left on device"
            filler.unlink()
            while guard.refusal():
                guard.beat()


def test_where_no_stimulator_runs_a_stop_on_a_read_only_disk_reports_why_none_fires(disk):
    announce(disk.path, Instrument("7-abc", GONE, "127.0.0.1", 9))
    disk("ro")
    is_stopped, lines = stop(disk.path)
    assert is_stopped
    assert lines[0].startswith(f"not latched: {disk.path}: ")
    assert "no stimulator runs there, and one that starts fires nothing" in lines[0]
