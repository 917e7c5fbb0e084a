"""Samples on disk: compressed or not, any HDF5 reader gives them back."""

import zlib

import h5py
import numpy as np
import pytest

from crepe.recording.damaged_file import Chunks
from crepe.recording.samples import SampleWriter, _StoredRows, create_matrix

CHUNK, N = 64, 300
SAMPLES = np.random.default_rng(1).integers(-90, 90, (3, N)).astype(np.int32)


def written(path, *, compresses):
    """A file written in three lives: the second ends with a chunk that is not full."""
    with h5py.File(path, "w") as file:
        create_matrix(file, "samples", 3, np.dtype(np.int32), CHUNK)
    begin = 0
    for stop in (110, 170, N):
        with h5py.File(path, "r+") as file:
            writer = SampleWriter(file["samples"], begin, compresses=compresses)
            for start in range(begin, stop, 25):
                writer.append(SAMPLES[:, start : min(start + 25, stop)])
            writer.write_rest()
            assert writer.n_written == stop
        begin = stop
    return path


@pytest.mark.parametrize("shape", [(1, 64), (7, 2048), (1024, 2048)])
@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float64])
def test_a_stored_stream_is_one_of_zlib(shape, dtype):
    stored = _StoredRows(shape, np.dtype(dtype))
    for seed in range(2):  # the second chunk takes the place of the first
        samples = np.random.default_rng(seed).normal(0, 99, shape).astype(dtype)
        stored.rows[:] = samples
        assert zlib.decompress(stored.stream()) == samples.tobytes()


@pytest.mark.parametrize("compresses", [True, False])
def test_samples_come_back_however_often_the_writer_begins_again(tmp_path, compresses):
    with h5py.File(written(tmp_path / "s.h5", compresses=compresses)) as file:
        assert (file["samples"][()] == SAMPLES).all()
        sizes = [file["samples"].id.get_chunk_info(i).size for i in range(-(-N // CHUNK))]
    full = 3 * CHUNK * 4  # bytes of a chunk that was once written before it was full
    assert [size == full for size in sizes] == [False, True, True, False, True]
    assert (max(sizes[0], sizes[3]) < full) == compresses


def test_an_uncompressed_chunk_has_a_checksum(tmp_path):
    path = written(tmp_path / "s.h5", compresses=False)
    with h5py.File(path) as file:
        chunk = file["samples"].id.get_chunk_info(0)
        assert Chunks(file["samples"], None).good(0, N) == [(0, N)]
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(content)
    with h5py.File(path) as file:
        assert Chunks(file["samples"], None).good(0, N) == [(CHUNK, N)]
