"""What the documents show is done: the tutorial runs, and the README's commands work."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore")  # of the notebook's own machinery
def test_the_tutorial_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = str([cell.get("outputs") for cell in notebook.cells])
    assert "of samples 900 to 1600, 1000 to 1500 are missing" in outputs
    assert "[(1000, 1500)]" in outputs


def test_the_readmes_actor_is_one(tmp_path, monkeypatch):
    (source,) = re.findall(r"```python\n(import numpy.*?)```", README, re.S)
    (table,) = re.findall(r"```toml\n(.*?)```", README, re.S)
    (tmp_path / "mylab").mkdir()
    (tmp_path / "mylab" / "burst_rate.py").write_text(source)
    text = (ROOT / "config" / "record.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text + table)
    done = subprocess.run(
        [sys.executable, "-m", "crepe", "check", str(tmp_path / "mine.toml")],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "data:spikes -> result" in done.stdout


@pytest.mark.timeout(200)
@pytest.mark.xdist_group("real time 2")
def test_the_readmes_commands_work_one_after_the_other(tmp_path):
    """All but `make test` and what sets the environment up: that is what runs this test."""
    environment = {**os.environ, "CREPE_VAR": str(tmp_path / "var")}
    blocks = re.findall(r"```\n(.*?)```", README, re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith(".venv/bin/crepe")]
    assert [c[1] for c in commands] == ["play", "check", "up", "status", "redis-cli", "top", "say", "gesture", "say", "down", "sessions", "play", "experiment"]  # fmt: skip
    for command in commands:
        words = command[1:]
        if "--file" in words or words == ["experiment"]:
            continue  # done in tests/system, with the real recording, and in test_experiment.py
        words = ["play", "--rounds", "1"] if words[:2] == ["play", "--rounds"] else words
        done = subprocess.run(
            [sys.executable, "-m", "crepe", *words],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        if "XRANGE" in words:
            assert '"100-0"' in done.stdout


def test_every_file_the_readme_links_to_is_there():
    for path in re.findall(r"\]\(([^)#]+)\)|`(docs/[\w./-]+|config/[\w./-]+)`", README):
        name = next(filter(None, path))
        assert (ROOT / name).is_file(), name
