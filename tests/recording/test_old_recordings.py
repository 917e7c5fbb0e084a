"""Recordings of CREPE 0.1 are read as they were, by all that reads recordings."""

import json

import numpy as np
import pytest

from crepe.messages import DeliveryState, Stimulus
from crepe.recording.mcs_layout import About
from crepe.recording.reader import Recording
from crepe.recording.writer import RecordingWriter
from crepe.report import build
from crepe.results.library import Library
from crepe.results.tables import stimulus_table, trial_table
from crepe.store import Store
from tests.recording import old_recording
from tests.recording.old_recording import N_SAMPLES, SESSION, SPIKE_SAMPLES


@pytest.fixture(params=[False, True], ids=["closed", "first"])
def path(request, tmp_path):
    (tmp_path / "recordings").mkdir()
    path = tmp_path / "recordings" / f"{SESSION}.h5"
    old_recording.make_old_recording(path, is_first=request.param)
    return path


def test_messages_of_every_type_are_read(path):
    with Recording(path) as recording:
        assert (recording.session, recording.seed, recording.is_simulated) == (SESSION, 5, True)
        assert recording.problems == ()
        assert recording.experiment == old_recording.EXPERIMENT
        assert {name: recording.last(name) for name in recording.streams()} == {
            "data": N_SAMPLES,
            "data:spikes": N_SAMPLES,
            "result:delivered": 500,
            "result:game": 900,
            "result:stimuli": 200,
        }
        (segment,) = recording.messages("data", 300, 400)
        assert segment.samples.tolist() == [list(range(300, 400)), list(range(1300, 1400))]
        spikes = recording.messages("data:spikes", 0, N_SAMPLES)
        assert np.concatenate([m.sample for m in spikes]).tolist() == SPIKE_SAMPLES
        answers = recording.messages("result:delivered", 0, N_SAMPLES)
        assert [answer.state for answer in answers] == [
            DeliveryState.INTENDED,
            DeliveryState.DELIVERED,
        ]
        assert [answer.stream for answer in answers] == ["", ""]


def test_a_store_gives_its_trials_and_stimuli(path):
    with Store(path) as store:
        assert store["data"].info.positions_um == ()
        trials, stimuli = trial_table(store), stimulus_table(store)
        assert (len(trials), len(stimuli)) == (1, 1)
        assert stimuli["state"].tolist() == ["delivered"]
        assert trials["decoded"].tolist() == ["rock"]


def test_the_list_of_sessions_and_the_report_have_its_numbers(path, tmp_path, monkeypatch):
    (summary,) = Library(tmp_path, programs_run=False).summaries()
    assert (summary.problem, summary.title) == ("", "Of the first version")
    assert (summary.duration_s, summary.score) == (1.0, {"won": 1})
    assert (summary.n_trials, summary.n_stimuli_delivered) == (1, 1)
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    page = build.write(SESSION, tmp_path / "report")
    numbers = json.loads((page.parent / "report.json").read_text())
    assert numbers["activity"]["rate_hz"] == {"47": 1.0, "48": 2.0}


def test_a_recorder_that_continues_it_keeps_what_it_has(path):
    with Recording(path) as recording:
        infos = recording.streams()
    writer = RecordingWriter(path, About(SESSION), infos)
    request = Stimulus(599, 600, 2, 610, ("47",), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 6)
    writer.append("result:stimuli", request)
    writer.close()
    with Recording(path) as recording:
        assert recording.problems == ()
        first, second = recording.messages("result:stimuli", 0, N_SAMPLES)
        assert (first.number, first.electrodes, second) == (1, ("48",), request)
        assert len(recording.messages("data", 0, N_SAMPLES)) == 10
