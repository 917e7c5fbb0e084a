"""The changes of the command line: simulated time for a game that a busy machine cannot play."""

import pytest

from crepe.config.experiment import load_experiment
from crepe.config.overrides import FileChoice, parse_settings, prepare
from crepe.environment.paths import project_directory, var_directory
from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import open_recorder
from tests.mcs_files import make_mcs, ramp

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
    assert {"culture", "sensor"} & {p.name for p in ready.programs} == set()
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


def mcs_file(path, n_channels, tick_us=100):
    make_mcs(path, ramp(n_channels, 300), tick_us=tick_us)
    return path


def test_a_file_is_read_with_what_was_chosen_of_it(tmp_path):
    path = mcs_file(tmp_path / "a #1?.h5", 8)
    ready = prepare(None, file=FileChoice(path, stream="Electrode Raw Data"), geometry="60MEA200")
    settings = ready.actors["acquire"].settings
    assert settings["geometry"] == "60MEA200"
    recorder = open_recorder(settings["device"])
    assert recorder.open(0).n_channels == 8
    recorder.close()
    with pytest.raises(DeviceError, match="no recording 'after drug'"):
        prepare(None, file=FileChoice(path, recording="after drug"))


def test_artefacts_are_blanked_where_half_of_the_channels_jump(tmp_path):
    ready = prepare(None, file=FileChoice(mcs_file(tmp_path / "a.h5", 60)))
    assert ready.actors["blank"].settings["min_channels"] == 30
    assert ready.actors["filter"].reads == ("data:clean",)


@pytest.mark.parametrize(("n_channels", "tick_us"), [(2, 100), (60, 2000)])
def test_where_artefacts_cannot_be_told_nothing_is_blanked(tmp_path, n_channels, tick_us):
    ready = prepare(None, file=FileChoice(mcs_file(tmp_path / "a.h5", n_channels, tick_us)))
    assert "blank" not in ready.actors
    assert ready.actors["filter"].reads == ("data",)


def test_settings_of_the_command_line_are_toml_or_text_and_take_the_place_of_the_files():
    settings = parse_settings(["dashboard.host=0.0.0.0", "dashboard.port=8080", "title='a = b'"])
    assert settings == {"dashboard.host": "0.0.0.0", "dashboard.port": 8080, "title": "a = b"}
    ready = prepare(None, settings=settings)
    assert ready.path == var_directory() / "run" / "experiment.json"
    again = load_experiment(ready.path)
    assert (again.title, again.dashboard.host, again.dashboard.port) == ("a = b", "0.0.0.0", 8080)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dashboard.port", "must be NAME=VALUE"),
        ("=1", "must be NAME=VALUE"),
        ("nowhere.port=1", "no table"),
        ("dashboard.port=none", "dashboard.port: should be a valid integer"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(text, problem):
    with pytest.raises(ConfigError, match=problem):
        prepare(None, settings=parse_settings([text]))
