"""Commands in messages can be pasted: they begin with the name by which the program was called."""

import pytest

from crepe.environment import called_as

TEXT = "not armed; `crepe arm`, see `crepe --help`; crepe itself, `crepe`, `crepe:data`"


@pytest.fixture
def called(tmp_path, monkeypatch):
    """Sets how the program was called, and whether a shell finds it."""
    directory = tmp_path / ".venv" / "bin"
    directory.mkdir(parents=True)
    (directory / "crepe").write_text("#!/bin/sh\n")
    (directory / "crepe").chmod(0o755)
    monkeypatch.chdir(tmp_path)

    def call(name, path=""):
        monkeypatch.setattr("sys.argv", [str(name)])
        monkeypatch.setenv("PATH", str(path))
        called_as._program.cache_clear()
        return called_as.as_called(TEXT)

    yield call
    called_as._program.cache_clear()


def test_in_a_clone_the_path_is_named_as_typed(called, tmp_path):
    expected = TEXT.replace("`crepe arm", "`.venv/bin/crepe arm").replace(
        "`crepe --help", "`.venv/bin/crepe --help"
    )
    assert called(".venv/bin/crepe") == expected
    assert called(tmp_path / ".venv" / "bin" / "crepe") == expected


def test_where_a_shell_finds_it_the_name_is_enough(called, tmp_path):
    assert called(".venv/bin/crepe", tmp_path / ".venv" / "bin") == TEXT


def test_another_program_names_no_path(called):
    assert called("/usr/bin/pytest") == TEXT
    assert called("crepe/__main__.py") == TEXT


def test_from_elsewhere_the_whole_path_is_named(called, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    path = tmp_path / ".venv" / "bin" / "crepe"
    assert f"`{path} arm`" in called(path)
