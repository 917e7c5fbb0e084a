"""What the documents show is done: the notebook runs, and the commands of the pages work."""

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
FIRST_SESSION = (ROOT / "docs" / "tutorials" / "first-session.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


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


def test_the_commands_of_the_first_session_work_one_after_the_other(tmp_path, monkeypatch):
    """All but `make test` and what sets the environment up: that is what runs this test."""
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))
    commands = commands_in_blocks(FIRST_SESSION)
    assert [c[0] for c in commands] == ["play", "check", "up", "status", "top", "say", "gesture", "say", "redis-cli", "down", "sessions", "report"]  # fmt: skip
    for arguments in commands:
        if arguments == ["down"]:
            read_the_streams()
            for inline in ("check --instrument config/rps.toml", "arm", "stop"):
                crepe(*inline.split())
        output = crepe(*arguments)
        if "XRANGE" in arguments:
            assert '"100-0"' in output
        if arguments[0] == "report":
            assert "report: " in output


def commands_in_blocks(text):
    """Return the arguments of each `crepe` that a page shows in its blocks of commands."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.S | re.M)
    commands = "".join(block for language, block in blocks if not language)
    lines = [line.split("#")[0].strip() for line in commands.splitlines()]
    matches = [re.match(r"(?:\w+=\S+ )*(?:\.venv/bin/)?crepe (.+)", line) for line in lines]
    return [shlex.split(match[1]) for match in matches if match]


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
    """The page's lines for a notebook, up to the third segment that comes."""
    (lines,) = re.findall(r"```python\n(from crepe.store.*?)```", FIRST_SESSION, re.S)
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


def commands_in_sentences(text):
    """Return the arguments of each command that a page names between backticks."""
    text = re.sub(r"```.*?```", "", text, flags=re.S).replace("\n", " ")
    return [shlex.split(name) for name in re.findall(r"`(?:\.venv/bin/)?crepe ([^`]+)`", text)]


def test_every_command_that_a_page_names_is_one():
    # That of the command line has been generated from the commands.
    pages = [page.read_text(encoding="utf-8") for page in PAGES if page.name != "cli.md"]
    commands = [c for text in pages for c in commands_in_blocks(text) + commands_in_sentences(text)]
    assert ["up", "--resume"] in commands
    assert ["experiment"] in commands
    for arguments in commands:
        if arguments[-1] in ("-h", "--help", "--install-completion"):
            continue  # these end the process
        command, rest, name = get_command(app), arguments, "crepe"
        while isinstance(command, Group) and rest:  # a bare group has a default, or its help
            context = command.make_context("crepe", list(rest), ignore_unknown_options=True)
            name, command, rest = command.resolve_command(context, rest)
        if rest:  # a bare name lacks arguments
            command.make_context(name, list(rest))  # reads the options, and runs nothing


def test_the_targets_that_the_pages_name_are_there():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    targets = {match[1] for match in re.finditer(r"[`\n]make ([a-z-]+)\b", text)}
    assert targets >= {"play", "help", "bench", "test"}
    dry = subprocess.run(
        ["make", "-n", *sorted(targets)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "crepe play --rounds '10'" in dry.stdout
    lockstep = ["make", "-n", "play", "LOCKSTEP=1"]
    assert "--lockstep" in subprocess.check_output(lockstep, cwd=ROOT, text=True)
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make play [ROUNDS=n]" in helped.stdout


def test_every_file_that_a_page_names_is_there():
    for page in PAGES:
        for name in re.findall(r"`((?:docs|config)/[\w./-]+\.\w+)`", page.read_text("utf-8")):
            assert (ROOT / name).is_file(), f"{page}: {name}"


def test_every_picture_of_the_documents_is_shown_in_one():
    shown: set[Path] = set()
    for page in PAGES:
        links = re.findall(r"\]\(([^)#]+\.png)\)", page.read_text(encoding="utf-8"))
        shown |= {(page.parent / link).resolve() for link in links}
    assert shown == set((ROOT / "docs" / "pictures").resolve().glob("*.png"))


def test_the_readme_is_a_page_of_at_most_120_lines():
    assert len(README.splitlines()) <= 120
