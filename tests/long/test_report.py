"""`crepe report` of an experiment with a calibration and conditions: the report has its numbers."""

import json

import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.environment.paths import project_directory
from crepe.study.runs import in_process
from crepe.study.study import Plan, calibrate, compare

CONFIG = project_directory() / "config"


@pytest.fixture(scope="module")
def var(tmp_path_factory):
    """Where a short experiment was run: its calibration and its conditions."""
    directory = tmp_path_factory.mktemp("var")
    text = (CONFIG / "rps-controls.toml").read_text()
    text = text.replace("n_blocks = 5", "n_blocks = 2").replace("n_trials = 30", "n_trials = 3")
    text = text.replace("rest_s = 3.0", "rest_s = 1.0")
    text = text.replace('"silenced", "shuffled", "random"]', '"shuffled"]')
    path = directory / "small.toml"
    path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREPE_VAR", str(directory))
        plan = Plan(path)
        calibrated = calibrate(plan, in_process, lambda state: None)
        result = compare(plan, calibrated, in_process, lambda state: None)
    return directory, result


@pytest.fixture
def run(var, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(var[0]))
    return lambda *arguments: CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_the_report_of_an_experiment_has_the_experiments_numbers(run, var):
    directory, result = var
    done = run(result.session)
    assert done.exit_code == 0, done.output
    out = directory / "reports" / result.session
    assert done.stdout.strip() == f"report: {out / 'report.html'}"
    numbers = json.loads((out / "report.json").read_text())
    for item in numbers["decoding"]["conditions"]:
        expected = result.conditions[item["condition"]]
        assert (item["n_trials"], item["accuracy"]) == (expected.n_trials, expected.accuracy)
        assert item["ci95"] == list(expected.ci95)
        assert item["p_value"] == expected.p_value
    decode, shuffled = numbers["readouts"]
    assert (decode["actor"], decode["accuracy"]) == ("decode", result.calibrated.accuracy)
    assert shuffled["labels_permuted"] == 50
    assert numbers["stimuli"]["states"] == {"delivered": 12}
    assert numbers["timing"]["latency_ms"] is None
    names = {path.stem for path in out.glob("*.png")}
    assert {"calibration", "score", "course", "evoked", "rate-map", "session", "trials"} <= names
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" in page
    assert "the session ran without a wall clock" in page


def test_a_calibration_shows_the_readout_that_was_trained_on_it(run, var, tmp_path):
    done = run(var[1].calibrated.session, "--out", tmp_path / "there")
    assert done.exit_code == 0, done.output
    numbers = json.loads((tmp_path / "there" / "report.json").read_text())
    assert numbers["decoding"] is None
    assert [item["actor"] for item in numbers["readouts"]] == [""]
    assert (tmp_path / "there" / "calibration.png").is_file()


def test_a_readout_that_is_gone_is_said_to_be(run, var, tmp_path):
    path = var[1].calibrated.path
    aside = path.rename(tmp_path / "aside.h5")
    try:
        done = run(var[1].session, "--out", tmp_path)
    finally:
        aside.rename(path)
    assert done.exit_code == 0, done.output
    assert "no such readout" in (tmp_path / "report.html").read_text(encoding="utf-8")
