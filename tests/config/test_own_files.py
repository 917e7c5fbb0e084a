"""The experiments that come with CREPE are found from a wheel, and copied for their user."""

from pathlib import Path

import pytest

from crepe.config.experiment_file import read_experiment_file
from crepe.config.own_files import default_file, own_file, write_copy
from crepe.environment import paths
from crepe.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with CREPE as a wheel installs it: files in crepe/experiments."""
    package = tmp_path / "site" / "crepe"
    (package / "environment").mkdir(parents=True)
    (package / "experiments").symlink_to(ROOT / "config")
    monkeypatch.setattr(paths, "__file__", str(package / "environment" / "paths.py"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.delenv("CREPE_VAR", raising=False)
    return package


def test_a_clone_has_its_files_in_config() -> None:
    assert default_file() == own_file("rps") == ROOT / "config" / "rps.toml"


def test_a_wheel_has_its_files_in_the_package(wheel: Path) -> None:
    assert default_file() == wheel / "experiments" / "rps.toml"
    assert read_experiment_file().path == wheel / "experiments" / "rps.toml"
    assert paths.var_directory() == Path.cwd() / "var"


def test_a_file_in_the_working_directory_comes_before_that_of_the_wheel(wheel: Path) -> None:
    Path("config").mkdir()
    local = write_copy(Path("config/rps"), "record")
    assert default_file() == Path.cwd() / local
    assert default_file("file") == own_file("file")


def test_a_copy_has_the_text_and_a_suffix(wheel: Path) -> None:
    path = write_copy(Path("mine"), "pong")
    assert path == Path("mine.toml")
    assert path.read_bytes() == (ROOT / "config" / "pong.toml").read_bytes()
    assert write_copy(Path("a.b"), "rps") == Path("a.b.toml")


def test_an_experiment_of_a_paper_is_named_by_its_folder_too(wheel: Path) -> None:
    path = write_copy(Path("mine"), "papers/pong")
    assert path.read_bytes() == (ROOT / "config" / "papers" / "pong.toml").read_bytes()


def test_nothing_is_overwritten(wheel: Path) -> None:
    path = write_copy(Path("mine.toml"), "pong")
    with pytest.raises(ConfigError, match=r"mine\.toml: exists, and is not overwritten"):
        write_copy(path, "rps")
    assert path.read_bytes() == own_file("pong").read_bytes()


def test_an_unknown_name_is_answered_with_those_there_are(wheel: Path) -> None:
    with pytest.raises(ConfigError, match=r"'pog': no experiment .*did you mean 'pong'"):
        write_copy(Path("mine"), "pog")
    with pytest.raises(
        ConfigError, match=r"known are cartpole, cl, file, map, meame-lab, online-analysis, .*rps"
    ):
        own_file("xyz")
    assert not list(Path.cwd().iterdir())
