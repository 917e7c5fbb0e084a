"""Stimulation events of a file are windows on the clock of its samples."""

import h5py
import numpy as np

from crepe.hw.device import open_recorder
from tests.mcs_files import make_mcs, ramp


def test_events_of_the_stimulator_are_windows_of_samples_and_others_are_left_out(tmp_path):
    path = tmp_path / "x.h5"
    make_mcs(path, ramp(), times=[(5000, 0, 999)])
    with h5py.File(path, "a") as file:
        events = file.create_group("Data/Recording_0/EventStream")
        for name, kind, times in (
            ("Stream_0", "StgSideband", [[45_000, 15_000], [0, 3000]]),
            ("Stream_1", "DigitalPort", [[7000], [0]]),
            ("Stream_2", "StgSideband", [[5000]]),
        ):
            stream = events.create_group(name)
            stream.attrs["DataSubType"] = np.bytes_(kind)
            stream["EventEntity_0"] = np.array(times, np.int64)
            stream["InfoEvent"] = np.zeros(1)
    recorder = open_recorder(f"hdf5://{path}?speed=0")
    recorder.open(0)
    assert recorder.stimuli.tolist() == [[100, 130], [400, 400]]
    recorder.close()


def test_a_file_without_events_has_no_windows(tmp_path):
    make_mcs(tmp_path / "x.h5", ramp())
    recorder = open_recorder(f"hdf5://{tmp_path / 'x.h5'}?speed=0")
    recorder.open(0)
    assert recorder.stimuli.shape == (0, 2)
    recorder.close()
