"""A file changes by whole commits, wherever its writer is killed."""

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from crepe.errors import DeviceError
from crepe.hw.mcs.committed_file import CommittedFile, complete_commit, journal_of
from crepe.hw.mcs.hdf5_file import open_hdf5
from crepe.recording.committed_hdf5 import CommittedHdf5

SYSTEM_CALLS = ("pwrite", "ftruncate", "unlink")


class KilledError(BaseException):
    """Stands for SIGKILL: no code of the writer runs after it."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "x.bin"
    path.write_bytes(random.Random(1).randbytes(10_000))
    return path


def put(file: CommittedFile, begin: int, data: bytes) -> None:
    file.seek(begin)
    assert file.write(data) == len(data)


def content(file: CommittedFile) -> bytes:
    buffer = bytearray(file.seek(0, os.SEEK_END))
    file.seek(0)
    file.readinto(buffer)
    return bytes(buffer)


@pytest.mark.parametrize("seed", range(20))
def test_it_reads_as_it_was_written_and_the_disk_follows_with_the_commit(path, seed):
    chance = random.Random(seed)
    expected, committed = bytearray(path.read_bytes()), path.read_bytes()
    with CommittedFile(path) as file:
        for _ in range(60):
            at = chance.randint(0, len(expected))
            action = chance.choice(["write", "write", "write", "truncate", "commit"])
            if action == "write":
                data = chance.randbytes(chance.randint(1, 9000))
                expected[at : at + len(data)] = data
                put(file, at, data)
            elif action == "truncate":
                del expected[at:]
                file.truncate(at)
            else:
                file.commit()
                committed = bytes(expected)
                assert path.read_bytes() == committed
            assert content(file) == expected
            assert path.read_bytes()[: len(committed)] == committed
    assert not journal_of(path).exists()


def change(file: CommittedFile) -> None:
    """One commit's worth: inside the old end, across it, behind it, and the size."""
    put(file, 3, b"a" * 5000)
    put(file, 9_990, b"b" * 9000)
    put(file, 30_000, b"c" * 100)
    file.truncate(30_050)


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system call with this number be the last, and be done by half if it is a write."""
    calls = iter(range(10**6))

    def wrap(name):
        call = getattr(os, name)

        def last(*arguments):
            if next(calls) < number:
                return call(*arguments)
            if name == "pwrite":
                fd, data, at = arguments
                call(fd, data[: len(data) // 2], at)
            raise KilledError

        return last

    for name in SYSTEM_CALLS:
        monkeypatch.setattr(os, name, wrap(name))


def test_a_writer_that_is_killed_anywhere_leaves_all_of_a_commit_or_nothing(
    path, tmp_path, monkeypatch
):
    before = path.read_bytes()
    with CommittedFile(path) as file:
        change(file)
        file.commit()
    after = path.read_bytes()
    outcomes = []
    for number in range(100):
        victim = tmp_path / f"{number}.bin"
        victim.write_bytes(before)
        file = CommittedFile(victim)
        with monkeypatch.context() as patch:
            killed_at(number, patch)
            try:
                change(file)
                file.commit()
                is_killed = False
            except KilledError:
                is_killed = True
        file.close()  # as the system does: this writes nothing
        if number % 2:  # a reader comes before the next writer
            complete_commit(victim)
        with CommittedFile(victim) as file:
            outcomes.append(content(file)[: len(before)] == before)
            assert outcomes[-1] or content(file) == after
        assert not journal_of(victim).exists()
        if not is_killed:
            break
    assert not is_killed
    assert sorted(outcomes, reverse=True) == outcomes  # at first nothing of it, from then on all
    assert True in outcomes
    assert False in outcomes


def test_a_journal_that_was_cut_anywhere_changes_nothing(path, monkeypatch):
    file = CommittedFile(path)
    put(file, 4000, b"x" * 200)
    with monkeypatch.context() as patch:
        patch.setattr("crepe.hw.mcs.committed_file._apply", _end)
        with pytest.raises(KilledError):
            file.commit()
    file.close()
    journal, before = journal_of(path).read_bytes(), path.read_bytes()
    for n in (*range(40), len(journal) - 1):
        journal_of(path).write_bytes(journal[:n])
        complete_commit(path)
        assert path.read_bytes() == before, n
        assert not journal_of(path).exists()


def _end(*arguments):
    raise KilledError


def test_what_is_discarded_leaves_the_file_as_it_was(path):
    before = path.read_bytes()
    with CommittedFile(path) as file:
        put(file, 0, b"x" * 5000)
        file.discard()
        put(file, 0, b"y" * 50_000)
        file.truncate(1)
    assert path.read_bytes() == before


def test_a_second_writer_is_refused_and_a_reader_leaves_the_journal_of_a_living_one(path):
    before = path.read_bytes()
    with CommittedFile(path):
        with pytest.raises(BlockingIOError):
            CommittedFile(path)
        journal_of(path).write_bytes(b"not whole")
        complete_commit(path)
        assert journal_of(path).exists()
    complete_commit(path)
    assert not journal_of(path).exists()
    assert path.read_bytes() == before


def test_a_commit_that_cannot_be_completed_is_named(path, monkeypatch):
    with h5py.File(path, "w") as file:
        file["a"] = 1
    journal_of(path).write_bytes(b"")

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DeviceError, match=r"x\.bin: its writer was killed .* Read-only"):
        open_hdf5(path)


def test_hdf5_sees_its_file_and_the_disk_sees_commits(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("a", (0,), "i4", maxshape=(None,), chunks=(4,))
    hdf5 = CommittedHdf5(path)
    for n in range(1, 400):
        hdf5.file["a"].resize((4 * n,))
        hdf5.file["a"][-4:] = n
        if n == 200:
            hdf5.commit()
    with h5py.File(path, locking=False) as file:
        assert np.array_equal(file["a"], np.repeat(np.arange(1, 201), 4))
    hdf5.close()
    with h5py.File(path) as file:
        assert np.array_equal(file["a"], np.repeat(np.arange(1, 400), 4))


LEFT_OPEN = """
import os, sys
from pathlib import Path
from crepe.recording.committed_hdf5 import CommittedHdf5
def refuse(*_):
    raise OSError("no room")
hdf5 = CommittedHdf5(Path(sys.argv[1]))
dataset = hdf5.file.create_dataset("a", data=range(10_000), chunks=(5_000,))
os.pwrite = refuse
"""


def test_a_process_that_ends_with_the_file_open_neither_crashes_nor_changes_it(tmp_path):
    path = tmp_path / "x.h5"
    h5py.File(path, "w").close()
    before = path.read_bytes()
    subprocess.run([sys.executable, "-c", LEFT_OPEN, str(path)], check=True)
    assert path.read_bytes() == before


def test_what_hdf5_keeps_of_the_files_structure_is_limited(tmp_path):
    path = tmp_path / "x.h5"
    h5py.File(path, "w").close()
    hdf5 = CommittedHdf5(path)
    cache = hdf5.file.id.get_mdc_config()
    assert cache.initial_size == cache.min_size == cache.max_size == 1 << 19
    assert cache.evictions_enabled
    # One value a chunk: the index of the chunks is larger than the cache.
    dataset = hdf5.file.create_dataset("a", (0,), "i8", maxshape=(None,), chunks=(1,))
    for start in range(0, 40_000, 10_000):
        dataset.resize((start + 10_000,))
        dataset[start:] = range(start, start + 10_000)
        hdf5.commit()
    hdf5.discard()
    with h5py.File(path) as file:
        assert np.array_equal(file["a"], np.arange(40_000))
