"""A session as NWB: inspected by nwbinspector, opened by pynwb and SpikeInterface."""

from datetime import UTC, datetime

import numpy as np
import pytest
from nwbinspector import inspect_nwbfile, load_config
from pynwb import NWBHDF5IO
from spikeinterface.extractors import read_nwb_recording, read_nwb_sorting

from crepe.bridge.nwb import export_nwb
from crepe.errors import CrepeError
from crepe.messages import Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from tests.recorded_session import (
    EXPERIMENT,
    FIRST,
    GAPS,
    LABELS,
    LIVING,
    ORIGIN_T_NS,
    RATE_HZ,
    SCALE_UV,
    SESSION,
    SPIKE_CHANNELS,
    SPIKES,
    STOP,
    record,
    samples,
)


@pytest.fixture(scope="module", params=[False, True], ids=["living", "simulated"])
def exported(request, tmp_path_factory):
    """The file, and whether it is of a simulated culture."""
    path = record(tmp_path_factory.mktemp("nwb") / "s.h5", is_simulated=request.param)
    written, missing = export_nwb(path)
    assert written == path.with_suffix(".nwb")
    assert missing == []
    assert [p.name for p in path.parent.iterdir() if p.suffix == ".nwb"] == ["s.nwb"]
    return written, request.param


@pytest.fixture
def opened(exported):
    with NWBHDF5IO(exported[0], "r") as io:
        yield io.read()


def test_the_inspector_of_dandi_has_no_finding(exported):
    findings = list(inspect_nwbfile(nwbfile_path=exported[0], config=load_config("dandi")))
    assert findings == []


def test_samples_times_and_positions_are_equal_in_spikeinterface(exported):
    recording = read_nwb_recording(exported[0], electrical_series_path="acquisition/data")
    traces = recording.get_traces()
    expected = samples(FIRST, STOP)
    for start, stop in GAPS:
        expected[:, start - FIRST : stop - FIRST] = 0
    assert traces.dtype == np.int16
    np.testing.assert_array_equal(traces.T, expected)
    np.testing.assert_allclose(recording.get_channel_gains(), SCALE_UV)
    assert recording.get_sampling_frequency() == RATE_HZ
    assert recording.get_times()[0] == FIRST / RATE_HZ
    assert [str(label) for label in recording.get_property("label")] == list(LABELS)
    places = recording.get_channel_locations()
    np.testing.assert_array_equal(places[:3], [(0, 0), (200, 0), (200, 1400)])
    assert np.isnan(places[3]).all()
    sorting = read_nwb_sorting(exported[0], electrical_series_path="acquisition/data")
    of_units = [sorting.get_unit_spike_train(unit, return_times=True) for unit in sorting.unit_ids]
    expected_s = [SPIKES[np.isin(SPIKE_CHANNELS, channel)] / RATE_HZ for channel in (0, 2)]
    for times_s, expected_of_unit in zip(of_units, expected_s, strict=True):
        np.testing.assert_allclose(times_s, expected_of_unit)


def test_gaps_are_invalid_times_and_end_the_observation_of_units(opened):
    invalid = opened.invalid_times
    assert invalid["start_time"][:].tolist() == [start / RATE_HZ for start, _ in GAPS]
    assert invalid["stop_time"][:].tolist() == [stop / RATE_HZ for _, stop in GAPS]
    np.testing.assert_allclose(
        opened.units.get_unit_obs_intervals(0),
        np.array([(FIRST, 12_000), (15_000, 20_000), (20_500, STOP)]) / RATE_HZ,
    )
    assert "NOT sorted" in opened.units.description
    assert opened.units["label"][:].tolist() == ["21", "47"]
    assert opened.units["electrodes"][1]["label"].tolist() == ["47"]


def test_trials_stimuli_and_notes_are_tables(opened):
    trials = opened.trials.to_dataframe()
    assert trials["start_time"].tolist() == [1.0, 2.0, 3.0]
    assert trials["decoded"].tolist() == ["rock", "paper", "rock"]
    assert trials["is_right"].tolist() == [True, False, True]
    assert trials["score_won"].tolist() == [1, 2, 3]
    stimuli = opened.intervals["electrical_stimulation"].to_dataframe()
    assert stimuli["state"].tolist() == ["delivered", "refused"]
    assert stimuli["start_time"].tolist() == [1.01, 2.005]  # the second when it was due
    np.testing.assert_allclose(stimuli["stop_time"] - stimuli["start_time"], 0.5)
    assert stimuli["amplitudes"].tolist() == ["-10 10"] * 2
    assert stimuli["reason"].tolist() == ["", "300 ms old, limit 200 ms"]
    assert [list(table["label"]) for table in stimuli["electrodes"]] == [["21", "47"]] * 2
    notes = opened.events["notes"].to_dataframe()
    assert notes["timestamp"].tolist() == [0.2, 3.0]
    assert notes["annotation"].tolist() == ["medium changed", "light on"]


def test_the_session_and_its_culture_are_described(opened, exported):
    assert opened.session_id == SESSION
    assert opened.session_start_time == datetime.fromtimestamp(ORIGIN_T_NS / 1e9, UTC)
    assert opened.protocol == EXPERIMENT
    assert opened.lab == LIVING["lab"]
    assert "crepe" in dict(opened.was_generated_by[:].tolist())
    subject, is_simulated = opened.subject, exported[1]
    for text in (
        opened.session_description, opened.experiment_description, subject.description,
        opened.devices["array"].description, " ".join(opened.keywords),
    ):  # fmt: skip
        assert ("SIMULATED" in text) == is_simulated, text
    if not is_simulated:
        assert (subject.species, subject.age) == ("Rattus norvegicus", "P21D")
        assert "21 days in vitro" in subject.description


def test_what_dandi_requires_and_the_tables_do_not_give_is_listed(tmp_path):
    path = record(tmp_path / "s.h5", culture={"species": "rat"})
    _, missing = export_nwb(path)
    assert [text.split(":")[0] for text in missing] == [
        "[culture] id", "[culture] plating_date", "[culture] experimenter",
        "[culture] institution", "[culture] species",
    ]  # fmt: skip


def test_channels_with_scales_of_their_own_keep_them(tmp_path):
    info = StreamInfo(labels=("a", "b"), scale_uv=(0.5, 2.0), session="s", origin_t_ns=ORIGIN_T_NS)
    writer = RecordingWriter(tmp_path / "s.h5", About("s"), {"data": info})
    writer.append("data", Segment(0, 100, np.full((2, 100), 3, np.int32)))
    writer.end()
    written, _ = export_nwb(tmp_path / "s.h5", tmp_path / "other.nwb")
    with NWBHDF5IO(written, "r") as io:
        series = io.read().acquisition["data"]
        volts = series.data[:] * series.channel_conversion[:] * series.conversion
    np.testing.assert_allclose(volts[0], (1.5e-6, 6e-6))


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    path = record(tmp_path / "s.h5")
    with pytest.raises(CrepeError, match=r"none/s\.nwb: cannot be written: "):
        export_nwb(path, tmp_path / "none" / "s.nwb")
    assert [p.name for p in tmp_path.iterdir()] == ["s.h5"]
