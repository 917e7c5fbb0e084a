"""A simulated RHX whose port is open, and a client that sends raw text."""

import socket
import time

import pytest

from tests.running_rhx import running_rhx


@pytest.fixture(autouse=True)
def _own_run_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))


class RawClient:
    """A command client that does what clients should not."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.settimeout(20)

    def ask(self, text):
        self.socket.sendall(text.encode())
        return self.socket.recv(1 << 16).decode()

    def wait(self, text, answer):
        deadline_s = time.monotonic() + 60
        while self.ask(text) != answer:
            assert time.monotonic() < deadline_s

    def output(self, simulator, name):
        """A connected data port."""
        self.socket.sendall(f"execute connecttcp{name}dataoutput;".encode())
        state = f"TCP{name.capitalize()}DataOutputConnectionStatus"
        self.wait(f"get {state};", f"Return: {state} Pending")
        port = int(self.ask(f"get tcp{name}dataoutputport;").split()[-1])
        data = socket.create_connection(("127.0.0.1", port))
        data.settimeout(20)
        self.wait(f"get {state};", f"Return: {state} Connected")
        return data

    def run(self):
        self.socket.sendall(b"set runmode run;")
        time.sleep(0.05)  # what is in the same read waits until the run ends
        self.wait("get runmode;", "Return: RunMode Run")


@pytest.fixture
def make_rhx():
    """Make simulated RHX programs with settings; each is closed in the end."""
    opened = []

    def make(**settings):
        context = running_rhx(**settings)
        simulator = context.__enter__()
        simulator.click()
        client = RawClient(simulator.port)
        opened.append((context, client))
        return simulator, client

    yield make
    for context, client in opened:
        client.socket.close()
        context.__exit__(None, None, None)


@pytest.fixture
def rhx(make_rhx):
    return make_rhx()
