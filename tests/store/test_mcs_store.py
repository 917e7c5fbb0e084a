"""A file of MCS software is opened like a recording, read-only, by sample index."""

from pathlib import Path

import numpy as np
import pytest

from crepe.errors import ConfigError, DeviceError, GapError, StoreError
from crepe.store import Store
from tests.mcs_files import make_mcs, ramp

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "mcs-standard-all-500hz.h5"


@pytest.fixture
def path(tmp_path):
    """Two channels at 10 kHz: 2500 samples, half a second missing, 1500 samples."""
    times = [(5_000_000, 0, 2499), (5_750_000, 2500, 3999)]
    make_mcs(tmp_path / "a.h5", ramp(2, 4000), times=times, factors=[1000, 2000])
    make_mcs(
        tmp_path / "a.h5", -ramp(2, 100), stream="Stream_1", label="Filter", tick_us=1000
    )  # fmt: skip
    return tmp_path / "a.h5"


def test_samples_come_by_label_and_index_in_counts_and_microvolts(path):
    with Store(str(path)) as store:
        data = store["data"]
        assert store.streams() == ["data"]
        assert (data.info.labels, data.info.sampling_rate_hz) == (("E0", "E1"), 10_000.0)
        np.testing.assert_array_equal(data["E1", 900:2100], ramp(2, 4000)[1, 900:2100])
        np.testing.assert_array_equal(data[:, 7500:9000], ramp(2, 4000)[:, 2500:])
        np.testing.assert_allclose(data.microvolts["E1", 5], 2.0 * ramp(2, 4000)[1, 5])


def test_gaps_are_the_files_own(path):
    with Store(path) as store:
        data = store["data"]
        assert len(data) == 9000
        assert data.gaps() == [(2500, 7500)]
        assert data.gaps(2400, 2600) == [(2500, 2600)]
        with pytest.raises(GapError, match="2500 to 7500 are missing"):
            data.read(2400, 7600)
        segments = list(data.follow(n_samples=2000))
        assert [(s.start, s.stop) for s in segments] == [(0, 2000), (2000, 2500), (7500, 9000)]


@pytest.mark.parametrize(("after", "until"), [(0, 9000), (999, 2001), (1000, 2499), (2400, 8501)])
def test_entries_are_those_that_end_in_the_window(path, after, until):
    stops = [1000, 2000, 2500, 8500, 9000]
    with Store(path) as store:
        entries = store._kept.entries("data", after, until, 99)
        assert [entry.stop for entry in entries] == [s for s in stops if after < s <= until]
        assert len(store._kept.entries("data", after, until, 1)) == 1


def test_nothing_can_be_written(path):
    with Store(path) as store, pytest.raises(StoreError, match="a recording cannot be changed"):
        store["data"].append(ramp(2, 10))


def test_another_stream_is_chosen_by_url(path):
    with Store(f"hdf5://{path}?stream=Filter") as store:
        np.testing.assert_array_equal(store["data"][:], -ramp(2, 100))
        assert store["data"].info.sampling_rate_hz == 1000.0
    with pytest.raises(DeviceError, match=r"no analog stream 'X'; has Stream_0 .*, Stream_1 "):
        Store(f"hdf5://{path}?stream=X")
    with pytest.raises(ConfigError, match="known are location, well, speed"):
        Store(f"hdf5://{path}?streams=Filter")


def test_a_file_of_neither_kind_is_refused(tmp_path):
    (tmp_path / "a.h5").write_text("no HDF5")
    with pytest.raises(DeviceError, match="not an HDF5 file"):
        Store(tmp_path / "a.h5")
    with pytest.raises(DeviceError, match="does not exist"):
        Store(tmp_path / "b.h5")


@pytest.mark.skipif(not REAL.is_file(), reason=f"no real recording at {REAL}")
def test_a_real_file_is_opened():
    with Store(REAL) as store:
        data = store["data"]
        assert data.info.labels == tuple(f"E{i}" for i in range(1, 9))
        assert (len(data), data.info.sampling_rate_hz, data.gaps()) == (9800, 500.0, [])
        np.testing.assert_allclose(data.microvolts["E1", :2], [-3433.23, 2288.82])
        assert "8 channels of int32, 500 Hz, 19.60 s" in repr(store)
