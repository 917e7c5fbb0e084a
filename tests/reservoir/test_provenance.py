"""A readout belongs to the stimuli that it was trained on."""

import json
import tomllib

import pytest

from crepe.errors import ConfigError
from crepe.places import project_directory
from crepe.reservoir.provenance import check_same, stimulation

TEXT = (project_directory() / "config" / "rps-controls.toml").read_text(encoding="utf-8")


def changed(**settings):
    table = tomllib.loads(TEXT)
    table["actors"]["game"] |= settings
    return json.dumps(table)


def test_the_same_stimuli_fit_however_they_are_written():
    check_same(TEXT, changed())
    check_same(TEXT, changed(n_trials=3, rest_s=2.0))
    assert stimulation(TEXT)["rates_hz"] == {"rock": 20, "paper": 20, "scissors": 20}


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"electrodes": {"rock": ["22"]}}, "trained with electrodes = .* the experiment has"),
        ({"phases": [[-5.0, 200], [5.0, 200]]}, "trained with phases"),
        ({"response_s": 0.5}, "trained with response_s = 0.2, the experiment has 0.5"),
    ],
)
def test_other_stimuli_are_refused(settings, complaint):
    with pytest.raises(ConfigError, match=complaint):
        check_same(TEXT, changed(**settings))


def test_without_a_game_there_is_nothing_to_compare():
    check_same("", TEXT)
    check_same(TEXT, "title = 'only spikes'")
