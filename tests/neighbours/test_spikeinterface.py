"""A session in SpikeInterface: samples, probe, spikes and stimuli."""

from pathlib import Path

import numpy as np
import pytest
from spikeinterface.core import get_noise_levels
from spikeinterface.preprocessing import bandpass_filter

from crepe.bridge.spikeinterface import CrepeRecording, events_of, sorting_of, train_periods
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.store import Store
from crepe.store.memory_store import MemoryStore
from tests.document_files import printed_files
from tests.recorded_session import (
    FIRST,
    LABELS,
    RATE_HZ,
    SCALE_UV,
    SPIKE_CHANNELS,
    SPIKES,
    STOP,
    record,
    samples,
)

SLICES = {"num_chunks_per_segment": 5, "chunk_size": 1000, "seed": 1}
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "export-a-session.md"
STRETCHES = ((FIRST, 12_000), (15_000, 20_000), (20_500, STOP))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return record(tmp_path_factory.mktemp("si") / "s.h5")


def test_each_stretch_between_gaps_is_a_segment_with_its_time(path):
    recording = CrepeRecording(path)
    assert recording.get_num_segments() == len(STRETCHES)
    assert recording.channel_ids.tolist() == list(LABELS)
    for index, (start, stop) in enumerate(STRETCHES):
        traces = recording.get_traces(segment_index=index)
        assert traces.dtype == np.int16
        np.testing.assert_array_equal(traces.T, samples(start, stop))
        assert recording.get_start_time(index) == start / RATE_HZ
    part = recording.get_traces(1, start_frame=10, end_frame=30, channel_ids=["47", "21"])
    np.testing.assert_array_equal(part.T, samples(15_010, 15_030)[[2, 0]])
    scaled = recording.get_traces(0, end_frame=5, return_in_uV=True)
    np.testing.assert_allclose(scaled.T, samples(FIRST, FIRST + 5) * SCALE_UV, rtol=1e-6)


def test_spikes_are_those_of_the_segments(path):
    sorting = sorting_of(path)
    assert sorting.unit_ids.tolist() == list(LABELS)
    for unit, label in enumerate(LABELS):
        expected = SPIKES[np.isin(SPIKE_CHANNELS, unit)]
        joined = np.concatenate(
            [
                sorting.get_unit_spike_train(label, segment_index=index) + start
                for index, (start, _) in enumerate(STRETCHES)
            ]
        )
        np.testing.assert_array_equal(joined, expected)


def test_stimuli_that_were_started_are_events(path):
    events = events_of(path)
    assert events.channel_ids == ["rock"]
    assert events.get_event_times("rock").tolist() == [1.01]


def test_periods_of_stimulation_end_with_their_segment(path):
    (period,) = train_periods(path).tolist()
    assert period == (0, 10_100 - FIRST, 12_000 - FIRST)
    store = Store(path)
    (period,) = train_periods(store, margin_s=-0.4).tolist()
    assert period == (0, 10_100 - FIRST, 11_100 - FIRST)


def test_other_processes_open_the_recording_for_themselves(path):
    filtered = bandpass_filter(CrepeRecording(path), 300, 3000)
    alone, beside = (
        get_noise_levels(filtered, random_slices_kwargs=SLICES, n_jobs=n) for n in (1, 2)
    )
    np.testing.assert_allclose(alone, beside)


def test_a_running_stream_is_read_up_to_this_moment_and_has_its_probe():
    memory = MemoryStore()
    places = ((0.0, 0.0), (30.0, 40.0))
    info = StreamInfo(labels=("a", "b"), positions_um=places, dtype="int16", is_simulated=True)
    memory.declare("data", info)
    memory.declare("data:spikes", StreamInfo("Spikes", labels=("a", "b")))
    store = Store(memory)
    store["data"].append_message(Segment(0, 50, np.ones((2, 50), np.int16)))
    store["data:spikes"].append_message(Spikes.none(0, 50))
    recording = CrepeRecording(store)
    store["data"].append_message(Segment(50, 90, np.ones((2, 40), np.int16)))
    assert recording.get_num_samples() == 50
    assert recording.get_annotation("is_simulated")
    np.testing.assert_array_equal(recording.get_channel_locations(), places)
    assert sorting_of(store).count_total_num_spikes() == 0


@pytest.mark.filterwarnings("ignore")  # of SpikeInterface, about arguments that have no default yet
def test_the_lines_of_the_page_run_as_they_are_printed(tmp_path, monkeypatch):
    (tmp_path / "recordings").mkdir()
    record(tmp_path / "recordings" / "20261118-101010-abcd.h5")
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    names: dict[str, object] = {}
    exec(printed_files(PAGE)["peaks.py"], names)
    assert names["recording"].get_num_segments() == len(STRETCHES)
    assert names["ours"].count_total_num_spikes() == len(SPIKES)
    assert names["stimuli"].get_event_times("rock").tolist() == [1.01]


def test_a_stream_of_results_is_a_dataframe(path):
    frame = CrepeRecording(path).table("result:game")
    assert frame["decoded"].tolist() == ["rock", "paper", "rock"]
