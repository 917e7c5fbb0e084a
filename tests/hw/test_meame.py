"""The recorder against a MEAME that does what the real one may do."""

import logging

import pytest

from crepe import places
from crepe.errors import DeviceError
from crepe.hw import meame
from crepe.hw.instrument import open_recorder
from crepe.hw.meame_http import find_server
from crepe.simulator.quirks import Quirk
from crepe.simulator.server import running_simulator
from crepe.simulator.settings import SimulatorSettings


@pytest.fixture
def simulate(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))

    def simulate(*quirks):
        ports = {"http_port": 0, "data_port": 0, "sawtooth_port": 0}
        settings = SimulatorSettings(quirks=frozenset(quirks), **ports)
        return running_simulator(settings, places.run_directory())

    return simulate


def opened(**settings):
    find_server("simulator", 0, 20.0)
    recorder = open_recorder("meame://simulator", **settings)
    recorder.open(0)
    return recorder


def read_until_it_fails(recorder, n):
    for _ in range(n):
        recorder.read(1.0)


def test_a_server_that_was_configured_otherwise_is_refused(simulate):
    with simulate():
        opened(segment_samples=100).close()
        with pytest.raises(DeviceError, match="in segments of 100 samples, asked for 10000 Hz and"):
            opened(segment_samples=50)


def test_another_rate_than_was_asked_for_is_said(simulate, monkeypatch, caplog):
    monkeypatch.setattr(meame, "_MEASURE_S", 0.5)
    with simulate() as simulator:
        opened(sampling_rate_hz=20_000).close()
        (places.run_directory() / "simulator.json").unlink()  # a stranger does not tell its rate
        url = f"meame://127.0.0.1:{simulator.http_port}?data_port={simulator.data_port}"
        recorder = open_recorder(url)
        recorder.open(0)
        with caplog.at_level(logging.WARNING):
            read_until_it_fails(recorder, 200)
        recorder.close()
    assert "samples/s, asked for 10000" in caplog.text


def test_a_socket_that_falls_silent_is_given_up(simulate, monkeypatch):
    monkeypatch.setattr(meame, "_STALL_S", 0.3)
    with simulate(Quirk.STALL):
        recorder = opened()
        with pytest.raises(DeviceError, match=r"silent for 0\.3 s"):
            read_until_it_fails(recorder, 500)
        recorder.close()


def test_lost_framing_is_noticed_by_the_reference_and_an_artefact_is_none(simulate):
    with simulate(Quirk.SHORT_BLOCK):
        recorder = opened()
        with pytest.raises(DeviceError, match="the framing is lost"):
            read_until_it_fails(recorder, 500)
        recorder.close()
