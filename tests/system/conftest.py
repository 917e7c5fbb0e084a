"""A whole CREPE under supervisord, in a run-time directory of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

CREPE = [sys.executable, "-m", "crepe"]


class Stack:
    """CREPE in a run-time directory of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.environment = {**os.environ, "CREPE_VAR": str(var)}

    def crepe(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*CREPE, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def rows(self) -> dict[str, dict]:
        done = self.crepe("status", "--json", check=False)
        return {row["program"]: row for row in json.loads(done.stdout or "[]")}

    def pids(self) -> list[int]:
        found = []
        for process in psutil.process_iter(["environ"]):
            if (process.info["environ"] or {}).get("CREPE_VAR") == str(self.var):
                found.append(process.pid)
        return found

    def wait(self, is_so, seconds=40.0):
        deadline = time.monotonic() + seconds
        while not (found := is_so()):
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.1)
        return found

    def logs(self) -> str:
        return "\n".join(f"{p.name}: {p.read_text()[-800:]}" for p in (self.var / "log").glob("*"))


@pytest.fixture
def stack(tmp_path, monkeypatch) -> Iterator[Stack]:
    found = Stack(tmp_path / "a run %d é")
    monkeypatch.setenv("CREPE_VAR", str(found.var))
    yield found
    found.crepe("down", check=False)
    assert found.pids() == []
