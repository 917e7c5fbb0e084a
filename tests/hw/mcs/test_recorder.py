"""Replaying MCS recordings: files made here in every shape that MCS software writes, and a real one."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import open_recorder
from crepe.hw.instrument import EndOfData, Recorder
from crepe.hw.mcs.recorder import McsRecording
from crepe.messages import Segment
from tests.mcs_files import ANALOG, VARIABLE, make_mcs, ramp

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "mcs-standard-all-500hz.h5"


def replay(path: Path, query: str = "", **settings: object) -> Recorder:
    return open_recorder(f"hdf5://{path}{query}", **{"speed": 0, **settings})


def read_all(recorder: Recorder, position: int = 0) -> list[Segment]:
    recorder.open(position)
    segments = []
    try:
        while True:
            segment = recorder.read(1.0)
            assert segment is not None
            segments.append(segment)
    except EndOfData:
        recorder.close()
        return segments


def joined(segments: list[Segment]) -> NDArray[np.int32]:
    return np.concatenate([segment.samples for segment in segments], axis=1)


@pytest.fixture(scope="module")
def long_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("mcs") / "long.h5"
    times = [(5_000_000, 0, 9_999), (7_000_000, 10_000, 19_999)]  # from 5 s; 1 s, then 1 s missing
    make_mcs(path, ramp(2, 20_000), times=times)
    return path


@given(position=st.integers(0, 29_999), segment_samples=st.integers(50, 30_000))
def test_any_split_reads_back_the_same_and_steps_over_the_gap(
    long_file: Path, position: int, segment_samples: int
) -> None:
    segments = read_all(replay(long_file, segment_samples=segment_samples), position)
    index = np.concatenate([np.arange(s.start, s.stop) for s in segments])
    present = np.concatenate([np.arange(10_000), np.arange(20_000, 30_000)])
    assert np.array_equal(index, present[present >= position])
    column = np.where(index < 10_000, index, index - 10_000)
    assert np.array_equal(joined(segments), ramp(2, 20_000)[:, column])
    assert all(s.stop - s.start <= segment_samples for s in segments)


@pytest.mark.parametrize("info_version", [1, 2])
@pytest.mark.parametrize("text", [VARIABLE, h5py.string_dtype("ascii"), "S16"])
def test_versions_and_kinds_of_text_read_the_same(
    tmp_path: Path, info_version: int, text: Any
) -> None:
    make_mcs(tmp_path / "a.h5", ramp(), info_version=info_version, text=text)
    recorder = replay(tmp_path / "a.h5")
    assert recorder.open(0).labels == ("E0", "E1", "E2")
    assert np.array_equal(joined(read_all(recorder)), ramp())


def test_the_zero_of_the_converter_is_subtracted(tmp_path: Path) -> None:
    make_mcs(tmp_path / "a.h5", (ramp() + 32_768).astype(np.uint16), zero=32_768)
    segments = read_all(replay(tmp_path / "a.h5"))
    assert segments[0].samples.dtype == np.int16
    assert np.array_equal(joined(segments), ramp())


@pytest.mark.parametrize(
    ("stored", "zero", "dtype"),
    [
        ("int16", 0, "int16"),
        ("int16", 1, "int32"),
        ("uint16", 32_768, "int16"),
        ("uint16", 0, "int32"),
        ("uint8", 0, "int16"),
        ("int32", 0, "int32"),
    ],
)
def test_counts_of_16_bits_stay_so(tmp_path: Path, stored: str, zero: int, dtype: str) -> None:
    limits = np.iinfo(stored)
    counts = np.array([[limits.min, limits.max, zero]], stored)
    make_mcs(tmp_path / "a.h5", counts, zero=zero)
    recorder = replay(tmp_path / "a.h5")
    assert recorder.open(0).dtype == dtype
    samples = joined(read_all(recorder))
    assert samples.dtype == dtype
    assert np.array_equal(samples, np.clip(counts.astype(np.int64) - zero, -(2**31), 2**31 - 1))


@pytest.mark.parametrize("dtype", [np.int64, np.uint32, np.uint64])
def test_wide_samples_are_read_if_they_fit_and_never_wrap(tmp_path: Path, dtype: type) -> None:
    samples = ramp().astype(dtype)
    make_mcs(tmp_path / "a.h5", samples)
    assert np.array_equal(joined(read_all(replay(tmp_path / "a.h5"))), ramp())
    samples[2, 150] = 2**31
    make_mcs(tmp_path / "b.h5", samples)
    with pytest.raises(DeviceError, match=r"channel 2, sample 150 is 2147483648, must fit"):
        read_all(replay(tmp_path / "b.h5"))
    make_mcs(tmp_path / "c.h5", np.full((1, 200), -(2**31) + 5, np.int32), zero=6)
    with pytest.raises(DeviceError, match="channel 0, sample 0 is -2147483649"):
        read_all(replay(tmp_path / "c.h5"))


def test_samples_that_are_no_counts_are_refused(tmp_path: Path) -> None:
    make_mcs(tmp_path / "a.h5", ramp().astype(np.float32))
    with pytest.raises(DeviceError, match="samples are float32, must be integers"):
        read_all(replay(tmp_path / "a.h5"))


def test_channels_come_in_the_order_of_their_description(tmp_path: Path) -> None:
    make_mcs(tmp_path / "a.h5", ramp(), row_index=[2, 0, 1])
    assert np.array_equal(joined(read_all(replay(tmp_path / "a.h5"))), ramp()[[2, 0, 1]])


def test_each_channel_has_its_own_scale(tmp_path: Path) -> None:
    make_mcs(tmp_path / "a.h5", ramp(), factors=[59_605, 381_470, 1])
    assert replay(tmp_path / "a.h5").open(0).scale_uv == (59.605, 381.47, 0.001)


def test_streams_are_chosen_by_label_or_name_and_never_a_digital_one_by_itself(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.h5"
    make_mcs(path, ramp(1), kind="Digital", label="Digital Data", stream="Stream_0")
    make_mcs(path, ramp(2), label="Filter (1) Filter Data", stream="Stream_1")
    make_mcs(path, ramp(3), label="Electrode Raw Data", stream="Stream_10")
    make_mcs(path, ramp(4), label="Electrode Raw Data 2", stream="Stream_2")
    assert replay(path).open(0).n_channels == 4  # Stream_2 stands before Stream_10
    assert replay(path, stream="Stream_0").open(0).n_channels == 1
    assert replay(path, "?stream=Filter%20(1)%20Filter%20Data").open(0).n_channels == 2
    with pytest.raises(DeviceError, match=r"no analog stream 'x'; has Stream_0 \(Digital Data\)"):
        replay(path, stream="x").open(0)


def test_a_file_without_electrodes_says_what_it_has(tmp_path: Path) -> None:
    make_mcs(tmp_path / "a.h5", ramp(1), kind="Auxiliary", label="Aux")
    with pytest.raises(DeviceError, match=r"no electrode stream; has Stream_0 \(Aux\)"):
        replay(tmp_path / "a.h5").open(0)


def test_the_second_recording_of_a_file_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    make_mcs(path, ramp(2))
    with h5py.File(path, "a") as file:
        file.move("Data/Recording_0", "Data/Recording_1")
    make_mcs(path, ramp(3))
    assert replay(path).open(0).n_channels == 3
    assert replay(path, recording="Recording_1").open(0).n_channels == 2
    with pytest.raises(DeviceError, match=r"no recording 'x'; has Recording_0, Recording_1"):
        replay(path, recording="x").open(0)


def test_a_label_that_two_recordings_share_chooses_neither(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    make_mcs(path, ramp(2))
    with h5py.File(path, "a") as file:
        file.move("Data/Recording_0", "Data/Recording_1")
        file["Data/Recording_1"].attrs["Label"] = "baseline"
    make_mcs(path, ramp(3))
    with h5py.File(path, "a") as file:
        file["Data/Recording_0"].attrs["Label"] = "baseline"
    with pytest.raises(DeviceError, match="the label of Recording_0, Recording_1; give a name"):
        replay(path, recording="baseline").open(0)
    recorder = replay(path)
    assert isinstance(recorder, McsRecording)
    recorder.open(0)
    assert recorder.notes == [
        "recording Recording_0 (baseline) is read; the file also has Recording_1 (baseline)"
    ]


def edited(path: Path, name: str, value: Any) -> Recorder:
    """A file of three channels in which one dataset was replaced."""
    make_mcs(path, ramp(3, 1000))
    with h5py.File(path, "a") as file:
        stream = file[f"{ANALOG}/Stream_0"]
        del stream[name]
        stream[name] = value
    return replay(path)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ChannelData", ramp(3, 1000).T, r"shape \(1000, 3\), must be \(channels, samples\)"),
        ("ChannelData", ramp(1, 1000)[0], r"shape \(1000,\), must be"),
        ("ChannelDataTimeStamps", np.array([0, 999]), r"shape \(2,\), must be \(segments, 3\)"),
        ("ChannelDataTimeStamps", np.zeros((3, 2), int), r"shape \(3, 2\), must be"),
        ("ChannelDataTimeStamps", np.array([[0, 0, 1999]]), "names samples 0 to 1999, .* has 1000"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    tmp_path: Path, name: str, value: Any, reason: str
) -> None:
    with pytest.raises(DeviceError, match=reason) as caught:
        edited(tmp_path / "a.h5", name, value).open(0)
    assert str(tmp_path / "a.h5") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_row_of_time_stamps_may_be_flat(tmp_path: Path) -> None:
    flat = np.array([0, 0, 999])
    segments = read_all(edited(tmp_path / "a.h5", "ChannelDataTimeStamps", flat))
    assert np.array_equal(joined(segments), ramp(3, 1000))


def test_attributes_may_be_arrays_of_one(tmp_path: Path) -> None:
    make_mcs(tmp_path / "a.h5", ramp())
    with h5py.File(tmp_path / "a.h5", "a") as file:
        stream = file[f"{ANALOG}/Stream_0"]
        for name in ("Label", "DataSubType"):
            stream.attrs[name] = np.array([stream.attrs[name]])
        file["Data"].attrs["MeaName"] = np.array([b"120MEA100/30iR"])
    assert replay(tmp_path / "a.h5").open(0).labels == ("E0", "E1", "E2")


def test_positions_come_from_the_array_that_the_file_names(tmp_path: Path) -> None:
    make_mcs(tmp_path / "a.h5", ramp())
    assert replay(tmp_path / "a.h5").open(0).positions_um == (None, None, None)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["Data"].attrs["MeaName"] = "120MEA100/30iR"
    with h5py.File(tmp_path / "a.h5", "a") as file:
        info = file[f"{ANALOG}/Stream_0/InfoChannel"]
        table = info[()]
        table["Label"] = ["A4", "F6", "Ref"]
        info[...] = table
    assert replay(tmp_path / "a.h5").open(0).positions_um == ((0, 300), (500, 500), None)


def test_a_hash_in_the_path_must_be_quoted(tmp_path: Path) -> None:
    make_mcs(tmp_path / "Kultur #1.h5", ramp())
    with pytest.raises(ConfigError, match="a URL ends at '#'; write it as %23"):
        replay(tmp_path / "Kultur #1.h5")
    assert replay(tmp_path / "Kultur %231.h5").open(0).n_channels == 3


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.h5", tmp_path / "bad.h5"
    make_mcs(good, ramp(3, 20_000))
    texts = {}
    texts["does not exist"] = None
    texts["not an HDF5 file"] = b"time,voltage\n" * 1000
    texts["truncated: 50000 bytes"] = good.read_bytes()[:50_000]
    for text, content in texts.items():
        if content is not None:
            bad.write_bytes(content)
        with pytest.raises(DeviceError, match=text) as caught:
            replay(bad).open(0)
        assert "\n" not in str(caught.value)
        assert str(bad) in str(caught.value)


def test_hdf5_of_another_kind_says_what_is_missing_and_what_is_there(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "nwb.h5", "w") as file:
        file.create_group("acquisition")
    with pytest.raises(DeviceError, match="not of MCS: no 'Data' in /; has acquisition"):
        replay(tmp_path / "nwb.h5").open(0)
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file.create_group(f"{ANALOG}/Stream_0").attrs["DataSubType"] = "Electrode"
    with pytest.raises(DeviceError, match="no 'InfoChannel' in .*Stream_0; has nothing"):
        replay(tmp_path / "empty.h5").open(0)


def test_a_damaged_chunk_is_a_device_error(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    make_mcs(path, ramp())
    with h5py.File(path, "a") as file:
        stream = file[f"{ANALOG}/Stream_0"]
        del stream["ChannelData"]
        packed = stream.create_dataset("ChannelData", data=ramp(), chunks=(3, 100), compression=1)
        where = packed.id.get_chunk_info(0).byte_offset
    with path.open("r+b") as raw:
        raw.seek(where)
        raw.write(b"\xff" * 30)
    recorder = replay(path)
    recorder.open(0)
    with pytest.raises(DeviceError, match="cannot be read"):
        recorder.read(1.0)


def test_a_stream_of_a_recording_that_leads_nowhere_is_a_device_error(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    make_mcs(path, ramp())
    with h5py.File(path, "a") as file:
        file["CREPE/streams/data"] = h5py.SoftLink("/nowhere")
    with pytest.raises(DeviceError, match="cannot be read"):
        replay(path).open(0)


def test_reading_goes_on_at_any_position_past_the_end_too(long_file: Path) -> None:
    assert read_all(replay(long_file), 30_000) == []
    assert read_all(replay(long_file), 15_000)[0].start == 20_000  # in the gap


def test_a_path_with_a_space_and_a_percent_sign_can_be_quoted(tmp_path: Path) -> None:
    make_mcs(tmp_path / "a b%.h5", ramp())
    assert replay(Path(str(tmp_path / "a%20b%25.h5"))).open(0).n_channels == 3


def test_a_negative_speed_is_refused() -> None:
    with pytest.raises(ConfigError, match="speed"):
        replay(Path("a.h5"), speed=-1)


@pytest.mark.skipif(not REAL.is_file(), reason=f"no real recording at {REAL}")
def test_a_real_recording_replays_sample_by_sample() -> None:
    recorder = replay(REAL)
    info = recorder.open(0)
    assert info.labels == tuple(f"E{i}" for i in range(1, 9))
    assert info.sampling_rate_hz == 500
    assert info.scale_uv == (381.47,) * 8
    assert not info.is_simulated
    samples = joined(read_all(recorder))
    with h5py.File(REAL, "r", locking=False) as file:
        assert np.array_equal(samples, file[f"{ANALOG}/Stream_1/ChannelData"][()])
    filtered = joined(read_all(replay(REAL, "?stream=Filter%20(1)%20Filter%20Data")))
    assert filtered.shape == (8, 9850)


def test_one_well_of_a_plate_is_replayed_like_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "plate.h5"
    make_mcs(path, ramp(4), groups=[0, 1, 0, 1], labels=["12", "12", "21", "21"])
    assert replay(path).open(0).labels == ("G0 12", "G1 12", "G0 21", "G1 21")
    well = replay(path, "?well=G1")
    info = well.open(0)
    assert (info.labels, info.n_channels) == (("12", "21"), 2)
    assert np.array_equal(joined(read_all(well)), joined(read_all(replay(path)))[[1, 3]])
    with pytest.raises(DeviceError, match=r"well 'A1', there are G0 \(2\), G1 \(2\)"):
        replay(path, "?well=A1").open(0)
