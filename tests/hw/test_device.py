"""Devices by name: our schemes, other packages' entry points, and import paths."""

import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from crepe.config.experiment import load_experiment
from crepe.errors import ConfigError
from crepe.hw.device import check_url, open_recorder, open_stimulator
from crepe.hw.entry_points import OWN, RECORDERS, STIMULATORS, STOPS
from crepe.hw.instrument import InProcess

ROOT = Path(__file__).parents[2]
GROUPS = (RECORDERS, STIMULATORS, STOPS)
MODULE = """
from pydantic import Field

from crepe.hw.instrument import DeviceSettings, Recorder, Stimulator
from crepe.messages import StreamInfo


class AcmeSettings(DeviceSettings):
    gain: float = Field(1.0, gt=0)


class AcmeRecorder(Recorder):
    Settings = AcmeSettings

    def __init__(self, settings):
        self.settings = settings

    def open(self, position):
        return StreamInfo(labels=("A1", "A2"))

    def read(self, timeout_s):
        return None

    def close(self):
        pass


class AcmeStimulator(Stimulator):
    Settings = AcmeSettings

    def __init__(self, settings, guard):
        self.settings, self.guard = settings, guard

    def open(self):
        pass

    def refusal(self, stimulus):
        return None

    prepare = start = refusal
    stop = close = open
"""
ENTRY_POINTS = """
[crepe.recorders]
acme = acme_mea:AcmeRecorder
generator = acme_mea:AcmeRecorder

[crepe.stimulators]
acme = acme_mea:AcmeStimulator
"""


def install(directory, name="acme", entry_points=ENTRY_POINTS):
    """Write a distribution's metadata as pip leaves it."""
    info = directory / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


@pytest.fixture
def acme(tmp_path, monkeypatch):
    """A package of another lab, on the path but not installed."""
    (tmp_path / "acme_mea.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("acme_mea", None)


def test_our_entry_points_are_those_that_pyproject_registers():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {group: project["entry-points"][group] for group in GROUPS} == OWN


@pytest.mark.parametrize("path", [path for group in GROUPS for path in OWN[group].values()])
def test_each_of_our_entry_points_exists(path):
    module, _, name = path.partition(":")
    assert isinstance(getattr(import_module(module), name), type)


def test_our_schemes_are_there_where_nothing_is_installed(monkeypatch):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [])
    assert open_recorder("generator://?n_channels=3").open(0).n_channels == 3
    assert open_stimulator("none://", InProcess()).refusal is not None


def test_a_device_by_import_path_gets_its_settings_and_the_guard(acme):
    guard = InProcess()
    recorder = open_recorder("acme_mea:AcmeRecorder?gain=2.5")
    assert recorder.settings.gain == 2.5
    assert recorder.expected().labels == ("A1", "A2")
    stimulator = open_stimulator("acme_mea:AcmeStimulator", guard, gain=3)
    assert stimulator.settings.gain == 3
    assert stimulator.guard is guard


def test_a_device_by_the_entry_point_of_another_package_gets_location_and_settings(acme):
    install(acme)
    settings = open_recorder("acme://bench:1/a%20b?gain=2").settings
    assert (settings.location, settings.gain) == ("bench:1/a b", 2.0)
    assert open_stimulator("acme://bench", InProcess()).settings.location == "bench"


def test_another_package_cannot_take_a_scheme_of_ours(acme):
    install(acme)
    assert type(open_recorder("generator://")).__module__ == "crepe.hw.generator"


def test_a_scheme_of_two_packages_is_refused_with_both(acme):
    install(acme)
    install(acme, "other", "[crepe.recorders]\nacme = other_mea:Recorder\n")
    with pytest.raises(ConfigError, match="as acme_mea:AcmeRecorder and other_mea:Recorder; give"):
        open_recorder("acme://")
    assert open_stimulator("acme://", InProcess()) is not None


def test_an_unknown_scheme_is_refused_with_all_that_there_are(acme):
    install(acme)
    with pytest.raises(ConfigError) as refused:
        open_recorder("acne://bench")
    assert str(refused.value) == (
        "device 'acne://bench': scheme 'acne' is not in crepe.recorders; known are acme://, "
        "generator://, hdf5://, lsl://, meame://, neo://, openephys://, rhx://, "
        "or an import path package.module:Class"
    )


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("acme_mea:AcmeRecorde", "acme_mea has no Recorder 'AcmeRecorde'; did you mean 'AcmeRecorder'"),
        ("acme_mea:AcmeStimulator", "acme_mea has no Recorder 'AcmeStimulator'"),
        ("acme_mae:AcmeRecorder", "cannot import 'acme_mae': No module named"),
        ("acme_mea:AcmeRecorder?gain=0", "gain: Input should be greater than 0, found '0'"),
        ("acme_mea:AcmeRecorder?gian=1", "known are location, gain"),
        ("localhost:8888", "scheme 'localhost' is not in crepe.recorders"),
        ("", "scheme '' is not in crepe.recorders"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_refused_with_place_and_what_is_allowed(acme, url, text):
    with pytest.raises(ConfigError) as refused:
        check_url(url, is_source=True)
    assert str(refused.value).startswith(f"device {url!r}")
    assert text in str(refused.value)


def test_an_experiment_file_names_both_halves_by_import_path(acme):
    experiment = load_experiment(
        ROOT / "config" / "rps.toml",
        {
            "actors.acquire.device": "acme_mea:AcmeRecorder?gain=2",
            "actors.stimulate.device": "acme_mea:AcmeStimulator",
        },
    )
    assert experiment.actors["acquire"].settings["device"] == "acme_mea:AcmeRecorder?gain=2"


@pytest.mark.parametrize("device", ["neo:///a", "openephys://bench:5556", "lsl://eeg"])
def test_a_stimulator_cannot_be_an_instrument_that_only_records(device):
    with pytest.raises(ConfigError, match="only records, nothing can be stimulated through it"):
        load_experiment(ROOT / "config" / "rps.toml", {"actors.stimulate.device": device})
