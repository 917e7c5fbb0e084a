"""The instrument that the how-to prints."""

import sys
from importlib import import_module

import pytest

from tests.document_files import ROOT, printed_files

PAGE = ROOT / "docs" / "how-to" / "bring-your-own-instrument.md"
MODULES = ("acme", "acme_box", "acme_stop", "test_acme")


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """Imports a module of the page, from the working directory."""
    for name, text in printed_files(PAGE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield import_module
    for name in MODULES:
        sys.modules.pop(name, None)
