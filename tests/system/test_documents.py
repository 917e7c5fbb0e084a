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
from typer.core import TyperGroup as Group
from typer.main import get_command

from crepe.cli.app import app

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


TUTORIAL = ROOT / "docs" / "tutorials" / "analyse-a-recording.ipynb"
MOST_LINES_OF_AN_ANALYST = 15


@pytest.mark.filterwarnings("ignore")  # of the notebook's own machinery
def test_the_tutorial_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # for the recording it makes
    notebook = nbformat.read(TUTORIAL, as_version=4)
    NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = str([cell.get("outputs") for cell in notebook.cells])
    assert outputs.count("'image/png'") == 4
    assert "<Table of 9 rows>" in outputs
    assert "of samples 900 to 1600, 1000 to 1500 are missing" in outputs
    assert "[(1000, 1500)]" in outputs


def test_the_tutorial_answers_its_six_questions_in_few_lines():
    notebook = nbformat.read(TUTORIAL, as_version=4)
    answers = [c.source for c in notebook.cells if "question" in c.metadata.get("tags", ())]
    questions = [c for c in notebook.cells if c.cell_type == "markdown" and "?\n" in c.source]
    assert len(questions) == len(answers) - 1 == 6  # the first opens the recording
    lines = [line for answer in answers for line in answer.splitlines() if line]
    assert len(lines) <= MOST_LINES_OF_AN_ANALYST


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
def test_the_readmes_commands_work_one_after_the_other(tmp_path, monkeypatch):
    """All but `make test` and what sets the environment up: that is what runs this test."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    blocks = re.findall(r"```\n(.*?)```", README, re.S)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith(".venv/bin/crepe")]
    assert [c[1] for c in commands] == ["play", "check", "up", "status", "redis-cli", "top", "say", "gesture", "say", "down", "sessions", "play", "experiment"]  # fmt: skip
    for command in commands:
        arguments = command[1:]
        if "--file" in arguments or arguments == ["experiment"]:
            continue  # done in tests/system, with the real recording, and in test_experiment.py
        arguments = (
            ["play", "--rounds", "3"] if arguments[:2] == ["play", "--rounds"] else arguments
        )
        if arguments == ["down"]:
            read_the_streams()
            for inline in ("check --instrument config/rps.toml", "arm", "stop"):
                crepe(*inline.split())
        output = crepe(*arguments)
        if "XRANGE" in arguments:
            assert '"100-0"' in output
    assert "report: " in crepe("report", "last")


def crepe(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "crepe", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    is_late = (
        arguments[0] == "play" and " refused: " in done.stdout
    )  # a busy machine may refuse all
    assert done.returncode == 0 or is_late, (arguments, done.stdout, done.stderr)
    return done.stdout


def read_the_streams():
    """The README's lines for a notebook, up to the third segment that comes."""
    (lines,) = re.findall(r"```python\n(from crepe.store.*?)```", README, re.S)
    shown = []

    def show(*values):
        shown.append(values)
        if len(shown) == 3:
            raise StopIteration

    names = {"print": show}
    with pytest.raises(StopIteration):
        exec(lines, names)
    assert shown == [
        (start, start + 100, (60, 100)) for start in range(shown[0][0], shown[0][0] + 300, 100)
    ]
    names["store"].close()


def test_every_command_that_the_readme_names_is_one():
    text = re.sub(r"```.*?```", "", README, flags=re.S).replace("\n", " ")
    commands = [match[1].split() for match in re.finditer(r"`(crepe [^`]+)`", text)]
    assert ["crepe", "up", "--resume"] in commands
    for arguments in commands:
        command, rest = get_command(app), arguments[1:]
        while isinstance(command, Group):
            context = command.make_context("crepe", list(rest), ignore_unknown_options=True)
            name, command, rest = command.resolve_command(context, rest)
        command.make_context(name, list(rest))  # reads the options, and runs nothing


def test_the_targets_that_the_readme_names_are_there():
    targets = {match[1] for match in re.finditer(r"\bmake ((?:play|help|bench|test)\b)", README)}
    assert targets == {"play", "help", "bench", "test"}
    dry = subprocess.run(
        ["make", "-n", *sorted(targets)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "crepe play --rounds '10'" in dry.stdout
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make play [ROUNDS=n]" in helped.stdout


def test_every_file_the_readme_links_to_is_there():
    for path in re.findall(r"\]\(([^)#]+)\)|`(docs/[\w./-]+|config/[\w./-]+)`", README):
        name = next(filter(None, path))
        assert (ROOT / name).is_file(), name


def test_every_picture_of_the_documents_is_shown_in_one():
    shown: set[Path] = set()
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        links = re.findall(r"\]\(([^)#]+\.png)\)", page.read_text(encoding="utf-8"))
        shown |= {(page.parent / link).resolve() for link in links}
    assert shown == set((ROOT / "docs").resolve().glob("*.png"))
