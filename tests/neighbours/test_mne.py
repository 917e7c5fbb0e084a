"""A session as a Raw of MNE, with MNE itself."""

from datetime import UTC, datetime

import mne
import numpy as np
import pytest

from crepe.bridge.mne import raw_of
from crepe.errors import ConfigError
from tests.document_files import ROOT, printed_files
from tests.recorded_session import (
    FIRST,
    GAPS,
    LABELS,
    ORIGIN_T_NS,
    PLACES,
    RATE_HZ,
    SCALE_UV,
    STOP,
    record,
    samples,
)

PAGE = ROOT / "docs" / "how-to" / "export-a-session.md"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return record(tmp_path_factory.mktemp("mne") / "s.h5")


def test_samples_are_in_volts_with_the_times_of_the_session_and_gaps_are_bad(path):
    raw = raw_of(path)
    expected = samples(FIRST, STOP) * SCALE_UV * 1e-6
    for start, stop in GAPS:
        expected[:, start - FIRST : stop - FIRST] = 0
    np.testing.assert_allclose(raw.get_data(), expected, rtol=1e-12)
    assert (raw.ch_names, raw.info["sfreq"]) == (list(LABELS), RATE_HZ)
    assert raw.first_time == FIRST / RATE_HZ
    assert raw.info["meas_date"] == datetime.fromtimestamp(ORIGIN_T_NS / 1e9, UTC)
    for channel, place_um in zip(raw.info["chs"], PLACES, strict=True):
        metres = np.array(place_um or (np.nan, np.nan)) / 1e6
        np.testing.assert_allclose(channel["loc"][:2], metres)
    clean = raw.get_data(reject_by_annotation="omit")
    assert clean.shape[1] == STOP - FIRST - sum(stop - start for start, stop in GAPS)
    filtered = raw.copy().filter(300.0, 3000.0, picks="seeg", verbose="error").get_data()
    gap = slice(GAPS[0][0] - FIRST, GAPS[0][1] - FIRST)
    assert not filtered[:, gap].any()  # no filter rings into it


def test_trials_notes_and_stimuli_that_were_started_are_annotations(path):
    events, names = mne.events_from_annotations(raw_of(path), verbose="error")
    by_code = {code: name for name, code in names.items()}
    rows = [(int(sample), by_code[code]) for sample, _, code in events]
    assert ("stimulus/rock" in names, "BAD_ACQ_SKIP" in names) == (True, False)
    assert (10_100, "stimulus/rock") in rows
    assert [name for _, name in rows if name.startswith("note")] == [
        "note/medium changed", "note/light on",
    ]  # fmt: skip
    assert [sample for sample, name in rows if name.startswith("trial/")] == [
        10_000, 20_000, 30_000,
    ]  # fmt: skip


@pytest.mark.parametrize("is_simulated", [False, True])
def test_what_is_simulated_says_so_also_in_the_file_that_mne_writes(tmp_path, is_simulated):
    record(tmp_path / "s.h5", is_simulated=is_simulated)
    raw_of(tmp_path / "s.h5").crop(tmax=0.5).save(tmp_path / "s_raw.fif", verbose="error")
    description = mne.io.read_raw_fif(tmp_path / "s_raw.fif", verbose="error").info["description"]
    assert ("SIMULATED" in description) == is_simulated


@pytest.mark.filterwarnings("ignore:Acquisition skips detected")  # so the gaps are in the file
def test_the_lines_of_the_page_run_as_they_are_printed(tmp_path, monkeypatch):
    (tmp_path / "recordings").mkdir()
    record(tmp_path / "recordings" / "20261118-101010-abcd.h5")
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    exec(printed_files(PAGE)["with_mne.py"], {})
    assert (tmp_path / "session_raw.fif").is_file()


def test_a_stream_without_samples_is_refused(path):
    with pytest.raises(ConfigError, match="'data:spikes' carries Spikes, must be Segment"):
        raw_of(path, "data:spikes")
    with pytest.raises(KeyError, match="no stream 'dta'; there are: data, "):
        raw_of(path, "dta")
