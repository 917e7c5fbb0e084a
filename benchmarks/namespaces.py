"""Two network namespaces of this computer, as two machines whose network has faults."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

MAIN, B = "10.78.0.1", "10.78.0.2"  # inside the two namespaces, and nowhere else
PORT, RELAY_PORT = 6379, 6390
_FAULT_S = 8.0


class Fault(NamedTuple):
    """A state of the network, for so many seconds."""

    name: str
    seconds: float = _FAULT_S
    delay_s: float = 0.0  # each way
    loss: float = 0.0  # share of chunks
    rate: str = ""  # of the main machine's end, as tc has it
    is_cut: bool = False


class Network:
    """Two namespaces that are joined by a pair of interfaces."""

    def __init__(self, directory: Path) -> None:
        self.settings = directory / "relay.json"
        self.main, self.b = (f"crepe-{name}-{os.getpid()}" for name in "ab")
        self._interface = f"ca{os.getpid()}"

    @contextmanager
    def built(self) -> Iterator["Network"]:
        """Make the namespaces, and remove them with all that is in them."""
        other = f"cb{os.getpid()}"
        try:
            for name in (self.main, self.b):
                _run("ip", "netns", "add", name)
                self.run(name, "ip", "link", "set", "lo", "up")
            pair = ("ip", "link", "add", self._interface, "netns", self.main, "type", "veth")
            _run(*pair, "peer", "name", other, "netns", self.b)
            ends = ((self.main, self._interface, MAIN), (self.b, other, B))
            for name, interface, address in ends:
                self.run(name, "ip", "addr", "add", f"{address}/24", "dev", interface)
                self.run(name, "ip", "link", "set", interface, "up")
            yield self
        finally:
            for name in (self.main, self.b):
                subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def run(self, namespace: str, *command: str) -> None:
        """Run a command in a namespace."""
        _run("ip", "netns", "exec", namespace, *command)

    def begin(self, fault: Fault) -> None:
        """Bring the network into a state."""
        self._relay(fault)
        if fault.rate:
            shape = ("tbf", "rate", fault.rate, "burst", "64kbit", "latency", "400ms")
            self.run(self.main, "tc", "qdisc", "add", "dev", self._interface, "root", *shape)
        if fault.is_cut:
            self.run(self.main, "ip", "link", "set", self._interface, "down")

    def end(self, fault: Fault) -> None:
        """Undo `begin`."""
        self._relay(Fault(""))
        if fault.rate:
            self.run(self.main, "tc", "qdisc", "del", "dev", self._interface, "root")
        if fault.is_cut:
            self.run(self.main, "ip", "link", "set", self._interface, "up")

    def _relay(self, fault: Fault) -> None:
        part = self.settings.with_suffix(".part")
        part.write_text(json.dumps({"delay_s": fault.delay_s, "loss": fault.loss}))
        part.replace(self.settings)  # a reader never sees half of it


class Machine:
    """A CREPE in a namespace, with a run-time directory of its own."""

    def __init__(self, namespace: str, var: Path) -> None:
        self.var = var
        self._prefix = ["ip", "netns", "exec", namespace, sys.executable, "-m"]
        self._environment = {**os.environ, "CREPE_VAR": str(var)}

    def crepe(self, *arguments: str) -> str:
        """Run a command of CREPE, and return what it prints."""
        command = [*self._prefix, "crepe", *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"crepe {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def get_json(self, url: str) -> Any:
        """Return what a server of this machine has at a URL."""
        command = f"import urllib.request as r; print(r.urlopen({url!r}).read().decode())"
        python = [*self._prefix[:-1], "-c", command]
        return json.loads(subprocess.run(python, capture_output=True, check=True).stdout)

    def start(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start another program in the namespace."""
        return subprocess.Popen([*self._prefix, module, *arguments], env=self._environment)


def obstacle() -> str:
    """Return why network namespaces cannot be used here; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with tempfile.TemporaryDirectory() as directory, Network(Path(directory)).built():
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", b"") or str(error).encode()
        return f"no network namespaces: {reason.decode().strip()}"


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
