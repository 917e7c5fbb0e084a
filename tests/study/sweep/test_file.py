"""A sweep file: its mistakes, with place, found and allowed; its points and their lines."""

import subprocess
import tomllib

import pytest

from crepe.config.overrides import parse_settings
from crepe.errors import ConfigError
from crepe.study.sweep.file import SweepFile, toml

CASES = """
[cases.near]
"actors.game.rest_s" = 0.3
"actors.game.electrodes" = { rock = ["22"], paper = ["72"], scissors = ["47"] }

[cases.far]
"actors.game.rest_s" = 0.5
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[ranges]", "[range]", r"sweep.toml: range: not known; did you mean 'ranges'"),
        ("[4.0, 4.5, 5.0, 5.5, 6.0, 6.5]", "5.0", r"ranges.actors.detect.threshold_sd: .*found 5.0"),
        ("[4.0, 4.5, 5.0, 5.5, 6.0, 6.5]", "[]", "must be a list of values, or a span"),
        ("[4.0, 4.5, 5.0, 5.5, 6.0, 6.5]", "{ low = 4.0 }", "low 4.0, high None: a span needs"),
        ("[4.0, 4.5, 5.0, 5.5, 6.0, 6.5]", "{ low = 4.0, high = 5.0 }", "a span, and a grid needs"),
        (
            "[4.0, 4.5, 5.0, 5.5, 6.0, 6.5]",
            "{ low = 0.0, high = 5.0, log = true }",
            "low 0: must be above 0 on a logarithmic scale",
        ),
        ('"actors.detect.threshold_sd"', "actors.detect.threshold_sd", "needs quotes"),
        ('"actors.detect.threshold_sd"', '"seed"', r"seed: the seeds are those of \[cultures\]"),
        ("[1, 2, 3]", "[1, 2, 101]", "held_out: 101: also in seeds"),
        ("[1, 2, 3]", "[1, 2, 2]", "seeds: 2 stands there twice"),
        ("[1, 2, 3]", "[1]", r"cultures.seeds: 1 cultures, must be two or more"),
        ("held_out = [101, 102, 103, 104]", "", r"cultures.held_out: 0 cultures, must be two"),
        ('goal = "maximize"', "", r"cultures.held_out: needs a goal in \[objective\]"),
        ('goal = "maximize"', 'goal = "more"', r"objective.goal: .*'maximize' or 'minimize'"),
        ('condition = "stimulation"', "", "condition: missing, 'conditions.*.accuracy' has a value"),
        ("conditions.*.accuracy", "accuracy", r"'accuracy' has no \*"),
        ("[cultures]", '[sampler]\nrun = "random"\n[cultures]', "n_points: missing"),
        ("[cultures]", "[sampler]\nn_points = 3\n[cultures]", "n_points: not for a grid"),
        ("[cultures]", '[sampler]\nrun = "tpe"\nn_points = 3\n[cultures]', "run: 'tpe', must be"),
        ("[ranges]", 'command = "crepe experiment --live"\n[ranges]', "must run in its own process"),
        ("rps-controls.toml", "rps-control.toml", r"no such experiment file; did you mean"),
        ("[ranges]", "[ranges", r"sweep.toml: line \d+, column \d+"),
        ("[ranges]", '[settings]\n"actors.detectt.threshold_sd" = 5\n[ranges]', "actors.detectt"),
    ],
)  # fmt: skip
def test_mistakes_are_named(write, old, new, complaint):
    with pytest.raises(ConfigError, match=complaint) as error:
        SweepFile(write((old, new)))
    assert "sweep.toml" in str(error.value)


def test_a_file_that_is_not_there_names_its_neighbour(write):
    path = write()
    with pytest.raises(ConfigError, match=r"swep.toml: cannot be read.*did you mean 'sweep.toml'"):
        SweepFile(path.with_name("swep.toml"))


def test_a_case_changes_several_settings_together(open_file):
    file = open_file(("[cultures]", CASES + "[cultures]"))
    assert file.axes == ("actors.detect.threshold_sd", "case")
    point = file.point(1, {"actors.detect.threshold_sd": 4.5, "case": "near"})
    file.check(point)
    assert point.settings == {
        "actors.detect.threshold_sd": 4.5,
        "actors.game.rest_s": 0.3,
        "actors.game.electrodes": {"rock": ["22"], "paper": ["72"], "scissors": ["47"]},
    }
    assert str(point) == 'actors.detect.threshold_sd = 4.5, case = "near"'


def test_a_case_and_a_range_do_not_set_the_same(open_file):
    both = '[cases.a]\n"actors.detect.threshold_sd" = 4.0\n[cultures]'
    with pytest.raises(ConfigError, match="ranges.actors.detect.threshold_sd: a case sets it, too"):
        open_file(("[cultures]", both))


def test_the_line_of_a_run_sets_what_its_point_has(open_file):
    file = open_file(("[cultures]", CASES + "[cultures]"))
    request = file.request(file.point(1, {"actors.detect.threshold_sd": 4.5, "case": "near"}), 7)
    words = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {request.line}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert words[:6] == ["crepe", "experiment", str(file.experiment_path), "--seed", "7", "--json"]
    assert parse_settings(words[7::2]) == request.point.settings


def test_the_key_of_a_run_changes_with_what_the_run_depends_on(open_file):
    file = open_file()
    point = file.point(1, {"actors.detect.threshold_sd": 4.5})
    key = file.request(point, 7).key
    assert file.request(file.point(9, point.values), 7, is_held_out=True).key == key
    assert file.request(point, 8).key != key
    assert file.request(file.point(1, {"actors.detect.threshold_sd": 4.0}), 7).key != key
    other = open_file(("[ranges]", 'command = "crepe calibrate"\n[ranges]'))
    assert other.request(point, 7).key != key
    assert open_file(("maximize", "minimize")).request(point, 7).key == key


@pytest.mark.parametrize(
    "value",
    [1, 1e-9, 0.1, True, "a 'b' \"c\" \\", "µA", [1, [2.5, "x"]], {"a b": [1], "c": {}}, {}, []],
)  # fmt: skip
def test_a_value_is_written_as_toml_reads_it(value):
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value
