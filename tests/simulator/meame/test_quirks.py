"""What MEAME may do wrong: each quirk off by default, and faults as tests ask for them."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest
import urllib3

from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.device import open_recorder
from crepe.hw.meame import wire
from crepe.hw.meame.http import find_server
from crepe.simulator.meame.quirks import Quirk

N = 50  # samples of a block
BLOCK = wire.block_bytes(N)


class Meame:
    """A simulator on the wire, and a plain client of it."""

    def __init__(self, simulator):
        self.simulator = simulator
        self.pool = urllib3.PoolManager(retries=False)

    def ask(self, verb, path, body=None):
        url = f"http://127.0.0.1:{self.simulator.http_port}{path}"
        return self.pool.request(verb, url, json=body)

    def call(self, function, *arguments):
        addresses, values = [a for a, _ in arguments], [v for _, v in arguments]
        body = {"func": function, "argAddrs": addresses, "argVals": values}
        return self.ask("POST", "/DSP/call", body).status

    def read(self, *addresses):
        return self.ask("POST", "/DSP/read", {"addresses": addresses}).json()["values"]

    def stream(self, port="data_port", rate_hz=10_000):
        """Start acquisition and join a port."""
        config = {"samplerate": rate_hz, "segmentLength": N}
        assert self.ask("POST", "/DAQ/connect", config).status == 200
        assert self.ask("GET", "/DAQ/start").status == 200
        address = ("127.0.0.1", getattr(self.simulator, port))
        return socket.create_connection(address, timeout=10)


@pytest.fixture
def meame(simulate):
    """Runs a simulator with quirks; the block is given its client."""

    @contextmanager
    def meame(*quirks):
        with simulate(*quirks) as running:
            client = Meame(running)
            yield client
            client.pool.clear()

    return meame


def receive(joined, n_bytes):
    data = bytearray()
    while len(data) < n_bytes:
        piece = joined.recv(n_bytes - len(data))
        assert piece, "closed"
        data += piece
    return data


def blocks(joined, n):
    return [wire.unpack_block(receive(joined, BLOCK), N) for _ in range(n)]


@pytest.mark.parametrize("is_on", [False, True])
def test_the_last_sample_of_a_block_may_be_zero_and_not_on_the_sawtooth(meame, is_on):
    quirks = [Quirk.ZERO_LAST_SAMPLE] if is_on else []
    with meame(*quirks) as client, client.stream() as data:
        last = np.concatenate([block[:, -1] for block in blocks(data, 3)])
        assert (not last.any()) == is_on
        with client.stream("sawtooth_port") as saw:
            np.testing.assert_array_equal(blocks(saw, 1)[0], wire.sawtooth(0, N))


@pytest.mark.parametrize("rate_hz", [123, -10_000])
def test_a_connect_that_fails_may_say_that_it_succeeded(meame, rate_hz):
    wrong = {"samplerate": rate_hz, "segmentLength": 100}
    with meame() as client:
        assert client.ask("POST", "/DAQ/connect", wrong).status == 500
    with meame(Quirk.CONNECT_ALWAYS_SUCCEEDS) as client:
        assert client.ask("POST", "/DAQ/connect", wrong).status == 200
        right = {"samplerate": 10_000, "segmentLength": 100}
        assert client.ask("POST", "/DAQ/connect", right).status == 200  # ignored, as any second one
        assert client.ask("GET", "/DAQ/start").status == 200
        address = ("127.0.0.1", client.simulator.data_port)
        with socket.create_connection(address, timeout=10) as data:
            data.settimeout(0.3)
            with pytest.raises(TimeoutError):
                data.recv(1)


def test_a_stop_may_be_ignored(meame):
    with meame() as client, client.stream() as data:
        client.ask("GET", "/DAQ/stop")
        data.settimeout(0.3)
        with pytest.raises(TimeoutError):
            while True:
                data.recv(1 << 20)
        client.ask("GET", "/DAQ/start")
        data.settimeout(10)
        assert blocks(data, 1)
    with meame(Quirk.IGNORED_STOP) as client, client.stream() as data:
        client.ask("GET", "/DAQ/stop")
        assert len(blocks(data, 100)) == 100


def test_the_executor_may_be_a_mock(meame):
    with meame() as client:
        assert client.call(12) == 200
        assert client.read(4096) == [1]
    with meame(Quirk.MOCK_EXECUTOR) as client:
        assert client.call(12) == 200
        assert client.read(4096) == [0]


def test_flashing_starts_the_firmware_anew_or_does_nothing(meame):
    for quirks, expected in (((), 0), ((Quirk.NOOP_FLASH,), 1)):
        with meame(*quirks) as client:
            client.call(2)
            client.ask("GET", "/DSP/flash")
            assert client.read(4096) == [expected]


def test_a_block_may_be_short_and_framing_is_lost_from_there(meame):
    with meame(Quirk.SHORT_BLOCK) as client, client.stream() as data:
        deviations = [block[14].std() for block in blocks(data, 110)]  # the reference is quiet
        assert max(deviations[:90]) < 30 < min(deviations[-5:])


def test_the_device_may_stall_with_its_sockets_open(meame):
    with meame(Quirk.STALL) as client, client.stream() as data:
        data.settimeout(1.0)
        with pytest.raises(TimeoutError):
            while True:
                data.recv(1 << 20)
        assert client.ask("GET", "/status").json()["isAlive"] is True


def test_the_data_ports_may_open_after_the_start_has_answered(meame):
    with meame(Quirk.LATE_PORTS) as client:
        with pytest.raises(ConnectionRefusedError):
            client.stream()
        deadline = time.monotonic() + 10
        while True:
            try:
                client.stream().close()
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline


def test_the_error_register_may_be_set_from_the_beginning(meame):
    with meame(Quirk.STICKY_ERROR) as client:
        client.call(2)
        assert client.read(0x104C) == [2]


@pytest.mark.parametrize("is_on", [False, True])
def test_the_dsp_may_die_of_a_bad_request(meame, is_on):
    quirks = [Quirk.DSP_DIES] if is_on else []
    with meame(*quirks) as client:
        assert client.ask("POST", "/DSP/call", {"func": 2}).status == 500
        assert client.call(2) == (500 if is_on else 200)
        assert client.ask("GET", "/status").status == 200


def test_the_dsp_may_never_acknowledge(meame):
    with meame(Quirk.NO_ACKNOWLEDGEMENT) as client:
        assert client.call(2) == 500


def test_the_dsp_may_acknowledge_only_at_meames_second_look(meame):
    with meame(Quirk.LATE_ACKNOWLEDGEMENT) as client:
        began_s = time.monotonic()
        assert client.call(2) == 200
        assert time.monotonic() - began_s >= 0.1
        assert client.read(4096) == [1]


def test_the_shipped_replay_stimulates_the_bottom_row_at_10_hz(meame):
    with meame() as client:
        for path in ("/DSP/stim/setup", "/DSP/stim/start", "/DSP/stim/setup"):
            assert client.ask("GET", path).status == 200
        deadline = time.monotonic() + 20
        while len(pulses := client.ask("GET", "/simulator/pulses").json()["pulses"]) < 4:
            assert time.monotonic() < deadline
        assert {tuple(electrodes) for _, *electrodes in pulses} == {(1, 4, 6, 53, 55, 58)}
        ticks = [tick for tick, *_ in pulses]
        assert set(np.diff(ticks)) <= {5000}
        assert client.ask("GET", "/simulator/electrodes").json()["electrodes"]["1"][0] >= 4


def test_faults_come_as_often_as_they_were_asked_for(meame):
    with meame() as client, client.stream() as data:
        client.ask("POST", "/simulator/faults", {"errors": 2})
        assert [client.call(2), client.call(2), client.call(2)] == [500, 500, 200]
        client.ask("POST", "/simulator/faults", {"late": 1, "late_s": 0.2})
        began_s = time.monotonic()
        client.call(2)
        assert time.monotonic() - began_s >= 0.2
        client.ask("POST", "/simulator/faults", {"drop": True})
        with pytest.raises((AssertionError, ConnectionError)):
            blocks(data, 1000)
        assert client.ask("POST", "/simulator/faults", {"nonsense": 1}).status == 500


def test_a_cut_network_answers_no_request_and_its_connections_are_lost(meame):
    with meame() as client, client.stream() as before:
        blocks(before, 2)
        client.ask("POST", "/simulator/faults", {"cut_s": 0.2})
        began_s = time.monotonic()
        assert client.call(2) == 200
        assert time.monotonic() - began_s >= 0.2
        with pytest.raises((AssertionError, ConnectionError)):
            blocks(before, 1000)
        with client.stream() as after:
            assert len(blocks(after, 2)) == 2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "text/plain"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 421),
    ],
)
def test_a_web_page_cannot_set_faults(meame, headers, status):
    with meame() as client:
        url = f"http://127.0.0.1:{client.simulator.http_port}/simulator/faults"
        sent = {"Content-Type": "application/json", **headers}
        answer = urllib3.request("POST", url, body=b'{"errors": 1}', headers=sent, retries=False)
        assert answer.status == status
        assert client.call(2) == (500 if status == 200 else 200)


def test_a_cut_block_makes_the_reference_loud_for_who_does_not_notice(meame):
    with meame() as client, client.stream() as data:
        blocks(data, 2)
        client.ask("POST", "/simulator/faults", {"truncate_bytes": 1000})
        deviations = [block[14].std() for block in blocks(data, 20)]
        assert min(deviations[-5:]) > 30


def test_a_client_that_does_not_read_is_dropped_and_the_others_are_served(meame, caplog):
    with (
        meame() as client,
        client.stream(rate_hz=50_000) as reader,
        client.stream(rate_hz=50_000) as sleeper,
    ):
        deadline = time.monotonic() + 60
        while "dropped" not in caplog.text:
            assert time.monotonic() < deadline
            blocks(reader, 100)
        assert sleeper.fileno() >= 0
        assert blocks(reader, 10)


def test_a_simulator_dies_on_demand(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))
    process = subprocess.Popen([sys.executable, "-m", "crepe", "simulate"])
    server = find_server("simulator", 0, 30.0)
    with pytest.raises(urllib3.exceptions.HTTPError):
        url = f"http://{server.host}:{server.http_port}/simulator/faults"
        for _ in range(3):
            urllib3.request("POST", url, json={"die": True}, retries=False)
    assert process.wait(20) == -signal.SIGKILL
    assert os.path.exists(paths.run_directory() / "simulator.json")


def test_an_unsupported_rate_is_said_by_the_client(meame):
    with meame():
        recorder = open_recorder("meame://simulator", sampling_rate_hz=123)
        with pytest.raises(DeviceError, match="status 500"):
            recorder.open(0)
