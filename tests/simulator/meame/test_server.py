"""The simulated MEAME on the wire: routes, ports, framing, proof, and the client against it."""

import json
import socket
import time
from http.client import HTTPConnection

import numpy as np
import pytest
import urllib3
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.device import open_recorder, open_stimulator
from crepe.hw.instrument import InProcess
from crepe.hw.meame import wire
from crepe.hw.meame.http import SIMULATED_HEADER, HttpControl, Server, find_server, proof
from crepe.hw.meame.registers import Register
from crepe.messages import Stimulus
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.server import Simulator
from crepe.simulator.meame.settings import SimulatorSettings
from tests.running_simulator import running_simulator

SETTINGS = SimulatorSettings(seed=3, http_port=0, data_port=0, sawtooth_port=0)
TRAIN = Stimulus(9, 10, 1, 10, ("48", "38"), ((-10.0, 200.0), (10.0, 200.0)), 20.0, 5)


@pytest.fixture
def ask(simulator):
    with urllib3.PoolManager(retries=False) as pool:

        def ask(verb, path, body=None):
            url = f"http://127.0.0.1:{simulator.http_port}{path}"
            return pool.request(verb, url, body=body, redirect=False)

        yield ask


@pytest.mark.parametrize(
    ("verb", "path", "body", "status"),
    [
        ("GET", "/", None, 200),
        ("GET", "/DAQ/stop", None, 200),
        ("GET", "/daq//STOP/", None, 200),
        ("POST", "/DSP/call/", b'{"FUNC": 8, "argaddrs": [], "argVals": [], "more": 1}', 200),
        ("POST", "/DSP/call", b"", 500),
        ("POST", "/DSP/call", b'{"func": 8}', 500),
        ("POST", "/DSP/call", b'{"func": -1, "argAddrs": [], "argVals": []}', 500),
        ("POST", "/DSP/write", b'{"addresses": [4096, 4100], "values": [1]}', 500),
        ("POST", "/aux/logmsg/", b"any text", 200),
        ("GET", "/DSP/flash/", None, 200),
        ("GET", "/DSP/stim/setup", None, 200),
        ("GET", "/DSP/stim/start/", None, 200),
        ("GET", "/DSP/stim/stop", None, 200),
        ("HEAD", "/DAQ/stop", None, 200),
        ("OPTIONS", "/DSP/call", None, 200),
        ("POST", "/DSP/call", b'{"func": 200, "argAddrs": [], "argVals": []}', 200),
        ("POST", "/DSP/call", b'{"argAddrs": [], "argVals": []}', 200),
        ("POST", "/DSP/call", b'{"func": 8, "argAddrs": [4112], "argVals": []}', 500),
        ("POST", "/DSP/call", b'{"func": 4294967296, "argAddrs": [], "argVals": []}', 500),
        ("POST", "/DSP/call", b"[]", 500),
        ("POST", "/DSP/call", b'{"func": 8, "argAddrs": "", "argVals": []}', 500),
        ("POST", "/DSP/call", b'{"func": 8, "argAddrs": {}, "argVals": []}', 500),
        ("POST", "/DSP/read", b'{"addresses": null}', 500),
        ("POST", "/DSP/write", b'{"addresses": [4112], "values": [1, 2, 3]}', 200),
        ("POST", "/DAQ/connect", b'{"samplerate": 1, "segmentLength": 100}', 500),
        ("POST", "/DAQ/connect", b"", 500),
        ("POST", "/status", b"", 405),
        ("GET", "/DSP/call", None, 405),
        ("GET", "/nowhere", None, 404),
    ],
)
def test_routes_answer_as_meame_does(ask, verb, path, body, status):
    answer = ask(verb, path, body)
    assert answer.status == status
    assert SIMULATED_HEADER in answer.headers
    if status == 405:
        assert answer.headers["Allow"]
    if status == 200 and path != "/":
        assert answer.data == b""


def test_what_came_before_a_missing_value_has_been_written(ask):
    body = b'{"func": 8, "argAddrs": [4112, 4116], "argVals": [7]}'
    assert ask("POST", "/DSP/call", body).status == 500
    body = b'{"addresses": [4120, 4124], "values": [8]}'
    assert ask("POST", "/DSP/write", body).status == 500
    answer = ask("POST", "/DSP/read", b'{"addresses": [4112, 4116, 4120, 4124, 4096]}')
    assert answer.json()["values"] == [7, 0, 8, 0, 0]


def test_a_body_that_nests_too_deeply_is_a_bad_request(ask):
    assert ask("POST", "/DSP/write", b"[" * 100_000).status == 500
    assert ask("GET", "/status").status == 200


def test_head_executes_what_get_does(simulator, ask):
    assert ask("POST", "/DAQ/connect", b'{"samplerate": 10000, "segmentLength": 100}').status == 200
    assert ask("HEAD", "/daq//START/").status == 200
    assert simulator.daq.is_started


def test_a_body_may_come_in_chunks(simulator, ask):
    del ask
    http = HTTPConnection("127.0.0.1", simulator.http_port, timeout=10)
    parts = iter([b'{"addresses": [4', b'112], "values": [9]}'])
    http.request("POST", "/DSP/write", parts, encode_chunked=True)
    assert http.getresponse().status == 200
    http.close()
    assert simulator.instrument.dsp.read(4112) == 9


def test_pulses_come_with_their_phases(ask):
    writes = {
        Register.DAC_MODE: 0,
        Register.HW_ENABLE: 1 << 1,
        Register.HW_DAC_SELECT: wire.pairs([1], 1)[0],
        Register.MEMORY_APPEND: wire.vector(wire.ZERO_DIGIT - 200, 10),
        Register.TRIGGER_CTRL: 1,
        Register.MANUAL_TRIGGER: 1,
    }
    body = json.dumps({"addresses": [*writes], "values": [*writes.values()]})
    assert ask("POST", "/DSP/write", body).status == 200
    deadline = time.monotonic() + 20
    while not (answer := ask("GET", "/simulator/pulses").json())["pulses"]:
        assert time.monotonic() < deadline
    ((tick, *electrodes),) = answer["pulses"]
    while (answer := ask("GET", f"/simulator/pulses?after={tick}").json())["now"] < tick + 10:
        assert time.monotonic() < deadline
    assert electrodes == [1]
    assert answer["phases"] == [[[pytest.approx(-10), 200]]]
    assert ask("GET", "/simulator/electrodes").json()["electrodes"] == {"1": [1, tick, tick + 9]}
    assert ask("GET", f"/simulator/pulses?after={tick + 1}").json()["pulses"] == []


def test_a_port_opens_with_the_start_and_not_before(simulator, ask):
    def connects():
        with socket.socket() as trial:
            trial.settimeout(2)
            return trial.connect_ex(("127.0.0.1", simulator.data_port)) == 0

    assert ask("GET", "/DAQ/start").status == 200
    assert not connects()
    assert ask("GET", "/status").json() == {"isAlive": False, "dspAlive": True}
    assert ask("POST", "/DAQ/connect", b'{"samplerate": 10000, "segmentLength": 100}').status == 200
    assert ask("POST", "/DAQ/connect", b'{"samplerate": 20000, "segmentLength": 50}').status == 200
    assert ask("GET", "/DAQ/start").status == 200
    assert connects()
    assert ask("GET", "/status").json()["isAlive"] is True
    assert simulator.daq.segment_samples == 100


def test_the_recorder_gets_the_simulators_samples_in_order(simulator):
    recorder = open_recorder("meame://simulator", segment_samples=50)
    info = recorder.open(700)
    segments = [recorder.read(5.0) for _ in range(20)]
    recorder.close()
    assert info.is_simulated
    assert info.labels[14] == "15"
    assert [s.start for s in segments] == list(range(700, 1700, 50))
    got = np.concatenate([s.samples for s in segments], axis=1)
    truth = SimulatedMeame(SETTINGS).advance(20_000)
    starts = [at for at in range(0, 19_000, 50) if (truth[:, at : at + 50] == got[:, :50]).all()]
    assert len(starts) == 1
    np.testing.assert_array_equal(got, truth[:, starts[0] : starts[0] + 1000])


def test_two_clients_get_the_same_blocks_and_the_sawtooth_its_formula(simulator):
    recorder = open_recorder("meame://simulator")
    recorder.open(0)
    with socket.create_connection(("127.0.0.1", simulator.sawtooth_port)) as saw:
        data = b""
        while len(data) < wire.block_bytes(100):
            data += saw.recv(wire.block_bytes(100) - len(data))
    recorder.close()
    np.testing.assert_array_equal(wire.unpack_block(data, 100), wire.sawtooth(0, 100))


def test_only_who_knows_the_nonce_is_our_simulator(simulator):
    ours = find_server("simulator", 0, 1.0)
    with HttpControl(ours) as control:
        assert control.is_our_simulator()
    with HttpControl(ours._replace(nonce="0" * 64)) as control:
        assert not control.is_our_simulator()
    with HttpControl(Server("127.0.0.1", ours.http_port, 0)) as control:
        assert not control.is_our_simulator()
    assert proof("a", "b") != proof("b", "a")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"electrodes": ("15",)}, "electrode 15: cannot be stimulated"),
        ({"electrodes": ("99",)}, "electrode 99: cannot be stimulated"),
        ({"phases": ((-1.0, 30.0), (1.0, 30.0))}, "must be a multiple of 20 us"),
        ({"rate_hz": 400.0}, "400 Hz, the DSP is driven with"),
    ],
)
def test_what_the_instrument_cannot_do_is_named(simulator, changes, reason):
    from dataclasses import replace

    stimulator = open_stimulator("meame://simulator", InProcess())
    stimulator.open()
    assert reason in stimulator.refusal(replace(TRAIN, **changes))
    stimulator.close()


def test_a_taken_port_moves_unless_it_was_asked_for(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        values = {**dict(SETTINGS), "http_port": port}
        moved = SimulatorSettings.model_construct(set(), **values)
        with running_simulator(moved, tmp_path) as second:
            assert second.http_port != port
        with pytest.raises(DeviceError, match=f"port {port}: .*choose another"):
            running_simulator(SimulatorSettings(http_port=port), tmp_path).__enter__()


def test_what_the_file_says_of_address_and_ports_counts_like_what_the_command_says(
    tmp_path, monkeypatch
):
    served = []
    monkeypatch.setattr("crepe.simulator.meame.server.serve", lambda each, _: served.append(each))
    text = paths.project_directory().joinpath("config", "pong.toml").read_text("utf-8")
    assert "[culture.simulated]\n" in text
    table = '[culture.simulated]\nhost = "127.0.0.2"\nhttp_port = 18888\n'
    (tmp_path / "e.toml").write_text(text.replace("[culture.simulated]\n", table), "utf-8")
    for options in ([], ["--data-port", "5"]):
        done = CliRunner().invoke(app, ["simulate", str(tmp_path / "e.toml"), *options])
        assert done.exit_code == 0, done.output
    assert [(each.host, each.http_port) for each in served] == [("127.0.0.2", 18888)] * 2
    fixed = [[name for name in ("http", "data") if each.is_fixed(name)] for each in served]
    assert fixed == [["http"], ["http", "data"]]


def test_a_second_simulator_leaves_the_first_where_it_is_found(simulator, ask, caplog):
    directory = paths.run_directory()
    before = (directory / "simulator.json").read_text()
    with running_simulator(SETTINGS, directory) as second:
        url = f"http://127.0.0.1:{second.http_port}/status"
        assert urllib3.request("GET", url, retries=False).status == 200
        assert "meame://simulator still names" in caplog.text
        assert (directory / "simulator.json").read_text() == before
    assert (directory / "simulator.json").read_text() == before


def test_a_port_that_is_taken_is_reported_with_the_devices_of_both_actors(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.setattr(SimulatorSettings, "is_fixed", lambda self, name: False)
    caplog.set_level("INFO")
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        settings = SETTINGS.model_copy(update={"http_port": port})
        with running_simulator(settings, paths.run_directory()) as simulator:
            assert simulator.http_port != port
    assert f"port {port} is taken" in caplog.text
    device = f'"meame://127.0.0.1:{simulator.http_port}"'
    assert f"{device} in [actors.stimulate]" in caplog.text


def test_a_simulator_takes_the_place_of_one_that_was_killed(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    path = paths.run_directory() / "simulator.json"
    gone = {"host": "127.0.0.1", "http_port": 9, "data_port": 9, "nonce": "gone"}
    paths.write_json(path, gone)
    with running_simulator(SETTINGS, paths.run_directory()) as successor:
        url = f"http://127.0.0.1:{successor.http_port}/status"
        assert urllib3.request("GET", url, retries=False).status == 200
        assert paths.read_json(path)["nonce"] == successor.nonce
    assert not path.exists()


def test_a_successor_on_the_same_port_does_not_ask_itself_for_a_proof(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    monkeypatch.setattr(
        Simulator, "_announced", lambda self: Server("127.0.0.1", self.http_port, 9, "gone")
    )
    proofs = []
    monkeypatch.setattr(HttpControl, "is_our_simulator", proofs.append)
    with running_simulator(SETTINGS, paths.run_directory()) as successor:
        assert find_server("simulator", 0, 20.0).nonce == successor.nonce
    assert proofs == []


def test_an_absent_simulator_is_named_with_what_was_waited_for(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    with pytest.raises(DeviceError, match="simulator.json: the simulator has not started in 0 s"):
        open_recorder("meame://simulator", wait_s=0.01).open(0)
