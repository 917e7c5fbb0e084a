"""The changes of the command line: simulated time for a game that a busy machine cannot play."""

import pytest

from crepe.config.experiment import load_experiment
from crepe.config.overrides import prepare
from crepe.environment.paths import project_directory
from crepe.errors import ConfigError

CONFIG = project_directory() / "config"


@pytest.fixture(autouse=True)
def _var(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))


def test_in_lockstep_the_game_plays_by_its_script_and_no_program_follows_the_clock():
    ready = prepare(None, rounds=3, in_lockstep=True)
    assert ready.lockstep_s == ready.actors["game"].make().delay_s
    assert ready.chains == {"instrument": ("acquire", "stimulate")}
    assert ready.actors["game"].settings["player"] == "script"
    assert ready.actors["game"].settings["n_trials"] == 3
    assert {"culture", "sensor", "simulated_sensor"} & {p.name for p in ready.programs} == set()
    assert load_experiment(ready.path).lockstep_s == ready.lockstep_s


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("record.toml", {}, "no game"),
        ("meame-lab.toml", {}, "a living culture keeps its own pace"),
        ("rps.toml", {"player": "person"}, "--person"),
    ],
)
def test_a_lockstep_that_is_not_possible_is_refused(name, options, text):
    with pytest.raises(ConfigError, match=text):
        prepare(CONFIG / name, in_lockstep=True, **options)
