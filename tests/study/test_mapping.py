"""The experiment of `crepe map`, and files that it refuses before any pulse."""

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.config.own_files import default_file
from crepe.errors import ConfigError
from crepe.study.mapping import mapping, n_pulses


def test_the_shipped_file_stimulates_all_electrodes_but_the_reference():
    experiment = mapping(default_file("map"), 7, n_rounds=2)
    assert experiment.seed == experiment.culture.simulated.seed == 7
    electrodes = experiment.actors["game"].settings["electrodes"]
    assert len(electrodes) == 59
    assert "15" not in electrodes
    assert n_pulses(experiment) == 118


def test_lock_step_waits_for_the_delay_of_the_pulses():
    experiment = mapping(default_file("map"), in_lockstep=True)
    assert experiment.culture.simulated.lockstep_s == 0.05


def test_a_file_of_another_game_is_refused():
    with pytest.raises(ConfigError, match=r"rps.toml: 0 actors of .*SinglePulses, must be one"):
        mapping(default_file("rps"))


def test_a_map_needs_its_pulses_recorded(tmp_path):
    path = tmp_path / "map.toml"
    text = default_file("map").read_text(encoding="utf-8")
    path.write_text(text.replace('"result:stimuli", "result:commands", "result:del', '"result:del'))
    with pytest.raises(ConfigError, match="no stream of Stimulus is recorded"):
        mapping(path)


def test_a_map_of_a_recording_takes_no_options_of_a_session():
    result = CliRunner().invoke(app, ["map", "--session", "last", "--rounds", "3"])
    assert "only --out and --json fit" in str(result.exception)
