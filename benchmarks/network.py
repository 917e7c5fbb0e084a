"""Network faults between two machines of one session, each a network namespace of this computer.

`python -m benchmarks.network` needs root, and network namespaces with a pair of virtual interfaces.
The simulated culture, the game, the stimulator and the server are on the main machine; filter,
detection, decoder and recorder are on machine B. It prints a table in Markdown.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crepe.config.experiment import load_experiment, save_experiment
from crepe.environment import paths
from crepe.redis_server.find_url import server
from crepe.redis_server.users import machine_password_file
from crepe.store import Store

_MAIN, _B = "10.78.0.1", "10.78.0.2"  # inside the two namespaces, and nowhere else
_PORT, _RELAY_PORT = 6379, 6390
_FAULT_S = 8.0
_LONGEST_S = 40.0  # in which B must have caught up
_CURRENT_S = 0.5  # B has caught up when its recorder is no further behind


class Fault(NamedTuple):
    """A state of the network, for so many seconds."""

    name: str
    seconds: float = _FAULT_S
    delay_s: float = 0.0  # each way
    loss: float = 0.0  # share of chunks
    rate: str = ""  # of the main machine's end, as tc has it
    is_cut: bool = False


FAULTS = (
    Fault("none"),
    Fault("5 ms each way", delay_s=0.005),
    Fault("50 ms each way", delay_s=0.05),
    Fault("1 % of chunks lost", loss=0.01),
    Fault("100 Mbit/s", rate="100mbit"),
    Fault("10 Mbit/s", rate="10mbit"),
    Fault("cut for 2 s", 2.0, is_cut=True),
    Fault("cut for 20 s", 20.0, is_cut=True),
)


class Network:
    """Two namespaces that are joined by a pair of interfaces."""

    def __init__(self, directory: Path) -> None:
        self.settings = directory / "relay.json"
        self.main, self.b = (f"crepe-{name}-{os.getpid()}" for name in "ab")
        self._interface = f"ca{os.getpid()}"

    @contextmanager
    def built(self) -> Iterator[None]:
        """Make the namespaces, and remove them with all that is in them."""
        other = f"cb{os.getpid()}"
        try:
            for name in (self.main, self.b):
                _run("ip", "netns", "add", name)
                self.run(name, "ip", "link", "set", "lo", "up")
            pair = ("ip", "link", "add", self._interface, "netns", self.main, "type", "veth")
            _run(*pair, "peer", "name", other, "netns", self.b)
            ends = ((self.main, self._interface, _MAIN), (self.b, other, _B))
            for name, interface, address in ends:
                self.run(name, "ip", "addr", "add", f"{address}/24", "dev", interface)
                self.run(name, "ip", "link", "set", interface, "up")
            yield
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

    def start(self, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start another program in the namespace."""
        return subprocess.Popen([*self._prefix, module, *arguments], env=self._environment)


class Look(NamedTuple):
    """What the main machine's server had at one moment."""

    data: int  # sample index
    decided: int
    recorded: int
    missing: int  # samples, of all programs of B
    problem: str


def look(store: Store) -> Look:
    """Return the positions of the session."""
    beats = store.actors()
    b = [beats.get(name, {}) for name in ("pipeline", "record")]
    return Look(
        len(store["data"]),
        len(store["result"]),
        int(b[1].get("position", 0)),
        sum(int(beat.get("n_missing", 0)) for beat in b),
        beats.get("stimulate", {}).get("problem", ""),
    )


def latencies_ms(store: Store, start: int, stop: int) -> np.ndarray:
    """Return the times from acquisition to decision of the windows that end in [start, stop)."""
    acquired = dict(store["data"].times_ns(start, stop))
    decided = store["result"].times_ns(start, stop)
    times = [(t_ns - acquired[at]) / 1e6 for at, t_ns in decided if at in acquired]
    return np.array(times or [np.nan])


def measure(store: Store, network: Network, fault: Fault) -> Mapping[str, str]:
    """Let a fault last, and return a row of the table."""
    before = look(store)
    network.begin(fault)
    disarmed = _during(fault.seconds, lambda: "NOT RECORDING" in look(store).problem)
    faulty = look(store)
    network.end(fault)
    began_s = time.monotonic()
    rate_hz = store["data"].info.sampling_rate_hz  # type: ignore[union-attr]  # it exists
    while (now := look(store)).data - now.recorded > _CURRENT_S * rate_hz:
        if time.monotonic() - began_s > _LONGEST_S:
            break
        time.sleep(0.1)
    resumed_s = time.monotonic() - began_s
    times = latencies_ms(store, before.data, faulty.data)
    answers = Counter(
        message.state  # type: ignore[attr-defined]  # a Delivered
        for message in store["result:delivered"].messages(before.data, now.data)
    )
    return {
        "network": fault.name,
        "acquired to decided, p50 / p99 ms": "{:.1f} / {:.1f}".format(
            *np.percentile(times, (50, 99))
        ),
        "decoder behind at the end, s": f"{(faulty.data - faulty.decided) / rate_hz:.1f}",
        "recorder behind at the end, s": f"{(faulty.data - faulty.recorded) / rate_hz:.1f}",
        "recorder current after, s": f"{resumed_s:.1f}",
        "samples missing on B": str(now.missing - before.missing),
        "stimuli": ", ".join(f"{n} {state}" for state, n in sorted(answers.items())) or "none",
        "recorder missed": "disarmed" if disarmed else "no",
    }


def _during(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Return whether a condition held at any time of the next seconds."""
    deadline_s, held = time.monotonic() + seconds, False
    while time.monotonic() < deadline_s:
        held |= is_so()
        time.sleep(0.2)
    return held


def write_experiment(directory: Path, password: Path) -> Path:
    """Write the default experiment, divided between two machines."""
    changes = {
        "redis.host": _MAIN,
        "redis.port": _PORT,
        "redis.plain_tcp": True,
        "dashboard": None,
        "sensor": None,
        "simulated_sensor": None,
        "actors.game.player": "script",
        "machines": {
            "B": {"redis": f"redis://127.0.0.1:{_RELAY_PORT}", "password_file": str(password)}
        },
        "chains.pipeline.machine": "B",
        "actors.record.machine": "B",
    }
    path = directory / "network.json"
    save_experiment(load_experiment(None, changes), path)
    return path


def run(directory: Path) -> list[Mapping[str, str]]:
    """Run the session through all faults; return the rows of the table."""
    network = Network(directory)
    password = directory / "password"
    file = str(write_experiment(directory, password))
    with ExitStack() as stack:
        stack.enter_context(network.built())
        network.end(Fault(""))
        main, b = Machine(network.main, directory / "a"), Machine(network.b, directory / "b")
        main.crepe("up", file)
        stack.callback(main.crepe, "down")
        shutil.copy(machine_password_file(paths.run_directory(main.var), "B"), password)
        relay = b.start(
            "benchmarks.relay", _MAIN, str(_PORT), str(_RELAY_PORT), str(network.settings)
        )
        stack.callback(relay.terminate)
        b.crepe("up", file, "--machine", "B")
        content = server(main.var)
        assert content is not None
        with Store(content["url"], patience_s=60.0) as store:
            measure(store, network, Fault("", 5.0))  # until B has caught up with the beginning
            rows = []
            for fault in FAULTS:
                rows.append(measure(store, network, fault))
                print(rows[-1], file=sys.stderr, flush=True)
        main.crepe("down")
        (recording,) = (directory / "b" / "recordings").glob("*.h5")
        with Store(recording) as recorded:
            data = recorded["data"]
            print(f"recorded on B: {len(data)} samples, gaps: {data.gaps() or 'none'}")
    return rows


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


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


def main() -> None:
    if reason := obstacle():
        print(f"skipped: {reason}")
        return
    # Sockets need a short path.
    with tempfile.TemporaryDirectory(prefix="n") as directory:
        rows = run(Path(directory))
    names = list(rows[0])
    print("\n".join(f"| {' | '.join(cells)} |" for cells in (names, ["---"] * len(names))))
    for row in rows:
        print(f"| {' | '.join(row.values())} |")


if __name__ == "__main__":
    main()
