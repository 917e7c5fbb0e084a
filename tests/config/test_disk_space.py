"""How long the disk lasts at the rate of an experiment's instrument."""

import shutil
from collections import namedtuple

import numpy as np
import pytest

from crepe.config import disk_space
from crepe.config.experiment import load_experiment
from crepe.errors import DeviceError
from crepe.messages import Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter

RECORD = """
[actors.record]
run = "crepe.actors.record:Record"
reads = ["data"]
spare_mb = 10
"""


def acquiring(tmp_path, device, more=""):
    file = tmp_path / "disk.toml"
    file.write_text(
        "[actors.acquire]\n"
        'run = "crepe.actors.acquire:Acquire"\n'
        'writes = ["data"]\n'
        f'device = "{device}"\n{more}'
    )
    return load_experiment(file)


def test_the_disk_lasts_as_long_as_the_recording_fits_beside_the_append_only_file(
    tmp_path, monkeypatch
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, 41_368_709_120))
    not_there_yet = tmp_path / "var" / "recordings"
    experiment = acquiring(tmp_path, "generator://?n_channels=125", RECORD)
    text = disk_space.disk_message(not_there_yet, experiment)
    assert text.endswith(  # 1 GiB of memory
        "the disk lasts 5.0 h: 2.0 MB/s of recording, at most 5.4 GB of append-only file"
    )
    experiment = acquiring(
        tmp_path, "generator://?n_channels=125", RECORD + "[redis]\nappend_only = false\n"
    )
    text = disk_space.disk_message(not_there_yet, experiment)
    assert text.endswith("the disk lasts 5.7 h: 2.0 MB/s of recording")
    experiment = acquiring(tmp_path, "openephys://bench:5556", RECORD)
    text = disk_space.disk_message(not_there_yet, experiment)
    assert text.endswith(": 41.4 GB free; the instrument states its data rate later")


@pytest.mark.parametrize(
    ("use", "seconds", "n_bytes"),
    [
        (disk_space.DiskUse(1e6, 4e6, 1e9), 100, 5e8),  # the append-only file still grows
        (disk_space.DiskUse(1e6, 4e6, 1e9), 1000, 2e9),
        (disk_space.DiskUse(0, 4e6, 1e9), 100, 4e8),
        (disk_space.DiskUse(2e6, 0, 1e9), 100, 2e8),
    ],
)
def test_a_space_lasts_until_it_is_filled(use, seconds, n_bytes):
    assert use.bytes_after(seconds) == n_bytes
    assert use.hours_in(n_bytes) * 3600 == pytest.approx(seconds)


def test_what_does_not_grow_lasts_for_ever():
    assert disk_space.DiskUse(0, 4e6, 1e9).hours_in(2e9) == float("inf")
    assert disk_space.DiskUse(0, 0, 1e9).hours_in(2e9) == float("inf")


@pytest.mark.parametrize(
    ("device", "more", "n_samples"),
    [
        ("meame://simulator", "sampling_rate_hz = 20000\n", 60 * 20_000),
        ("generator://?n_channels=1024&sampling_rate_hz=10000", "", 1024 * 10_000),
        ("generator://?n_channels=100&sampling_rate_hz=1000&speed=0.5", "", 100 * 500),
    ],
)
def test_what_the_disk_takes_is_what_the_instrument_gives(tmp_path, device, more, n_samples):
    use = disk_space.disk_use(acquiring(tmp_path, device, more + RECORD))
    assert (use.recording, use.append_only) == (n_samples * 1.6, n_samples * 4)


def test_a_filtered_signal_takes_room_in_the_recording_only_where_it_is_recorded(tmp_path):
    band = """
[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]
"""
    device = "generator://?n_channels=100"
    use = disk_space.disk_use(acquiring(tmp_path, device, band + RECORD))
    assert (use.recording, use.append_only) == (1.6e6, 8e6)
    both = RECORD.replace('"data"', '"data", "data:filtered"')
    assert disk_space.disk_use(acquiring(tmp_path, device, band + both)).recording == 1.6e6
    both += "records_filtered = true\n"
    assert disk_space.disk_use(acquiring(tmp_path, device, band + both)).recording == 5.1e6
    assert disk_space.disk_use(acquiring(tmp_path, device, band)).recording == 0


def test_a_signal_too_fast_to_be_compressed_takes_its_full_size(tmp_path):
    device = "generator://?n_channels=1000&sampling_rate_hz={}"
    slow = acquiring(tmp_path, device.format(10_000), RECORD)
    assert disk_space.disk_use(slow).recording == 16e6
    fast = acquiring(tmp_path, device.format(20_000), RECORD)
    assert disk_space.disk_use(fast).recording == 80e6
    fast = acquiring(tmp_path, device.format(20_000), RECORD + "compress_mb_per_s = 80\n")
    assert disk_space.disk_use(fast).recording == 32e6


@pytest.mark.parametrize(("dtype", "n_bytes"), [("int32", 4), ("int16", 2)])
@pytest.mark.parametrize(("speed", "times"), [(0, 1), (2, 2)])
def test_a_recording_takes_what_its_channels_rate_and_type_say(
    tmp_path, speed, times, dtype, n_bytes
):
    path = tmp_path / "made.h5"
    info = StreamInfo(sampling_rate_hz=20_000.0, labels=("1", "2", "3"), dtype=dtype)
    writer = RecordingWriter(path, About("made"), {"data": info})
    writer.append("data", Segment(0, 1000, np.zeros((3, 1000), dtype)))
    writer.close()
    experiment = acquiring(tmp_path, f"hdf5://{path}?speed={speed}")
    assert disk_space.disk_use(experiment).append_only == 3 * 20_000 * times * n_bytes


def test_a_recording_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DeviceError, match="nowhere.h5: does not exist"):
        disk_space.disk_use(acquiring(tmp_path, "hdf5://nowhere.h5"))


def test_a_start_without_room_for_ten_minutes_and_the_reserve_is_refused(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    free = 178 * 10**6
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, free))
    experiment = acquiring(tmp_path, "generator://?n_channels=5&sampling_rate_hz=10000", RECORD)
    disk_space.check_room(tmp_path, experiment)  # 0.28 MB/s for 600 s, and 10 MB
    free -= 1
    with pytest.raises(
        DeviceError, match="178 MB free, must be at least 178 MB: 168 MB of 10 minutes, and 10 MB"
    ):
        disk_space.check_room(tmp_path, experiment)
    disk_space.check_room(tmp_path, acquiring(tmp_path, "generator://"))  # records nothing
