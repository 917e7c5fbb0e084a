"""Stops of instruments by programs that do not drive them, found by scheme or import path."""

import sys

import pytest

from crepe.errors import ConfigError
from crepe.hw.meame.remote_stop import MeameStop
from crepe.hw.remote_stop import Address, open_stop

MODULE = """
from crepe.hw.capabilities import StopEvidence
from crepe.hw.remote_stop import RemoteStop, StopReport


class AcmeStop(RemoteStop):
    def attempt(self, call_s, left_s, alone):
        return StopReport(StopEvidence.REPORTED)
"""


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """A package of another lab, with an entry point."""
    (tmp_path / "acme_stop.py").write_text(MODULE)
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[crepe.stops]\nacme = acme_stop:AcmeStop\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("acme_stop", None)


def test_the_stop_of_a_scheme_of_ours_is_in_the_code():
    stop = open_stop(Address("127.0.0.1", 8888, stop="meame"))
    assert isinstance(stop, MeameStop)
    assert stop.name == "meame://127.0.0.1:8888"


@pytest.mark.parametrize("name", ["acme", "acme_stop:AcmeStop"])
def test_another_package_brings_its_stop_by_entry_point_or_import_path(acme, name):
    assert type(open_stop(Address("bench", 7, stop=name))).__name__ == "AcmeStop"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "instrument bench:7: only the program that drives it can stop it"),
        ("acne", "instrument bench:7: scheme 'acne' is not in crepe.stops; known are acme://, meame"),
        ("acme_stop:AcmeStopp", "acme_stop has no RemoteStop 'AcmeStopp'; did you mean 'AcmeStop'?"),
        ("acne_stop:AcmeStop", "cannot import 'acne_stop'"),
    ],
)  # fmt: skip
def test_a_stop_that_does_not_exist_is_refused_with_the_reason(acme, name, text):
    with pytest.raises(ConfigError) as refused:
        open_stop(Address("bench", 7, stop=name))
    assert text in str(refused.value)
