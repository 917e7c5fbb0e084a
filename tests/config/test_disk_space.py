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


def acquiring(tmp_path, device, more=""):
    file = tmp_path / "disk.toml"
    file.write_text(
        "[actors.acquire]\n"
        'run = "crepe.actors.acquire:Acquire"\n'
        'writes = ["data"]\n'
        f'device = "{device}"\n{more}'
    )
    return load_experiment(file)


def test_the_disk_lasts_as_long_as_its_free_bytes(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, 36 * 10**9))
    not_there_yet = tmp_path / "var" / "recordings"
    assert disk_space.disk_hours(not_there_yet, 2e6) == pytest.approx(5.0)
    assert disk_space.disk_hours(not_there_yet, 0) == float("inf")
    experiment = acquiring(tmp_path, "generator://?n_channels=25")
    said = disk_space.disk_message(not_there_yet, experiment)
    assert said.endswith("the disk lasts 5.0 h at 2.0 MB/s")


@pytest.mark.parametrize(
    ("device", "more", "n_samples"),
    [
        ("meame://simulator", "sampling_rate_hz = 20000\n", 60 * 20_000),
        ("generator://?n_channels=1024&sampling_rate_hz=20000", "", 1024 * 20_000),
        ("generator://?n_channels=100&sampling_rate_hz=1000&speed=0.5", "", 100 * 500),
    ],
)
def test_what_the_disk_takes_is_what_the_instrument_gives(tmp_path, device, more, n_samples):
    experiment = acquiring(tmp_path, device, more)
    assert disk_space.bytes_per_s(experiment) == n_samples * 4 * 2  # recording, append-only file


@pytest.mark.parametrize(("speed", "times"), [(0, 1), (2, 2)])
def test_a_recording_takes_what_its_channels_and_rate_say(tmp_path, speed, times):
    path = tmp_path / "made.h5"
    info = StreamInfo(sampling_rate_hz=20_000.0, labels=("1", "2", "3"), dtype="int32")
    writer = RecordingWriter(path, About("made"), {"data": info})
    writer.append("data", Segment(0, 1000, np.zeros((3, 1000), np.int32)))
    writer.close()
    experiment = acquiring(tmp_path, f"hdf5://{path}?speed={speed}")
    assert disk_space.bytes_per_s(experiment) == 3 * 20_000 * times * 4 * 2


def test_a_recording_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DeviceError, match="nowhere.h5: does not exist"):
        disk_space.bytes_per_s(acquiring(tmp_path, "hdf5://nowhere.h5"))


RECORD = """
[actors.record]
run = "crepe.actors.record:Record"
reads = ["data"]
spare_mb = 10
"""


def test_a_start_without_room_for_ten_minutes_and_the_reserve_is_refused(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    free = 250 * 10**6
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, free))
    experiment = acquiring(tmp_path, "generator://?n_channels=5&sampling_rate_hz=10000", RECORD)
    disk_space.check_room(tmp_path, experiment)  # 0.4 MB/s for 600 s, and 10 MB
    free -= 1
    with pytest.raises(DeviceError, match="250 MB free, must be at least 250 MB: ten minutes at"):
        disk_space.check_room(tmp_path, experiment)
    disk_space.check_room(tmp_path, acquiring(tmp_path, "generator://"))  # records nothing
