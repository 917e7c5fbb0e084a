"""A check reports every mistake of a file at once, each with its place, and none that follows."""

import json

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.config.experiment import load_experiment, save_experiment
from crepe.config.program_part import load_program
from crepe.errors import ConfigError
from tests.config.conftest import RPS, replaced

WRONG = {
    r"append_only = true": "append_olny = true",
    r"low_hz = 300": 'low_hz = "x"\nhihg_hz = 3',
    r"nearest_rate:NearestRate": "nearest_rate:NearestRat",
    r'reads = \["data", "result:stimuli"\]': 'reads = ["data", "result:stimulus"]',
    r'"48", "38"': '"99", "38"',
    r"\[simulated_sensor\]": "[simulated_sensro]",
}
MISTAKES = [
    "redis.append_olny: not known; did you mean 'append_only'?",
    "simulated_sensro: not known; did you mean 'simulated_sensor'?",
    "[actors.filter] low_hz: should be a valid number",
    "[actors.filter] hihg_hz: not known; did you mean 'high_hz'?",
    "[actors.decode] run: crepe.actors.nearest_rate has no actor 'NearestRat'",
    "[actors.stimulate] reads: 'result:stimulus' has no writer; did you mean 'result:stimuli'?",
    "[actors.game] rock: no electrode '99'",
]


@pytest.fixture
def wrong(author):
    text = RPS
    for pattern, replacement in WRONG.items():
        text = replaced(pattern, replacement, text)
    return author.experiment(text)


def test_all_mistakes_are_reported_and_nothing_that_only_follows_from_them(author, wrong):
    mistakes = author.mistakes()
    assert len(mistakes) == len(MISTAKES)
    for mistake, expected in zip(mistakes, MISTAKES, strict=True):
        assert mistake.startswith(expected)


@pytest.mark.parametrize("command", [("check",), ("up",), ("play", "--rounds", "2")])
def test_commands_report_all_of_them_numbered(command, wrong):
    with pytest.raises(ConfigError) as refused:
        CliRunner().invoke(app, [*command, str(wrong)], catch_exceptions=False)
    lines = str(refused.value).splitlines()
    assert lines[0] == "7 mistakes:"
    assert [line.split(".")[0].strip() for line in lines[1:]] == list("1234567")
    assert all(str(wrong) in line for line in lines[1:])


def test_check_prints_them_as_a_list_for_scripts(wrong):
    done = CliRunner().invoke(app, ["check", "--json", str(wrong)])
    document = json.loads(done.stdout)
    assert done.exit_code == 1
    assert document["fits"] is False
    assert len(document["mistakes"]) == 7


def test_a_single_mistake_is_a_single_line(author):
    author.experiment(replaced("threshold_sd", "thresold_sd"))
    with pytest.raises(ConfigError) as refused:
        load_experiment(author.path)
    assert str(refused.value) == (
        f"{author.path}: [actors.detect] thresold_sd: not known; did you mean 'threshold_sd'?"
    )


def test_a_required_field_under_a_wrong_name_is_one_mistake(author):
    author.experiment(replaced(r"phases = ", "phasse = "))
    (mistake,) = author.mistakes()
    assert "phasse: not known; did you mean 'phases'?" in mistake


def test_a_value_that_fits_no_type_of_a_union_is_one_mistake(author):
    author.experiment(replaced(r'electrodes = \["48".*?\]', "electrodes = 48"))
    (mistake,) = author.mistakes()
    assert "[actors.game] electrodes" in mistake


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = \n", "line 1, column 5: Invalid value"),
        ("a = 1\n[b\n", "line 2, column 3: Expected"),
        ("a = 1\nb = [1,", "line 2, column 8: "),
        ("[a]\n[a]\n", "line 2, column 3: Cannot declare"),
        ('{"a": 1,,}', "line 1, column 9: "),
    ],
)
def test_a_text_that_is_no_toml_is_named_with_line_and_column(author, text, place):
    author.experiment(text)
    (mistake,) = author.mistakes()
    assert mistake.startswith(place)


STILL = "class D(Actor[Spikes, Decision]):\n    def step(self, spikes):\n        return None\n"


def test_programs_import_from_the_directory_of_the_file(author, monkeypatch):
    author.decoder(STILL)
    monkeypatch.chdir("/")
    specs = {spec.name: spec for spec in load_program(author.path, "pipeline").actors}
    assert specs["decode"].kind.__module__ == "mine"


def test_a_saved_copy_imports_from_the_directory_of_its_original(author, tmp_path_factory):
    changed = load_experiment(author.decoder(STILL), {"seed": 7})
    copy = save_experiment(changed, tmp_path_factory.mktemp("run") / "experiment.json")
    assert load_program(copy.path, "pipeline").directory == author.directory
    assert load_experiment(copy.path).digest == copy.digest
    assert load_experiment(copy.path).actors["decode"].kind.__module__ == "mine"
