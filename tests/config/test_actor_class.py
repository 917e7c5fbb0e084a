"""The class that `run` names: a beginner's mistake is one sentence with file and line."""

import sys

import pytest

STEP = "    def step(self, spikes):\n        return None\n"


@pytest.mark.parametrize(
    ("source", "line", "text"),
    [
        (f"class D(Actor[Spikes, Decision])\n{STEP}", 5, "SyntaxError: expected ':'"),
        (f"class D(Actor[Spikes]):\n{STEP}", 5, "`Actor[...]` needs what it reads and what it writes"),
        (f"class D(Actor[Spikes, Decision]):\n    n = 3\n{STEP}", 5, "A non-annotated attribute was detected: `n = 3`"),
        (f"class D(Actor[Spikes, Decision]):\n    n: foo = 3\n{STEP}", 6, "NameError: name 'foo' is not defined"),
        ("import nunpy\n", 5, "No module named 'nunpy'"),
        ("D = 1 / 0\n", 5, "ZeroDivisionError: division by zero"),
    ],
)  # fmt: skip
def test_a_module_that_cannot_be_imported_is_named_with_its_line(author, source, line, text):
    author.decoder(source)
    (mistake,) = author.mistakes()
    assert mistake.startswith("[actors.decode] run: ")
    assert f"{author.directory}/mine.py, line {line}: {text}" in mistake
    assert "\n" not in mistake


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (f"class D(Actor):\n{STEP}", "names no message types in `Actor[...]`"),
        (f'class D(Actor["Spikes", "Decision"]):\n{STEP}', "'Spikes' in `Actor[...]`, must be message types"),
        (f"class D(Actor[Spikes, int]):\n{STEP}", "<class 'int'> in `Actor[...]`, must be message types"),
        (f"class D:\n{STEP}", "is no actor; it must derive from crepe.actors.actor.Actor"),
    ],
)  # fmt: skip
def test_a_class_that_is_no_actor_is_named_with_its_line(author, source, text):
    author.decoder(source)
    (mistake,) = author.mistakes()
    assert f"D ({author.directory}/mine.py, line 5)" in mistake
    assert text in mistake


@pytest.mark.parametrize(
    ("run", "text"),
    [
        ("mine.D", "must be an import path 'package.module:Class'; did you mean 'mine:D'?"),
        ("./mine.py:D", "did you mean 'mine:D'?"),
        ("lab/mine.py:D", "did you mean 'lab.mine:D'?"),
        ("mine", "must be an import path 'package.module:Class'"),
        ("mien:D", "No module named 'mien', neither in {} nor as installed; did you mean 'mine'?"),
        ("mine:E", "mine has no actor 'E'; known are D"),
    ],
)
def test_a_wrong_path_is_refused_with_the_right_one(author, run, text):
    author.decoder(f"class D(Actor[Spikes, Decision]):\n{STEP}", run)
    (mistake,) = author.mistakes()
    assert mistake.endswith(text.format(author.directory))


def test_a_module_with_the_name_of_an_installed_one_must_be_renamed(author):
    author.module(f"class D(Actor[Spikes, Decision]):\n{STEP}", "statistics.py")
    author.decoder(run="statistics:D")
    (mistake,) = author.mistakes()
    assert "'statistics' is the installed " in mistake
    assert mistake.endswith(f"rename the one in {author.directory}")


def test_the_directory_of_the_file_comes_after_installed_modules(author):
    author.decoder(f"class D(Actor[Spikes, Decision]):\n{STEP}")
    before = list(sys.path)
    author.mistakes()
    author.mistakes()
    assert sys.path == [*before, str(author.directory)]
