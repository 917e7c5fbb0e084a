"""MEAME's routes, by what is sent and what an answer may be."""

import json
from math import inf

import pytest

from crepe.environment import paths
from crepe.errors import ConfigError, DeviceError
from crepe.hw.meame import http
from crepe.hw.meame.connection import Unreachable
from crepe.hw.meame.http import (
    SIMULATED_HEADER,
    SIMULATOR,
    SIMULATOR_FILE,
    HttpControl,
    Server,
    find_server,
    host_and_port,
    proof,
)

SERVER = Server("127.0.0.1", 8888, 12340)


class Answering:
    """A connection that notes each request and answers what the test sets."""

    def __init__(self):
        self.requests = []
        self.status, self.answer, self.headers = 200, b"", {}
        self.error = None

    def request(self, verb, path, content, within_s):
        self.requests.append((verb, path, content and json.loads(content), within_s))
        if self.error is not None:
            raise self.error
        answer = self.answer(path) if callable(self.answer) else self.answer
        return self.status, answer, self.headers

    def close(self):
        self.requests.append("closed")


@pytest.fixture
def control():
    with HttpControl(SERVER) as control:
        control._connection.close()
        control._connection = Answering()
        yield control


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("lab", ("lab", 8888)),
        ("lab:80", ("lab", 80)),
        ("[::1]:80", ("[::1]", 80)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
    ],
)
def test_a_location_has_a_host_and_perhaps_a_port(location, expected):
    assert host_and_port(location) == expected


@pytest.mark.parametrize("location", ["", ":80", "lab:", "lab:x", "lab:-1"])
def test_another_location_is_refused(location):
    with pytest.raises(ConfigError, match=f"meame://{location}: must be meame://HOST:PORT"):
        host_and_port(location)


def test_a_server_is_named_as_in_a_url():
    assert SERVER.name == "meame://127.0.0.1:8888"
    assert SERVER._replace(host="::1").name == "meame://[::1]:8888"
    assert SERVER._replace(host="[::1]").name == "meame://[::1]:8888"


def test_the_simulator_is_that_of_the_run_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path))
    path = paths.run_directory() / SIMULATOR_FILE
    clock = iter([0.0, 3.0, 3.1])
    monkeypatch.setattr(http.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(http.time, "sleep", lambda _: None)
    with pytest.raises(DeviceError, match="the simulator has not started in 3 s"):
        find_server(SIMULATOR, 1, 3.0)
    assert find_server("lab:7", 1, 3.0) == Server("lab", 7, 1)
    content = {"host": "127.0.0.1", "http_port": 7, "data_port": 9, "nonce": "n"}
    clock = iter([0.0, 3.0])
    monkeypatch.setattr(http.time, "sleep", lambda _: paths.write_json(path, content))
    assert find_server(SIMULATOR, 1, 3.0) == Server("127.0.0.1", 7, 9, "n")
    assert find_server("lab:7", 1, 3.0) == Server("lab", 7, 1, "n")  # a candidate
    assert find_server("lab:8", 1, 3.0) == Server("lab", 8, 1)


def test_each_request_has_its_route_and_its_fields(control):
    control.connect(10_000, 100)
    control.flash()
    control.start()
    control.call(3, [(0x1010, 1), (0x1018, 2)])
    control.write([0x9158, 0x915C], [0, 1], 0.5)
    control._connection.answer = b'{"values": [7, 8]}'
    assert control.read([0x9158, 0x915C]) == [7, 8]
    assert control._connection.requests == [
        ("POST", "/DAQ/connect", {"samplerate": 10_000, "segmentLength": 100}, inf),
        ("GET", "/DSP/flash", None, inf),
        ("GET", "/DAQ/start", None, inf),
        ("POST", "/DSP/call", {"func": 3, "argAddrs": [0x1010, 0x1018], "argVals": [1, 2]}, inf),
        ("POST", "/DSP/write", {"addresses": [0x9158, 0x915C], "values": [0, 1]}, 0.5),
        ("POST", "/DSP/read", {"addresses": [0x9158, 0x915C]}, inf),
    ]
    control.close()
    assert control._connection.requests[-1] == "closed"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "/DSP/read: b''"),
        (b"[1, 2]", r"/DSP/read: b'\[1, 2\]'"),
        (b'{"addresses": []}', "KeyError"),
        (b'{"values": [1, "x"]}', "ValueError"),
        (b'{"values": [1, null]}', "TypeError"),
        (b'{"values": [1, 1e999]}', "OverflowError"),
        (b'{"values": ' + b"[" * 100_000, "RecursionError"),
        (b'{"values": [1]}', "/DSP/read: 1 of 2 words"),
        (b'{"values": [1, 2, 3]}', "/DSP/read: 3 of 2 words"),
    ],
)
def test_registers_that_are_none_are_refused(control, answer, reason):
    control._connection.answer = answer
    with pytest.raises(DeviceError, match=f"meame://127.0.0.1:8888.*{reason}"):
        control.read([0, 4])


def test_a_status_that_is_not_200_is_an_error_without_the_query(control):
    control._connection.status = 500
    control._connection.headers = {SIMULATED_HEADER: "sim"}
    with pytest.raises(DeviceError, match=r"8888/simulator/truth: status 500, must be 200$"):
        control.truth(1, 2, 3)
    assert control.simulated_by == "sim"
    assert control._connection.requests == [
        ("GET", "/simulator/truth?port=1&start=2&stop=3", None, inf)
    ]


@pytest.mark.parametrize("kind", [DeviceError, Unreachable])
def test_an_error_of_the_connection_keeps_its_kind_and_gets_its_place(control, kind):
    control._connection.error = kind("no answer")
    with pytest.raises(kind, match=r"^meame://127.0.0.1:8888/status: no answer") as failed:
        control.status()
    assert type(failed.value) is kind


def test_what_states_to_be_simulated_is_known_by_the_latest_answer(control):
    assert not control.is_simulated
    control._connection.answer = b"{}"
    for headers in ({SIMULATED_HEADER: "sim"}, {}):
        control._connection.headers = headers
        control.status()
        assert control.is_simulated == bool(headers)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b'{"isAlive": true}', {"isAlive": True}), (b"[]", {}), (b"7", {})],
)
def test_a_status_that_is_no_object_is_empty(control, answer, expected):
    control._connection.answer = answer
    assert control.status() == expected


@pytest.mark.parametrize("answer", [b"", b"[" * 100_000])
def test_a_status_that_is_no_json_is_refused(control, answer):
    control._connection.answer = answer
    with pytest.raises(DeviceError, match="8888/status: b'.*', no JSON"):
        control.status()


def test_only_a_simulator_reports_its_acquisition(control):
    control._connection.answer = b'{"samplerate": 10000, "segmentLength": 100}'
    assert control.acquisition() == (10_000, 100)
    for answer in (b"{}", b'{"samplerate": null, "segmentLength": 100}'):
        control._connection.answer = answer
        with pytest.raises(DeviceError, match="no acquisition"):
            control.acquisition()


def test_only_the_holder_of_the_nonce_is_our_simulator(control):
    def proves(nonce):
        return lambda path: proof(nonce, path.rpartition("=")[2]).encode()

    control._connection.answer = proves("")
    assert not control.is_our_simulator()  # a server without a nonce is not even asked
    assert control._connection.requests == []
    control.server = SERVER._replace(nonce="ours")
    for answer, is_ours in ((proves("ours"), True), (proves("another"), False), (b"", False)):
        control._connection.answer = answer
        assert control.is_our_simulator() == is_ours
    control._connection.error = DeviceError("gone")
    assert not control.is_our_simulator()
    challenges = {path for _, path, _, _ in control._connection.requests}
    assert len(challenges) == 4
    assert min(map(len, challenges)) >= len("/simulator/proof?challenge=") + 32


class Opened:
    """A control that proves to be our simulator, or does not."""

    all = []
    proofs = iter(())

    def __init__(self, server):
        self.server, self.is_closed = server, False
        self.all.append(self)

    def is_our_simulator(self):
        return next(self.proofs)

    def close(self):
        self.is_closed = True


@pytest.fixture
def servers(monkeypatch):
    """The servers that are looked up, one after another; all names lead to 10.0.0.1."""
    servers = []
    monkeypatch.setattr(Opened, "all", [])
    monkeypatch.setattr(http, "HttpControl", Opened)
    monkeypatch.setattr(http, "resolve", lambda host, port, wait_s: f"10.0.0.1 in {wait_s:g} s")
    monkeypatch.setattr(http, "find_server", lambda *_: servers.pop(0))
    clock = iter(range(100))
    monkeypatch.setattr(http.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(http.time, "sleep", lambda _: None)
    return servers


OTHER = SERVER._replace(http_port=9)


def test_a_simulator_that_proves_itself_is_opened_by_its_number(servers, monkeypatch):
    servers += [SERVER]
    monkeypatch.setattr(Opened, "proofs", iter([True]))
    control, named, is_ours = http.open_control(SIMULATOR, 1, 5.0)
    assert (named, is_ours) == (SERVER, True)
    assert control.server == SERVER._replace(host="10.0.0.1 in 5 s")
    assert not control.is_closed


def test_an_instrument_is_opened_without_a_proof_unless_its_file_has_changed(servers, monkeypatch):
    servers += [SERVER, OTHER, OTHER, OTHER]
    monkeypatch.setattr(Opened, "proofs", iter([False, False]))
    control, named, is_ours = http.open_control("lab", 1, 1.5)
    assert (named, is_ours) == (OTHER, False)
    assert control.server.host == "10.0.0.1 in 2 s"
    assert [it.is_closed for it in Opened.all] == [True, False]


def test_a_simulator_that_proves_nothing_is_given_up_in_the_end(servers, monkeypatch):
    servers += [SERVER] * 9
    monkeypatch.setattr(Opened, "proofs", iter([False] * 9))
    with pytest.raises(
        DeviceError, match="does not prove that it is the simulator of simulator.js"
    ):
        http.open_control(SIMULATOR, 1, 2.0)
    assert [it.is_closed for it in Opened.all] == [True, True]


def test_a_control_is_closed_with_its_block():
    with HttpControl(SERVER) as control:
        control._connection = Answering()
    assert control._connection.requests == ["closed"]
