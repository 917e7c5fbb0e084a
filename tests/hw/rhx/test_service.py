"""The program `rhx` on its socket: requests, bad ones too, and its end."""

import socket

import pytest

from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.hw.rhx.client import SERVICE_SOCKET, ServiceClient, ServiceDeadError
from crepe.hw.rhx.service import RhxService, wait_connected
from tests.running_rhx import running_service, wait_for


@pytest.fixture
def client(session):
    wait_connected(session, 60)
    client = ServiceClient(paths.run_directory() / SERVICE_SOCKET)
    yield client
    client.close()


def test_a_stop_says_what_it_stopped(rhx, client):
    answer = client.call("stop", 10)
    assert answer["doubts"] == []
    assert answer["name"] == f"RHX 127.0.0.1:{rhx.port}"


def test_a_request_that_does_not_exist_is_an_error(client):
    with pytest.raises(DeviceError, match="unknown"):
        client.call("dance", 10)
    assert client.call("watch", 10, may_arm=False)["is_connected"]


@pytest.mark.parametrize(
    "data", [b"{}\n", b"[1]\n", b"5\n", b"\xff\n", b'{"request": "trigger"}\n', b""]
)
def test_bad_requests_end_their_own_connection_only(client, data):
    with socket.socket(socket.AF_UNIX) as other:
        other.settimeout(20)
        other.connect(str(paths.run_directory() / SERVICE_SOCKET))
        other.sendall(data)
        other.shutdown(socket.SHUT_WR)
        assert other.recv(100) == b""
    assert client.call("watch", 10, may_arm=False)["is_connected"]


def test_a_program_that_does_not_answer_counts_as_dead(tmp_path):
    path = tmp_path / "s"
    with pytest.raises(ServiceDeadError, match="may still run and stimulate"):
        ServiceClient(path).call("stop", 0.2)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        with pytest.raises(ServiceDeadError, match="timed out"):
            ServiceClient(path).call("stop", 0.2)


def test_its_end_stops_the_run_and_disconnects(rhx):
    rhx.click()
    with running_service() as session:
        wait_connected(session, 60)
        client = ServiceClient(paths.run_directory() / SERVICE_SOCKET)
        client.call("begin", 20, channels=["A-000"], sampling_rate_hz=20_000)
        assert rhx.is_hardware_running
    wait_for(lambda: not rhx.is_hardware_running and rhx._client is None)
    assert not (paths.run_directory() / SERVICE_SOCKET).exists()
    client.close()


def test_a_socket_that_a_killed_program_left_is_replaced(session):
    RhxService(session, paths.run_directory())._socket.close()
