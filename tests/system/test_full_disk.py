"""A full disk costs nothing that Redis could keep, and a recorder that hangs ends no session."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from crepe.environment import paths, session
from crepe.recording.reader import Recording
from crepe.safety import arming
from tests.system.conftest import Stack

PAGE = 4096  # bytes

SLOW = """
[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels=4&sampling_rate_hz=1000"
segment_samples = 50

[actors.record]
run = "crepe.actors.record:Record"
reads = ["data"]
spare_mb = 16
unrecorded_s = 2

[actors.stimulate]
run = "crepe.actors.stimulate:Stimulate"
reads = ["data"]
writes = ["result:delivered"]
device = "none://"
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", str(disk)]
    if subprocess.run(command, check=False).returncode:
        pytest.skip("this container may not mount a disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, ballast: Path) -> None:
    """Leave a page of a disk, to which others may write between a look and the next step."""
    with ballast.open("wb") as file:
        while (free := shutil.disk_usage(disk).free) > PAGE:
            size = os.fstat(file.fileno()).st_size
            with suppress(OSError):  # there is less by now
                os.posix_fallocate(file.fileno(), size, free - PAGE)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_experiment_outlives_a_full_disk_and_a_frozen_recorder(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "slow.toml"
    file.write_text(SLOW)
    monkeypatch.setenv("CREPE_VAR", str(disk / "var"))
    stack = Stack(disk / "var")
    stack.crepe("up", "--new", str(file))
    try:
        now = session.current()
        assert now is not None
        ballast = disk / "ballast"
        fill(disk, ballast)
        wait_until(lambda: "NOT RECORDING" in stack.rows().get("record", {}).get("problem", ""))
        full = stack.rows()
        wait_until(lambda: stack.rows()["acquire"]["position"] > full["acquire"]["position"])
        assert {n: r["restarts"] for n, r in full.items() if n != "record"} == dict.fromkeys(
            full.keys() - {"record"}, 0
        )
        ballast.unlink()
        wait_until(lambda: "and went on" in stack.rows()["record"]["problem"])

        armed = paths.run_directory(disk / "var") / arming.ARMED_FILE
        armed.touch()
        os.kill(int(stack.rows()["record"]["pid"]), signal.SIGSTOP)
        frozen = stack.rows()["acquire"]["position"]
        wait_until(lambda: stack.rows()["acquire"]["position"] > frozen + 1000)
        wait_until(lambda: "record has stored nothing" in stack.rows()["stimulate"]["problem"])
        assert not armed.exists()
        done = stack.crepe("down", check=False)
        assert done.returncode == 1
        assert "is not recorded to its end: data lacks samples" in done.stderr
        stack.crepe("up", "--resume", str(file))
        assert session.current() == now
    finally:
        done = stack.crepe("down", check=False)
    assert done.returncode == 0, done.stderr
    with Recording(disk / "var" / "recordings" / f"{now.id}.h5") as recording:
        assert recording.gaps("data") == []
        assert recording.last("data") > frozen + 1000
    done = stack.crepe("up", "--resume", str(file), check=False)
    assert done.returncode == 1
    assert f"session {now.id} ended in good order" in done.stderr
