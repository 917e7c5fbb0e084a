"""An environment whose command `crepe` is a stand-in."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crepe.supervise import control

STAND_IN = """#!/bin/sh
echo "$* in $CREPE_VAR with $EXTRA"
if [ "$2" = broken ]; then echo "electrode 99: not there"; exit 1; fi
exec sleep 1000
"""


@pytest.fixture
def clone(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An environment of its own, whose command `crepe` is a stand-in; stopped at the end."""
    root = tmp_path_factory.mktemp("c") / "100 % é"
    (root / "bin").mkdir(parents=True)
    base = Path(sys.executable).resolve()
    (root / "bin" / "python").symlink_to(base)
    (root / "lib").symlink_to(Path(sys.prefix) / "lib")
    (root / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    (root / "bin" / "crepe").write_text(STAND_IN)
    (root / "bin" / "crepe").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(root / "bin" / "python"))
    monkeypatch.setenv("TMPDIR", str(root))
    monkeypatch.setenv("CREPE_VAR", str(root / "var"))
    yield root
    control.down(timeout_s=10, var=root / "var")
