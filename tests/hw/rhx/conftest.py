"""A run directory of its own, a simulated RHX in it, and the program `rhx`."""

import pytest

from tests.running_rhx import running_rhx, running_service


@pytest.fixture(autouse=True)
def _own_run_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "var"))


@pytest.fixture
def rhx():
    """A simulated RHX; its command port is closed."""
    with running_rhx() as simulator:
        yield simulator


@pytest.fixture
def session(rhx):
    """The program `rhx`, for whose connection an operator has clicked."""
    rhx.click()
    with running_service() as session:
        yield session
