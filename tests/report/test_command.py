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

CONFIG = project_directory() / "config"
SESSION = "20261123-120000-abcd"


@pytest.fixture(scope="module")
def var(tmp_path_factory):
    """Where a session without a game was recorded."""
    directory = tmp_path_factory.mktemp("var")
    record(directory / "recordings", SESSION, 10)
    return directory


@pytest.fixture
def run(var, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(var))
    return lambda *arguments: CliRunner().invoke(app, ["report", *map(str, arguments)])


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
    whole = (var / "recordings" / f"{SESSION}.h5").read_bytes()
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for path, why in (
        (write(tmp_path / "cut.h5", whole[: len(whole) // 2]), "truncated"),
        (write(tmp_path / "none.h5", b""), "not an HDF5 file"),
        (tmp_path / "other.h5", "no recording of CREPE"),
        (tmp_path / "absent.h5", "does not exist"),
        (SESSION + "x", "did you mean"),
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
    arguments = [SESSION, "--out", str(tmp_path), "--parent", "0"]
    environment = {**os.environ, "CREPE_VAR": str(var)}
    command = [sys.executable, "-m", "crepe", "report", *arguments]
    done = subprocess.run(command, env=environment, check=False)
    assert done.returncode == 1
    assert not list(tmp_path.iterdir())


def test_a_directory_that_cannot_be_made_is_an_error(run, tmp_path):
    record(tmp_path, "s", 10)
    done = run(tmp_path / "s.h5", "--out", write(tmp_path / "file", b""))
    assert "cannot be written" in str(done.exception)
