"""`crepe report`: what it writes, and what it says when it cannot."""

import json
import os
import subprocess
import sys

import h5py
import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.config.experiment import load_experiment
from crepe.environment.paths import project_directory
from crepe.runtime.loop import Loop
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


def record(directory, session, n_steps):
    """Record some segments of the simplest experiment."""
    loop = Loop(load_experiment(CONFIG / "record.toml"), directory, session=session)
    for _, _ in zip(range(n_steps), loop.steps(), strict=False):
        pass
    loop.close()


def test_last_is_the_newest_session(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    for session in ("20261124-120000-abcd", "20261125-120000-abcd"):
        record(tmp_path / "recordings", session, 10)
    assert CliRunner().invoke(app, ["report", "last"]).exit_code == 0
    (path,) = (tmp_path / "reports").glob("*/report.json")
    assert json.loads(path.read_text())["about"]["session"] == "20261125-120000-abcd"


def test_a_recording_without_a_game_or_without_a_sample(run, tmp_path):
    for session, n_steps in (("some", 100), ("empty", 0)):
        record(tmp_path, session, n_steps)
        done = run(tmp_path / f"{session}.h5", "--out", tmp_path / session)
        assert done.exit_code == 0, done.output
        text = (tmp_path / session / "report.html").read_text(encoding="utf-8")
        assert "no finished trial" in text
        assert "No stimulus was requested" in text
    assert "no spikes were recorded" in text


def test_parts_that_were_set_aside_are_named(run, tmp_path):
    for n_steps in (300, 100):
        record(tmp_path, "parts", n_steps)
        if n_steps == 300:
            with h5py.File(tmp_path / "parts.h5", "r+") as file:
                del file["CREPE/streams/data/n_messages"]
    done = run(tmp_path / "parts.h5", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    about = json.loads((tmp_path / "out" / "report.json").read_text())["about"]
    assert about["parts"] == ["parts.damaged-1.h5", "parts.h5"]
    assert any("parts.damaged-1.h5, data: " in problem for problem in about["part_problems"])
    assert "parts.damaged-1.h5: set aside: " in (tmp_path / "out" / "report.html").read_text()


def write(path, content):
    path.write_bytes(content)
    return path


def test_what_is_no_recording_is_one_line(run, var, tmp_path):
    whole = (var[0] / "recordings" / f"{var[1].session}.h5").read_bytes()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for path, why in (
        (write(tmp_path / "cut.h5", whole[:100_000]), "truncated"),
        (write(tmp_path / "none.h5", b""), "not an HDF5 file"),
        (tmp_path / "other.h5", "no recording of CREPE"),
        (tmp_path / "absent.h5", "does not exist"),
        (var[1].session + "x", "did you mean"),
    ):
        done = run(path)
        assert done.exit_code == 1
        assert why in str(done.exception)


def test_before_the_first_recording_last_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    done = CliRunner().invoke(app, ["report", "last"])
    assert "no recording yet" in str(done.exception)


def test_a_report_that_nobody_waits_for_is_not_made(var, tmp_path):
    """`--parent` is for those who begin one: this process has another parent."""
    arguments = [var[1].session, "--out", str(tmp_path), "--parent", "0"]
    environment = {**os.environ, "CREPE_VAR": str(var[0])}
    command = [sys.executable, "-m", "crepe", "report", *arguments]
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == 1
    assert not list(tmp_path.iterdir())


def test_a_directory_that_cannot_be_made_is_an_error(run, tmp_path):
    record(tmp_path, "s", 10)
    done = run(tmp_path / "s.h5", "--out", write(tmp_path / "file", b""))
    assert "cannot be written" in str(done.exception)
