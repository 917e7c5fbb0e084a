"""`crepe sweep`: lines of runs, tables, report and JSON; interrupted and repeated."""

import json
import re
import subprocess

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.environment.paths import project_directory
from crepe.errors import ConfigError, ExitCode

PROGRAM = """
import json, sys
arguments = sys.argv[1:]
seed = int(arguments[arguments.index("--seed") + 1])
settings = dict(word.split("=", 1) for word in arguments[arguments.index("--json") + 1:][1::2])
threshold = float(settings.get("actors.detect.threshold_sd", 5))
if threshold == BAD:
    sys.exit("crepe: it does not fit")
score = 0.9 - 0.1 * abs(threshold - 4.5) + 0.001 * seed
accuracies = {"stimulation": score, "silenced": 0.3, "open_loop": score - 0.2}
conditions = {name: {"accuracy": accuracy} for name, accuracy in accuracies.items()}
print(json.dumps({"is_simulated": True, "conditions": conditions}))
"""

SWEEP = """
experiment = "{experiment}"
command = "python {program}"
{middle}
[cultures]
seeds = [1, 2, 3]
{held_out}
[objective]
value = "conditions.*.accuracy"
condition = "stimulation"
{goal}
"""
RANGES = '[ranges]\n"actors.detect.threshold_sd" = [4.0, 4.5, 5.0]\n'


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a sweep of a program that only counts; without a goal nothing is chosen."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))

    def write(middle=RANGES, goal='goal = "maximize"', bad="None"):
        program = tmp_path / "program.py"
        program.write_text(PROGRAM.replace("BAD", bad))
        path = tmp_path / "threshold.toml"
        path.write_text(
            SWEEP.format(
                experiment=project_directory() / "config" / "rps-controls.toml",
                program=program,
                middle=middle,
                held_out="held_out = [11, 12]" if goal else "",
                goal=goal,
            )
        )
        return str(path)

    return write


def test_a_sweep_prints_the_line_of_each_run_and_its_winner_and_writes_a_report(write, tmp_path):
    done = CliRunner().invoke(app, ["sweep", write(), "--workers", "2"])
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if "--seed" in line]
    assert len(lines) == 9 + 2
    assert "winner: point 2, actors.detect.threshold_sd = 4.5" in done.stdout
    assert re.search(r"^ *held-out +2 +0\.91", done.stdout, re.MULTILINE)
    line = next(line for line in lines if "held-out" in line)
    words = line.partition(": ")[2].replace("python", "exec python3", 1)
    repeated = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=True)
    accuracy = json.loads(repeated.stdout)["conditions"]["stimulation"]["accuracy"]
    assert f"score {accuracy:.3f}" in line
    directory = tmp_path / "var" / "sweeps" / "threshold"
    page = (directory / "report.html").read_text()
    for text in (
        "SIMULATED",
        "The winner",
        "In sample",
        "conditions.stimulation.accuracy",
        words[-9:],
    ):
        assert text in page
    assert (directory / "sweep-1.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((directory / "report.json").read_text())["winner"]["number"] == 2


def test_json_is_one_object_with_in_sample_and_held_out(write):
    done = CliRunner().invoke(app, ["sweep", write(), "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert [point["axes"] for point in result["points"]] == [
        {"actors.detect.threshold_sd": value} for value in (4.0, 4.5, 5.0)
    ]
    winner = result["winner"]
    assert winner["in_sample"]["mean"] == pytest.approx(0.902)
    assert winner["held_out"]["mean"] == pytest.approx(0.9115)
    assert result["points"][0]["winner_minus_it"]["mean"] == pytest.approx(0.05)
    values = result["points"][0]["values"]["conditions.*.accuracy"]
    assert values["silenced"]["estimate"]["mean"] == pytest.approx(0.3)
    assert values["silenced"]["first_minus_it"]["n"] == 3
    # Its rallies end where those that it replays did: that is no difference to test.
    assert values["open_loop"]["estimate"]["n"] == 3
    assert values["open_loop"]["first_minus_it"] is None


def test_a_sweep_without_ranges_compares_conditions_over_cultures(write):
    path = write(middle="", goal="")
    done = CliRunner().invoke(app, ["sweep", path])
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if line.strip().startswith("silenced"))
    assert "0.300" in row
    again = CliRunner().invoke(app, ["sweep", path])
    assert sum(line.startswith("kept, score") for line in again.stdout.splitlines()) == 3


def test_cases_are_drawn_by_name(write, tmp_path):
    cases = '[cases.low]\n"actors.detect.threshold_sd" = 4.0\n[cases.high]\n"actors.detect.threshold_sd" = 5.0'
    done = CliRunner().invoke(app, ["sweep", write(middle=cases, goal="")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "var" / "sweeps" / "threshold" / "report.html").read_text()
    assert "Point 1: case = &quot;low&quot;" in page or 'Point 1: case = "low"' in page


def test_a_run_that_failed_is_named_and_the_others_are_kept(write):
    done = CliRunner().invoke(app, ["sweep", write(bad="4.5")])
    assert done.exit_code == ExitCode.FAILED
    assert "3 runs failed, such as score -: python" in done.stdout
    assert "exit status 1: crepe: it does not fit" in done.stdout
    assert "winner: point 1" in done.stdout


def test_a_sweep_file_with_a_mistake_runs_nothing(write, tmp_path):
    done = CliRunner().invoke(app, ["sweep", write(goal='goal = "more"')])
    assert isinstance(done.exception, ConfigError)
    assert not (tmp_path / "var").exists()
