"""`crepe culture report`: what it draws and counts is what the culture does."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from crepe.cli import app
from crepe.simulator import activity


@pytest.mark.timeout(200)
def test_the_report_draws_a_figure_and_keeps_its_numbers(tmp_path):
    words = ["culture", "report", "--seed", "3", "--seconds", "10", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "culture.json").read_text())
    assert found["is_simulated"] is True
    assert found["settings"]["seed"] == 3
    assert 0.05 < found["found"]["mean_rate_hz"] < 20
    assert found["found"]["places_told_apart"] > 0.8
    assert (tmp_path / "culture.png").read_bytes().startswith(b"\x89PNG")


def test_a_recording_has_no_simulated_culture_to_report_on():
    result = CliRunner().invoke(app, ["culture", "report", "config/file.toml"])
    assert result.exit_code != 0


def test_network_bursts_are_bursts_of_a_fifth_of_the_active_electrodes():
    burst = 1.0 + np.arange(10) * 0.005
    alone = np.arange(0, 60, 5.0)
    together = [np.sort(np.concatenate([burst, alone])) for _ in range(4)]
    times = [*together, *[alone] * 12]
    (only,) = activity.network_bursts_s(times, 60.0)
    assert only == pytest.approx([1.0, 1.045])
    few = [*together[:3], *[alone] * 13]
    assert len(activity.network_bursts_s(few, 60.0)) == 0


def test_intervals_of_chance_have_a_cv_of_one():
    rng = np.random.default_rng(1)
    times = [np.cumsum(rng.exponential(0.1, 3000)) for _ in range(5)]
    assert activity.interval_cv(times) == pytest.approx(1.0, abs=0.05)
