"""A missing optional package is one sentence, with the command that installs it."""

import sys

import pytest

from crepe.errors import ConfigError
from crepe.hw.device import open_recorder
from crepe.hw.optional_package import import_optional


def test_a_missing_package_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "neo", None)
    with pytest.raises(ConfigError, match="neo://: needs the package neo: pip install 'crepe-mea"):
        open_recorder("neo:///a")


def test_a_package_that_cannot_load_its_library_is_refused_likewise(monkeypatch, tmp_path):
    (tmp_path / "unloadable.py").write_text(
        "raise RuntimeError('LSL binary library file was not found')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="install.*\\(LSL binary library file was not found\\)"):
        import_optional("unloadable", "pylsl", "lsl")
