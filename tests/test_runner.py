"""Programs between a real server and a recording that comes as fast as it goes: nothing is lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import redis

from crepe import config, session
from crepe.hw.instrument import open_recorder
from crepe.store import Store
from crepe.store.redis_store import RedisStore

KEPT = 10_000  # samples: one second, the least that a stream keeps
LENGTH = 40_000
DEVICE = f"generator://?speed=0&n_channels=4&duration_s={LENGTH / 10_000}"
EXPERIMENT = f"""
[redis]
keep_s = 1.0

[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "{DEVICE}"

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data"]
writes = ["data:spikes"]

[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]
"""


class Programs:
    """Programs of one experiment, started one by one and without supervisord."""

    def __init__(self, var: Path, url: str) -> None:
        path = var / "replay.toml"
        path.write_text(EXPERIMENT, encoding="utf-8")
        found = config.load(path)
        self.session = session.begin(path, found.digest, found.seed, var)
        self.recording = var / "recordings" / f"{self.session.id}.h5"
        self.store = RedisStore(url)
        self._log = (var / "log").open("w+")
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {
            **os.environ,
            "CREPE_VAR": str(var),
            "CREPE_REDIS": url,
            "CREPE_EXPERIMENT": str(path),
        }

    def start(self, *names: str) -> None:
        for name in names:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "crepe", "run", name],
                env=self._environment,
                stdout=self._log,
                stderr=self._log,
            )

    def signal(self, name: str, number: signal.Signals) -> None:
        self._running[name].send_signal(number)

    def wait(self, is_so: Callable[[], object]) -> None:
        while not is_so():  # the test's time limit is the bound
            for name, program in self._running.items():
                assert program.poll() is None, f"{name} has ended\n{self.log}"
            time.sleep(0.02)

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def length(self) -> int:
        newest = self.store.last("data")
        return newest.stop if newest else 0

    def first(self) -> int:
        oldest = self.store.first("data")
        return oldest.start if oldest else 0

    def reached(self, reader: str) -> int:
        """What the reader has said it has of `data`."""
        with redis.Redis.from_url(self.store.url) as client:
            return int(client.hget("crepe:data:readers", reader) or 0)

    def state(self, name: str) -> str:
        return self.store.beats().get(name, {}).get("state", "")

    def close(self) -> None:
        for program in self._running.values():
            program.send_signal(signal.SIGCONT)
            program.terminate()
        for program in self._running.values():
            program.wait()
        self.store.close()
        self._log.close()


@pytest.fixture
def programs(own_server, tmp_path) -> Iterator[Programs]:
    own_server.start()
    found = Programs(tmp_path, own_server.url)
    yield found
    found.close()


def test_a_replay_waits_for_readers_that_start_late_or_hang_and_loses_nothing(programs):
    programs.start("acquire")
    programs.wait(lambda: programs.length() >= KEPT)
    programs.start("record", "detect")
    programs.wait(lambda: programs.reached("record") > 0)
    programs.signal("record", signal.SIGSTOP)
    reached = programs.reached("record")
    programs.wait(lambda: programs.length() == reached + KEPT)
    assert programs.first() <= reached
    programs.signal("record", signal.SIGCONT)
    programs.wait(lambda: programs.state("record") == "ended")
    recorder = open_recorder(DEVICE)
    recorder.open(0)
    with Store(programs.recording) as kept:
        assert kept["data"].gaps(0, LENGTH) == kept["data:spikes"].gaps(0, LENGTH) == []
        read = kept["data"].read(0, LENGTH)
    for start in range(0, LENGTH, 100):
        segment = recorder.read(1.0)
        np.testing.assert_array_equal(read[:, start : start + 100], segment.samples)
