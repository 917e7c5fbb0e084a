"""The command connection, to the simulated RHX and to programs that are none."""

import socket
import threading

import pytest

from crepe.errors import DeviceError
from crepe.hw.rhx import connection
from crepe.hw.rhx.connection import CommandPort, ConnectionLostError, PortClosedError
from crepe.simulator.rhx.settings import Fault
from tests.running_rhx import wait_for


@pytest.fixture
def port(rhx):
    rhx.click()
    port = CommandPort("127.0.0.1", rhx.port)
    yield port
    port.close()


def test_without_a_click_no_port_listens_and_the_text_says_what_to_click(rhx):
    with pytest.raises(PortClosedError, match="Network > Remote TCP Control > Connect"):
        CommandPort("127.0.0.1", rhx.port)


def test_there_is_one_client_and_after_it_none_until_the_next_click(rhx, port):
    with pytest.raises(PortClosedError):
        CommandPort("127.0.0.1", rhx.port)
    port.close()
    wait_for(lambda: rhx._client is None)
    with pytest.raises(PortClosedError):
        CommandPort("127.0.0.1", rhx.port)
    rhx.click()
    CommandPort("127.0.0.1", rhx.port).close()


def test_every_setting_is_read_back(port):
    port.set("a-010.firstphaseamplitudemicroamps", 10.5)
    assert port.get("a-010.firstphaseamplitudemicroamps") == "10.5"


@pytest.mark.parametrize(
    ("parameter", "value", "text"),
    [
        ("a-010.stimenabled", "perhaps", "Invalid value for StimEnabled"),
        ("a-010.numberofstimpulses", 257, r"\[ 0 , 256 \]"),
        ("sampleratehertz", 30_000, "cannot be changed once software has started"),
        ("no.parameter", 1, "Unrecognized parameter"),
    ],
)
def test_what_rhx_refuses_is_an_error_with_its_text(port, parameter, value, text):
    with pytest.raises(DeviceError, match=text):
        port.set(parameter, value)


def test_a_value_that_does_not_stay_is_an_error(rhx, port):
    rhx.controller.faults.add(Fault.STEP_CHANGED)
    with pytest.raises(DeviceError, match="stimstepsizemicroamps reads '5', must be '0.5'"):
        port.set("stimstepsizemicroamps", 0.5)


def test_a_failed_action_is_reported_by_the_next_get(port):
    port.execute("no_action")
    with pytest.raises(DeviceError, match="Unrecognized action"):
        port.get("type")


def test_a_reply_that_is_late_ends_the_connection(rhx, port, monkeypatch):
    monkeypatch.setattr(connection, "REPLY_S", 0.1)
    rhx.controller.faults.add(Fault.SILENT)
    with pytest.raises(ConnectionLostError, match="no answer to `get type`"):
        port.get("type")
    wait_for(lambda: rhx._client is None)


def serving_once(answer):
    """The port of a program that sends the parts of an answer to its first client."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listener, listener.accept()[0] as client:
            client.recv(100)
            for part in answer:
                client.sendall(part)
            client.recv(100)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [b"Return: Type Something"],
        [b"Return: RunMode Stop"],
        [b"\xff\xfe\x00"],
    ],
)
def test_a_program_that_is_not_rhx_is_refused_at_the_connection(answer, monkeypatch):
    monkeypatch.setattr(connection, "REPLY_S", 0.3)
    with pytest.raises(DeviceError):
        CommandPort("127.0.0.1", serving_once(answer))


def test_a_reply_in_parts_is_read_whole():
    answer = [b"Ret", b"urn: Type Control", b"lerStimRecord"]
    port = CommandPort("127.0.0.1", serving_once(answer))
    assert port.type == "ControllerStimRecord"
    port.close()
