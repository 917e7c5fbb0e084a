"""An export to NWB without pynwb; with it, see `tests/neighbours`."""

import sys

import pytest

from crepe.bridge.nwb import export_nwb
from crepe.errors import ConfigError
from tests.recorded_session import record


def test_without_pynwb_one_sentence_tells_how_to_install_it(tmp_path, monkeypatch):
    path = record(tmp_path / "s.h5")
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(
        ConfigError, match=r"an export to NWB needs pynwb: .*pip install 'pynwb>=4'"
    ):
        export_nwb(path)
    assert [p.name for p in tmp_path.iterdir()] == ["s.h5"]
