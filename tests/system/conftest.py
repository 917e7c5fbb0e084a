"""A whole CREPE under supervisord, in a run-time directory of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import urllib3
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from crepe.config.experiment import load_experiment, save_experiment
from crepe.environment import paths
from crepe.hw.meame.http import SIMULATOR_FILE
from crepe.supervise import status
from crepe.web.links import Links, links_in, server_file

CREPE = [sys.executable, "-m", "crepe"]
SECOND = 50_000  # ticks of the DSP's clock, 20 us each
PAUSE = 5000  # longer than between two pulses, or two bursts, of a train of 20 Hz
CONFIG = Path(__file__).parents[2] / "config"
CLOSED_LOOPS = (
    "bench", "chaos", "determinism", "documents", "page", "rhx", "safety", "stack",
)  # fmt: skip
"""The files whose tests play games in real time."""

LIGHT = {"actors.acquire.segment_samples": 500}
"""For a game that a busy machine keeps up with: fewer segments a second."""

SMALL = """
[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels=4"

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data"]
writes = ["data:spikes"]

[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]
"""
"""The smallest experiment in which something can be lost: four programs with Redis."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:  # a busy machine may take ten times as long
            item.add_marker(pytest.mark.timeout(600), append=False)


class ClosedLoopsInTurn(LoadFileScheduling):
    """Each file is one worker's; all closed loops are, which keep each other from real time."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(super()._split_scope(nodeid))
        is_loop = path.parent.name == "system" and path.stem.removeprefix("test_") in CLOSED_LOOPS
        return "closed loops" if is_loop else str(path)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return ClosedLoopsInTurn(config, log)


class Stack:
    """CREPE in a run-time directory of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.environment = {**os.environ, "CREPE_VAR": str(var)}
        self.experiment = ""  # the path of its file
        self.up = ""  # what `crepe up` printed

    def crepe(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*CREPE, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def rows(self) -> dict[str, dict]:
        return {row["program"]: row for row in status.rows()}

    def pids(self) -> list[int]:
        pids = []
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("CREPE_VAR") == str(self.var):
                pids.append(process.pid)
        return pids

    def wait(self, is_so, seconds=150.0):
        deadline = time.monotonic() + seconds
        while not (value := is_so()):
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)
        return value

    def server(self, program: str) -> dict:
        """The content of the file of a program that serves HTTP: its URL and its token."""
        path = paths.run_directory(self.var) / server_file(program)
        return self.wait(lambda: paths.read_json(path))

    def page_links(self) -> Links:
        """The links to the live page, as they are printed."""
        return links_in(self.server("dashboard"))

    def dish(self) -> "Dish":
        return Dish(self)

    def logs(self) -> str:
        return "\n".join(f"{p.name}: {p.read_text()[-800:]}" for p in (self.var / "log").glob("*"))


class Dish:
    """What reaches the electrodes of the culture that a stack simulates, once it runs."""

    def __init__(self, stack):
        self._stack = stack
        path = paths.run_directory(stack.var) / SIMULATOR_FILE
        self._port = stack.wait(lambda: paths.read_json(path))["http_port"]

    def pulses(self):
        """The present tick, and those of the pulses of the last seconds."""
        url = f"http://127.0.0.1:{self._port}/simulator/pulses"
        record = json.loads(urllib3.request("GET", url, retries=False).data)
        return record["now"], [tick for tick, *_ in record["pulses"]]

    def in_a_train(self):
        """Wait for a train that has just begun; the present tick."""

        def has_begun():
            now, ticks = self.pulses()
            recent = [tick for tick in ticks if now - tick < SECOND]
            return now if 3 <= len(recent) < 12 and now - recent[-1] < 5000 else 0

        return self._stack.wait(has_begun)

    def end_of_train(self, began):
        """Wait for the end of the train that was under way at a tick; the last pulse's tick."""

        def end():
            now, ticks = self.pulses()
            last = began
            for tick in ticks:
                if tick > last and tick - last < PAUSE:
                    last = tick
            return last if now - last > PAUSE else 0

        return self._stack.wait(end)


@contextmanager
def running_stack(var: Path) -> Iterator[Stack]:
    """A stack that is down again after the block, with no process left behind."""
    stack = Stack(var)
    yield stack
    if stack.pids():
        stack.crepe("down", check=False)
    assert stack.pids() == []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def changed(directory: Path, name: str, changes: dict[str, object]) -> str:
    """The path of a shipped experiment with other values; None leaves a table out."""
    experiment = load_experiment(CONFIG / name, changes)
    return str(save_experiment(experiment, directory / "changed.json").path)


@pytest.fixture
def small(tmp_path) -> str:
    """The path of an experiment for faults."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return str(path)


@pytest.fixture
def stack(tmp_path, monkeypatch) -> Iterator[Stack]:
    """A stack for one test; nothing runs yet."""
    with running_stack(tmp_path / "a run %d é") as stack:
        monkeypatch.setenv("CREPE_VAR", str(stack.var))
        yield stack


@pytest.fixture(scope="module")
def _default_stack(tmp_path_factory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("shared")
    with running_stack(directory / "a run %d é") as stack:
        # With a port of its own no other stack takes it while the page is killed.
        own = {"dashboard.port": free_port()}
        stack.experiment = changed(directory, "rps.toml", LIGHT | own)
        stack.up = stack.crepe("up", stack.experiment, "--new").stdout
        yield stack


@pytest.fixture
def shared_stack(_default_stack, monkeypatch) -> Stack:
    """The default game, light, which the tests of a file share: it runs when they begin and end."""
    monkeypatch.setenv("CREPE_VAR", str(_default_stack.var))
    return _default_stack
