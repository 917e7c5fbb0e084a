"""An experiment file is proved before anything runs, and errors say where and what is allowed."""

import json
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from crepe.actors.record import Record
from crepe.config.experiment import Program, load_experiment, save_experiment
from crepe.config.experiment_file import read_experiment_file
from crepe.config.own_files import default_file
from crepe.config.program_part import load_program
from crepe.errors import ConfigError
from crepe.messages import Delivered, GameState, Stimulus, find_message_type

ROOT = Path(__file__).parents[2]

TOY = """
title = "toy"
seed = 3
[actors.acquire]
run = "crepe.actors.acquire:Acquire"
device = "generator://?n_channels=4"
writes = ["data"]
[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]
[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]
threshold_sd = 5.0
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="toy.toml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


SHIPPED = sorted((ROOT / "config").rglob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_experiment_that_ships_fits(path):
    assert load_experiment(path).actors


def test_the_default_experiment_has_the_programs_of_the_flow_in_order():
    names = [program.name for program in load_experiment().programs]
    assert names[:2] == ["redis", "culture"]
    assert names[-4:] == ["acquire", "watchdog", "stimulate", "game"]
    with_actors = {"pipeline", "record"}
    assert set(names[2:-4]) == {*with_actors, "sensor", "dashboard"}


def test_nothing_in_the_recording_experiment_can_stimulate():
    loaded = load_experiment(ROOT / "config" / "record.toml")
    kinds = {kind for actor in loaded.actors.values() for kind in actor.writes}
    assert not kinds & {Stimulus, Delivered, GameState}
    assert "stimulate" not in {program.name for program in loaded.programs}
    assert not any(hasattr(actor.make(), "limits") for actor in loaded.actors.values())


def test_actors_are_ordered_by_the_flow_whatever_the_file_says(write):
    head, *tables = TOY.split("[actors.")
    shuffled = head + "".join(f"[actors.{table}" for table in reversed(tables))
    assert list(load_experiment(write(shuffled)).actors) == ["acquire", "filter", "detect"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("threshold_sd = 5.0", "threshold_sd = -1", r"\[actors.detect\] threshold_sd: .*greater.*-1"),
        ("threshold_sd = 5.0", "treshold_sd = 5", r"treshold_sd: not known; did you mean 'threshold_sd'"),
        ('reads = ["data:filtered"]', 'reads = ["data:filterd"]', r"'data:filterd' has no writer; did you mean 'data:filtered'"),
        ('reads = ["data:filtered"]', 'reads = ["input"]', r"carries Command, Detect reads Segment"),
        ('writes = ["data:spikes"]', 'writes = ["data"]', r"'data' is written by \[actors.acquire\] already"),
        ('writes = ["data:spikes"]', 'writes = ["a", "b"]', r"2 streams, Detect writes Spikes"),
        ('writes = ["data:spikes"]', 'writes = ["Data Spikes"]', r"stream 'Data Spikes': allowed"),
        (":Detect", ":Detekt", r"no actor 'Detekt'; did you mean 'Detect'"),
        ("crepe.actors.detect:", "crepe.actors.detekt:", r"cannot import 'crepe.actors.detekt'"),
        ("crepe.actors.detect:Detect", "Detect", r"must be an import path"),
        ('reads = ["data"]', 'reads = ["data:spikes"]', r"carries Spikes, BandPass reads Segment"),
        ('reads = ["data"]', "", r"\[actors.filter\] reads: missing; BandPass reads Segment"),
        ("generator://", "generatr://", r"device 'generatr:.*known are"),
        ("seed = 3", "seed = -3", r"seed: .*-3"),
        ("seed = 3", "sede = 3", r"sede: not known; did you mean 'seed'"),
        ("seed = 3", "seed = ", r"toy.toml: .*line 3"),
        ("[actors.detect]", "[actors.redis]", r"\[actors.redis\]: the name is taken"),
        ("seed = 3", "[redis]\nmaxmemory_mb = 1\n", r"redis.maxmemory_mb: .*64.*found 1"),
        ("seed = 3", "[redis]\nappendonly = true\n", r"redis.appendonly: not known; did you mean 'append_only'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_what_is_allowed(write, old, new, expected):
    assert old in TOY
    with pytest.raises(ConfigError, match=expected) as caught:
        load_experiment(write(TOY.replace(old, new, 1)))
    assert "toy.toml" in str(caught.value)


def test_a_second_way_to_the_instrument_is_refused():
    path = default_file()
    again = {
        "run": "crepe.actors.stimulate:Stimulate",
        "reads": ["data", "result:stimuli"],
        "writes": ["result:again"],
        "device": "meame://simulator",
    }
    with pytest.raises(ConfigError, match=r"\[actors.again\] run: .*\[actors.stimulate\] stimul"):
        load_experiment(path, {"actors.again": again})


def test_actors_that_read_each_other_in_a_circle_are_refused(write):
    circle = TOY.replace('reads = ["data"]', 'reads = ["data:again"]') + (
        '[actors.again]\nrun = "crepe.actors.filter:BandPass"\n'
        'reads = ["data:filtered"]\nwrites = ["data:again"]\n'
    )
    with pytest.raises(ConfigError, match="in a circle: .*filter"):
        load_experiment(write(circle))


def test_a_chain_is_one_program_with_several_actors(write):
    path = write(TOY + '[chains.front]\nactors = ["filter", "detect"]\n')
    loaded = load_experiment(path)
    assert Program("front", 50) in loaded.programs
    assert "filter" not in {program.name for program in loaded.programs}
    assert [spec.name for spec in load_program(path, "front").actors] == ["filter", "detect"]
    with pytest.raises(ConfigError, match="no program 'fornt'; did you mean 'front'"):
        load_program(path, "fornt")
    with pytest.raises(ConfigError, match=r"\[chains.front\]: no actor 'detekt'"):
        load_experiment(write(TOY + '[chains.front]\nactors = ["detekt"]\n'))


def test_a_program_imports_its_own_actors_only(write):
    path = write(TOY.replace("crepe.actors.detect:Detect", "not.installed:Detect"))
    assert [spec.name for spec in load_program(path, "filter").actors] == ["filter"]
    assert load_program(path, "redis").actors == ()
    with pytest.raises(ConfigError, match="cannot import 'not.installed'"):
        load_program(path, "detect")


MARKS = """
from dataclasses import dataclass

from crepe.actors.actor import Actor
from crepe.messages import Message, Spikes


@dataclass(frozen=True, slots=True)
class Mark(Message):
    height: float = 0.0


class Marks(Actor[Spikes, Mark]):
    pass
"""


def test_a_reader_imports_the_message_types_that_a_module_outside_defines(
    write, tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "marks_of_a_lab.py").write_text(MARKS, encoding="utf-8")
    marks = (
        '[actors.marks]\nrun = "marks_of_a_lab:Marks"\nreads = ["data:spikes"]\n'
        'writes = "data:marks"\n'
    )
    record = '[actors.record]\nrun = "crepe.actors.record:Record"\nreads = ["data:marks"]\n'
    path = write(TOY + marks + record)
    load_program(path, "detect")
    assert find_message_type("marks_of_a_lab:Mark") is None
    assert [spec.name for spec in load_program(path, "record").actors] == ["record"]
    assert find_message_type("marks_of_a_lab:Mark") is not None
    sys.modules.pop("marks_of_a_lab")


def test_an_experiment_is_frozen_and_saving_gives_another(write, tmp_path):
    experiment = load_experiment(write(TOY), {"seed": 9})
    saved = save_experiment(experiment, tmp_path / "saved.json")
    assert (saved.path, saved.seed) == (tmp_path / "saved.json", 9)
    assert experiment.path != saved.path
    with pytest.raises(FrozenInstanceError):
        experiment.path = saved.path


def test_changes_replace_values_and_survive_saving(write, tmp_path):
    loaded = load_experiment(write(TOY), {"seed": 9, "actors.detect.threshold_sd": 4.0})
    saved = load_experiment(save_experiment(loaded, tmp_path / "saved.json").path)
    for experiment in (loaded, saved):
        assert experiment.seed == 9
        assert experiment.actors["detect"].settings["threshold_sd"] == 4.0
    assert json.loads(saved.text)["title"] == "toy"
    with pytest.raises(ConfigError, match=r"there is no table \[actors.game\]"):
        load_experiment(write(TOY), {"actors.game.n_trials": 9})


def test_a_change_may_begin_a_table_of_defaults_but_none_that_changes_the_experiment(write):
    simulated = write(TOY + '[culture]\nid = "x"\n[culture.simulated]\nseed = 3\n')
    changes = {"culture.simulated.cells.excitation": 1.0, "redis.maxmemory_mb": 512}
    file = read_experiment_file(simulated, changes)
    assert file.culture.simulated.cells.excitation == 1.0
    assert file.culture.simulated.seed == 3
    assert file.redis.maxmemory_mb == 512
    for name in ("culture.simulated.seed", "dashboard.port", "chains.x.actors", "culture.x.y"):
        with pytest.raises(ConfigError, match=r"cannot set .* there is no table \["):
            read_experiment_file(write(TOY), {name: 1})
    nested = read_experiment_file(write(TOY), {"actors.detect.window.bin_s": 0.1})
    assert nested.actor_tables["detect"]["window"] == {"bin_s": 0.1}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sensor": None}, r"\[actors.game\] player: 'sensor', but there is no \[sensor\] table"),
        ({"sensor": None, "actors.game.player": "script"}, r"\[simulated_sensor\] has no \[sensor\]"),
        ({"actors.game.reads": ["result"]}, r"player: 'sensor', but it does not read 'input'"),
        ({"sensor.reads": "result"}, r"\[sensor\] reads: 'result' is no game's stream; did you mean 'result:game'"),
        ({"sensor.prot": 5000}, r"sensor.prot: not known; did you mean 'port'"),
        ({"sensor.infrared.rows": [4, 4]}, r"sensor.infrared: .*rows 4 to 4, must be within 0 to 8"),
    ],
)  # fmt: skip
def test_a_sensor_that_nobody_could_hear_or_answer_is_refused(changes, expected):
    with pytest.raises(ConfigError, match=expected):
        load_experiment(None, changes)


def test_a_file_that_still_says_hand_is_told_the_new_name():
    with pytest.raises(ConfigError, match=r"\[hand\] has been renamed; write \[simulated_sensor\]"):
        load_experiment(None, {"hand": {"frames_per_s": 10}})


def test_a_person_plays_without_the_simulated_sensor():
    loaded = load_experiment(None, {"actors.game.player": "person", "simulated_sensor": None})
    assert loaded.simulated_sensor is None
    assert "sensor" in {program.name for program in loaded.programs}
    assert "sensor" in {program.name for program in loaded.programs}


def test_a_missing_or_unreadable_file_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text("[actors]")
    with pytest.raises(ConfigError, match=r"no such experiment file; did you mean 'mine.toml'"):
        load_experiment(tmp_path / "mien.toml")
    with pytest.raises(ConfigError, match="nothing to run"):
        load_experiment(tmp_path / "mine.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8"):
        load_experiment(tmp_path / "bytes.toml")


def test_a_simulated_culture_has_no_species():
    loaded = load_experiment(
        None, {"culture.species": "Rattus norvegicus", "culture.medium": "BrainPhys"}
    )
    assert loaded.culture.flat() == {"id": "simulated", "medium": "BrainPhys"}


LOCKSTEP = {
    "culture.simulated.lockstep_s": 0.05,
    "chains": {"instrument": {"actors": ["acquire", "stimulate"]}},
    "simulated_sensor": None,
    "actors.game.player": "script",
}


def test_in_lockstep_the_simulated_instrument_has_no_programs_of_its_own():
    names = {program.name for program in load_experiment(None, LOCKSTEP).programs}
    assert "instrument" in names
    assert not names & {"culture", "watchdog", "acquire", "stimulate"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"chains": {}}, "no .chains.NAME. holds acquire and stimulate"),
        ({"culture.simulated.lockstep_s": 0.2}, "more than .actors.game. delay_s: 0.05 s"),
        (
            {"actors.acquire.segment_samples": 167},
            "lockstep_s: 0.05 s, less than 3 segments of .actors.acquire. segment_samples: 167 at 10000 Hz",
        ),
        ({"actors.game.delay_s": 0.3}, "refuses stimuli that are older than 200 ms"),
        (
            {"chains": {"instrument": {"actors": ["stimulate", "acquire"]}}},
            "must be in the order of the flow: acquire, stimulate",
        ),
        (
            {
                "actors.stimulate": None,
                "actors.record.reads": ["data"],
                "chains": {"instrument": {"actors": ["acquire"]}},
            },
            "nothing stimulates",
        ),
    ],
)
def test_lockstep_that_cannot_be_kept_is_refused(change, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_experiment(None, {**LOCKSTEP, **change})


FED_BACK = {
    "actors.decode": {
        "run": "crepe.actors.linear_readout:LinearReadout",
        "reads": ["data:spikes"],
        "writes": ["result"],
        "feedback": {"result:game": 1.0},
        "forgetting": 0.99,
    }
}


def test_what_is_fed_back_makes_no_circle():
    loaded = load_experiment(None, FED_BACK)
    assert loaded.actors["decode"].feedback == {"result:game": 1.0}
    assert list(loaded.actors).index("decode") < list(loaded.actors).index("game")


@pytest.mark.parametrize(
    ("feedback", "complaint"),
    [
        ({"result:game": 0.1}, "0.1, must be 0.5 to 2 s"),
        ({"result:gamee": 1.0}, "feedback: 'result:gamee' has no writer; did you mean"),
        ({"result:stimuli": 1.0}, "carries Stimulus, LinearReadout reads Spikes and GameState"),
        (["result:game"], "must be a table of streams and seconds"),
    ],
)
def test_feedback_that_cannot_be_is_refused(feedback, complaint):
    with pytest.raises(ConfigError, match=complaint):
        load_experiment(None, {**FED_BACK, "actors.decode.feedback": feedback})


TRUTH = {"actors.acquire.writes": ["data", "data:truth"], "actors.acquire.publish_truth": True}


def test_the_recorder_alone_may_read_the_truth():
    reads = load_experiment(None).reads["record"]
    allowed = load_experiment(None, {**TRUTH, "actors.record.reads": [*reads, "data:truth"]})
    assert "data:truth" in allowed.reads["record"]
    with pytest.raises(ConfigError, match="only Record may read it"):
        load_experiment(None, {**TRUTH, "actors.decode.reads": ["data:truth"]})


def test_truth_has_a_name_of_its_own():
    with pytest.raises(ConfigError, match="is for the true spikes"):
        load_experiment(None, {**TRUTH, "actors.acquire.writes": ["data", "data:known"]})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_actor_of_an_experiment_reads_the_truth(path):
    """Not as shipped, and not if somebody had the truth published and wired it to one."""
    loaded = load_experiment(path)
    for name, reads in loaded.reads.items():
        if "data:spikes" not in reads or issubclass(loaded.actors[name].kind, Record):
            continue
        instead = ["data:truth" if stream == "data:spikes" else stream for stream in reads]
        with pytest.raises(ConfigError, match="only Record may read it"):
            load_experiment(path, {**TRUTH, f"actors.{name}.reads": instead})


def test_what_is_wrong_with_a_table_as_a_whole_is_said_without_all_of_it():
    with pytest.raises(ConfigError) as error:
        load_experiment(None, {"actors.game.electrodes": {"rock": ["48"]}})
    assert str(error.value).endswith("[actors.game] electrodes: none for paper, scissors")


def test_how_long_a_stream_is_kept_can_be_said_by_stream(tmp_path):
    path = tmp_path / "kept.toml"
    kept = '[redis]\nkeep_s = 60\n[redis.keep_of]\n"data:spikes" = 3600\n'
    path.write_text(f'{TOY}{kept}[redis.keep_bytes_of]\n"data" = "64 MB"\n')
    redis = load_experiment(path).redis
    assert (redis.keep_of_s("data"), redis.keep_of_s("data:spikes")) == (60, 3600)
    assert redis.keep_bytes_of == {"data": 64_000_000}
    for table in ("keep_of", "keep_bytes_of"):
        path.write_text(f'{TOY}[redis.{table}]\n"data:spike" = 3600\n')
        with pytest.raises(
            ConfigError, match=rf"{table}\]: no actor writes 'data:spike'; did you mean"
        ):
            load_experiment(path)
    path.write_text(f'{TOY}[redis.keep_bytes_of]\n"data" = "64 apples"\n')
    with pytest.raises(ConfigError, match=r"redis.keep_bytes_of\.data"):
        load_experiment(path)


def test_a_file_saved_by_an_editor_of_windows_is_read(write, tmp_path):
    text = (ROOT / "config" / "record.toml").read_text(encoding="utf-8")
    path = tmp_path / "bom.toml"
    path.write_text(text, encoding="utf-8-sig")
    assert load_experiment(path).text == text
