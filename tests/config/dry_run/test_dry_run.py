"""What would end a program, or be refused for ever, is reported before anything runs."""

from pathlib import Path

import pytest

from crepe.config.dry_run.dry_run import dry_run
from crepe.config.experiment import load_experiment
from crepe.errors import ConfigError, DeviceError
from tests.mcs_files import make_mcs, ramp

ROOT = Path(__file__).parents[3]
SHIPPED = [path for path in (ROOT / "config").rglob("*.toml") if path.name != "file.toml"]


@pytest.mark.parametrize(
    "path", sorted(SHIPPED), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_every_experiment_that_ships_stands_its_rehearsal(path):
    dry_run(load_experiment(path))


def test_a_recording_that_is_not_there_is_said():
    with pytest.raises(DeviceError, match=r"recording.h5: does not exist"):
        dry_run(load_experiment(ROOT / "config" / "file.toml"))


def test_a_plate_names_its_wells_and_one_of_them_none(tmp_path):
    path = tmp_path / "plate.h5"
    make_mcs(path, ramp(6), groups=[0, 1] * 3, labels=["12", "12", "21", "21", "33", "33"])
    for query, n_notes in (("", 1), ("?well=G1", 0)):
        changes = {"actors.acquire.device": f"hdf5://{path}{query}"}
        notes = dry_run(load_experiment(ROOT / "config" / "file.toml", changes))
        assert len([note for note in notes if "G0 (3), G1 (3); `well=NAME`" in note]) == n_notes


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("decode.electrodes", ["99"], r"\[actors.decode\]: decode electrodes: no electrode '99'"),
        ("game.electrodes", ["99"], r"\[actors.game\] rock: no electrode '99'"),
        ("game.electrodes", ["15"], "refused: electrode 15: is never stimulated"),
        ("game.phases", [[-100.0, 200], [100.0, 200]], r"\[actors.game\] rock: would be refused"),
        ("game.phases", [[-10.0, 200], [9.0, 200]], "leaves -0.2"),
        ("game.rates_hz", {"rock": 500}, r"500 pulses per s, limit 50"),
        ("filter.low_hz", 4000, "must rise and stay below"),
        ("filter.high_hz", 5000, "must rise and stay below 5000 Hz"),
        ("acquire.sampling_rate_hz", 0.5, r"\[actors.acquire\]: device .*sampling_rate_hz"),
    ],
)
def test_what_does_not_fit_the_instrument_is_named(name, value, text):
    with pytest.raises(ConfigError, match=text):
        dry_run(load_experiment(None, {f"actors.{name}": value}))


def test_trains_of_pong_are_judged_too():
    path = ROOT / "config" / "pong.toml"
    phases = [[-75.0, 200], [75.0, 200]]
    with pytest.raises(ConfigError, match=r"miss: would be refused: .*limit 50 uA"):
        dry_run(load_experiment(path, {"actors.game.miss_phases": phases}))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"actors.stimulate.device": "generator://"}, "known are meame://, none://"),
        ({"actors.stimulate.device": "hdf5://a.h5"}, "known are meame://, none://"),
        ({"actors.acquire.device": "none://"}, "known are generator://, hdf5://, lsl://, meame://"),
        ({"actors.acquire.device": "hdf5://"}, "location: .*at least 1"),
        ({"actors.acquire.device": "meame://"}, "must be meame://HOST:PORT"),
        ({"actors.stimulate.device": "meame://host:abc"}, "must be meame://HOST:PORT"),
        ({"actors.acquire.device": "generator://?speed=inf"}, "speed: .*finite"),
        ({"actors.game.phases": [[float("nan"), 200], [10.0, 200]]}, "phases.0.0: .*finite"),
        ({"redis.keep_s": float("inf")}, "redis.keep_s: .*finite"),
        ({"actors.filter.writes": ["rates"]}, "stream 'rates': the store keeps something else"),
        ({"actors.filter.writes": ["data:readers"]}, "the store keeps something else"),
        ({"chains": {"a b": {"actors": ["filter"]}}}, "'a b' is no program's name"),
        ({"chains": {"a]\n[x": {"actors": ["filter"]}}}, "is no program's name"),
        ({"chains": {"redis": {"actors": ["filter"]}}}, "taken by another program"),
    ],
)
def test_what_cannot_run_does_not_load(changes, text):
    with pytest.raises(ConfigError, match=text):
        load_experiment(None, changes)


def test_an_actor_has_a_name_that_supervisord_takes(tmp_path):
    text = (
        (ROOT / "config" / "record.toml").read_text().replace("[actors.filter]", "[actors.'a:b']")
    )
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(ConfigError, match="'a:b' is no program's name"):
        load_experiment(tmp_path / "mine.toml")
