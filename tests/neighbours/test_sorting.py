"""The page's way from a session to spike sorting: play, export, open in SpikeInterface, sort."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from spikeinterface.core import NumpyFolderSorting

from crepe.bridge.spikeinterface import train_periods
from crepe.recording.choice import find_recording
from crepe.results.spikes import spike_trains
from crepe.store import Store
from tests.document_files import ROOT, printed_files

pytestmark = pytest.mark.timeout(900)  # seconds; five programs, and a busy machine
PAGE = ROOT / "docs" / "how-to" / "export-a-session.md"
PROGRAMS = {"crepe": [sys.executable, "-m", "crepe"], "python": [sys.executable]}
NEAR = 10  # samples; 1 ms


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Where the commands of the page were run as they are printed, all but the installation."""
    directory = tmp_path_factory.mktemp("sorting")
    for name, text in printed_files(PAGE).items():
        (directory / name).write_text(text, encoding="utf-8")
    section = PAGE.read_text(encoding="utf-8").partition("### From a session to spike sorting")[2]
    commands = section.partition("```\n")[2].partition("```")[0].splitlines()
    for command in [*commands[1:], "python sort_unstimulated.py"]:
        program, *arguments = command.split()
        done = subprocess.run(
            [*PROGRAMS[program], *arguments],
            cwd=directory,
            env={**os.environ, "CREPE_VAR": str(directory / "var"), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return directory


@pytest.fixture
def session(directory, monkeypatch) -> Path:
    monkeypatch.setenv("CREPE_VAR", str(directory / "var"))
    return find_recording("last")


def sorted_spikes(directory, name) -> list[np.ndarray]:
    """The spikes of each unit in frames."""
    sorting = NumpyFolderSorting(directory / name / "sorter_output" / "sorting")
    return [sorting.get_unit_spike_train(unit) for unit in sorting.unit_ids]


def share_near(frames, references) -> float:
    """The share of frames that have a reference at most 1 ms away."""
    last, first = np.searchsorted(references, [frames + NEAR, frames - NEAR + 1])
    return float(np.mean(last > first))


@pytest.mark.parametrize("name", ["sorted", "unstimulated"])
def test_sorted_spikes_are_where_crepe_detected_some(directory, session, name):
    units = sorted_spikes(directory, name)
    detected = np.sort(spike_trains(Store(session)).sample)
    by_chance = share_near(np.arange(int(detected[-1])), detected)
    assert units
    for frames in units:
        assert share_near(frames, detected) > max(0.7, 2 * by_chance)


def test_artefacts_of_stimulation_are_units_unless_its_periods_are_silenced(directory, session):
    is_stimulated = np.zeros(len(Store(session)["data"]), np.bool_)
    for _, start, stop in train_periods(session).tolist():
        is_stimulated[start:stop] = True
    assert 0.1 < is_stimulated.mean() < 0.9
    every, unstimulated = (
        [float(is_stimulated[frames].mean()) for frames in sorted_spikes(directory, name)]
        for name in ("sorted", "unstimulated")
    )
    assert max(every) == 1.0
    assert max(unstimulated) == 0.0
