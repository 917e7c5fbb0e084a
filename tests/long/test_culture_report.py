"""`crepe culture report`: what it draws and counts is what the culture does."""

import json

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.report.culture import Dish, evoked
from crepe.simulator.meame.settings import SimulatorSettings


@pytest.mark.timeout(200)
def test_the_report_draws_a_figure_and_keeps_its_numbers(tmp_path):
    arguments = ["culture", "report", "--seed", "3", "--seconds", "10", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    content = json.loads((tmp_path / "culture.json").read_text())
    assert content["is_simulated"] is True
    assert content["settings"]["seed"] == 3
    assert 0.05 < content["found"]["mean_rate_hz"] < 20
    numbers = content["found"]
    assert "SIMULATED" in result.output
    assert numbers["places_told_apart"] > 0.8
    assert numbers["places_told_apart_low"] < numbers["places_told_apart"]
    assert (numbers["places_told_apart_n"], numbers["places_told_apart_chance"]) == (60, 0.3333)
    assert (tmp_path / "culture.png").read_bytes().startswith(b"\x89PNG")


def test_a_recording_has_no_simulated_culture_to_report_on():
    result = CliRunner().invoke(app, ["culture", "report", "config/file.toml"])
    assert result.exit_code != 0


def test_a_silenced_culture_shows_no_spikes_after_a_pulse():
    """With the stimulated amplifiers held alone, 60 crossings a pulse were of the artefact."""
    dish = Dish(SimulatorSettings(seed=11, silenced=True))
    dish.advance(2000)
    after_ms, _ = evoked(dish, 11, n_trials=4)
    assert sum(len(each) for each in after_ms.values()) < 12  # of 12 pulses, 1.5 s each
