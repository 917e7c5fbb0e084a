"""Run-time files are private, and sockets find a short path on a file system that takes them."""

import os
import stat
from pathlib import Path

import pytest

from crepe.environment import paths


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path_factory.mktemp("s")
    monkeypatch.setattr("tempfile.tempdir", str(path / "tmp"))
    (path / "tmp").mkdir()
    return path


def test_var_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "elsewhere"))
    assert paths.var_directory() == tmp_path / "elsewhere"
    monkeypatch.delenv("CREPE_VAR")
    assert paths.var_directory() == Path(__file__).parents[2] / "var"


def test_a_directory_that_others_could_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    assert mode(paths.private(tmp_path / "open")) == 0o700


def test_a_short_var_holds_its_own_sockets(short: Path) -> None:
    assert paths.run_directory(short / "var") == short / "var" / "run"
    assert mode(short / "var" / "run") == 0o700
    assert list((short / "var" / "run").iterdir()) == []


def test_a_long_var_has_its_sockets_in_a_private_place_of_its_own(short: Path) -> None:
    runs = [paths.run_directory(short / ("x" * 100) / name) for name in ("a", "b", "a")]
    assert runs[0] == runs[2] != runs[1]
    for run in runs:
        assert short / "tmp" in run.parents
        assert mode(run) == mode(run.parent) == 0o700
        assert len(os.fsencode(run / "redis.sock")) < 100


def test_a_file_system_without_hard_links_is_passed_over(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert short / "tmp" in paths.run_directory(short / "var").parents


def test_json_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert paths.read_json(path) is None
    paths.write_json(path, {"a": 1})
    paths.write_json(path, {"a": 2})
    assert paths.read_json(path) == {"a": 2}
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]
