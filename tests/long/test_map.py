"""docs/how-to/map-a-culture.md with fewer pulses: the command, the files, and a culture without cells."""

import csv
import json
import re
import shlex

import numpy as np
import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.config.experiment import load_experiment, save_experiment
from crepe.config.own_files import default_file
from crepe.environment.paths import project_directory
from crepe.results.evoked_map import EvokedMap

PAGE = project_directory() / "docs" / "how-to" / "map-a-culture.md"
FEWER = {
    "actors.game.electrodes": ["22", "27", "54", "72", "77"],
    "actors.game.n_rounds": 12,
    "actors.game.interval_s": 0.5,
    "seed": 3,
}


def crepe(*arguments):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Makes a small file of the experiment, with these changes, in a directory of its own."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    monkeypatch.chdir(tmp_path)

    def path(**changes):
        experiment = load_experiment(default_file("map"), {**FEWER, **changes})
        return str(save_experiment(experiment, tmp_path / "changed.json").path)

    return path


@pytest.mark.timeout(200)
def test_the_commands_of_the_page_map_a_culture_and_its_neighbours_answer(small, capsys):
    text = PAGE.read_text(encoding="utf-8")
    (command,) = re.findall(r"^\.venv/bin/crepe (.+?) +#", text, re.M)
    assert shlex.split(command) == ["map"]
    result = crepe("map", small(), "--out", ".", "--json")
    numbers = json.loads(result.stdout)
    assert numbers["is_simulated"] is True
    assert (numbers["n_delivered"], numbers["n_left_out"]) == (60, 0)
    assert numbers["n_sham_links"] <= numbers["n_tested"] * 0.01
    evoked = EvokedMap.load("map.json")
    places = dict(zip(evoked.recorded, evoked.positions_um, strict=True))
    direct = evoked.links().where(window="direct")
    assert len(direct) == numbers["links"]["direct"] >= 10
    for row in direct:
        assert np.hypot(*np.subtract(places[row["stimulated"]], places[row["recorded"]])) < 700
        assert 5 <= row["latency_ms"] < 10
    with open("map.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == evoked.n_tested == 2 * 5 * 58
    (script,) = re.findall(r"^```python\n(.*?)^```", text, re.S | re.M)
    capsys.readouterr()
    exec(script, {})  # the page's own lines
    assert "SIMULATED culture" in capsys.readouterr().out
    again = json.loads(crepe("map", "--session", "last", "--out", "again", "--json").stdout)
    assert again["links"] == numbers["links"]


@pytest.mark.timeout(200)
def test_a_culture_in_which_no_cell_fires_has_no_links(small):
    path = small(**{"culture.simulated.silenced": True})
    result = crepe("map", path, "--out", ".")
    assert "60 pulses at 5 electrodes; SIMULATED culture" in result.output
    assert EvokedMap.load("map.json").n_links == {"direct": 0, "recurrent": 0}
