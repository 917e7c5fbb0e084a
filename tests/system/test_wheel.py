"""What a wheel built from the clone holds, tried as an installation without the clone's package."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import urllib3

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Path:
    """A directory into which the wheel was installed; its dependencies are those of the tests."""
    directory = tmp_path_factory.mktemp("wheel")
    source = directory / "source"  # a copy: the build directory of the clone may hold old modules
    shutil.copytree(ROOT / "crepe", source / "crepe")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([*PIP, "wheel", "-q", "--no-deps", "-w", directory, source], check=True)
    (wheel,) = directory.glob("*.whl")
    target = directory / "installed"
    subprocess.run([*PIP, "install", "-q", "--no-deps", "--target", target, wheel], check=True)
    return target


def test_the_wheel_says_that_it_is_typed(installation):
    assert (installation / "crepe" / "py.typed").is_file()


def test_an_experiment_of_the_clone_runs_from_the_wheel_with_its_page(installation, stack):
    stack.environment["PYTHONPATH"] = str(installation)
    imported = subprocess.run(
        [sys.executable, "-c", "import crepe; print(crepe.__path__[0])"],
        env=stack.environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert Path(imported.strip()) == installation / "crepe"
    stack.crepe("up", str(ROOT / "config" / "rps.toml"), "--new")
    environment = Path(f"/proc/{stack.rows()['dashboard']['pid']}/environ")
    if environment.exists():  # Linux: the programs, too, are those of the wheel
        assert os.fsencode(f"PYTHONPATH={installation}") in environment.read_bytes()
    answer = urllib3.request("GET", stack.page_links().operator, redirect=False)
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    url = stack.server("dashboard")["url"]
    static = ROOT / "crepe/dashboard/static"
    for file in sorted(path for path in static.rglob("*") if path.is_file()):
        name = file.relative_to(static).as_posix()
        path = "/" if name == "index.html" else f"/static/{name}"
        answer = urllib3.request("GET", f"{url}{path}", headers=cookie, retries=False)
        assert answer.status == 200, path
