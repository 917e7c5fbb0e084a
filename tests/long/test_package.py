"""The distribution as a stranger gets it: built, installed without a clone, and played."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3

import crepe

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "docs" / "how-to" / "install.md"
MOST_MB = 430
LARGE_MB = 20  # the page on installing has a line for each package above this


def run(*command: object, **options: object) -> str:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sdist, and the wheel that is built from it."""
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", directory, ROOT)
    return directory


def wheel_in(directory: Path) -> Path:
    (wheel,) = directory.glob("crepe_mea-*.whl")
    return wheel


class Installed(NamedTuple):
    """An environment with the wheel, and an empty directory to work in."""

    venv: Path
    directory: Path

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    def crepe(self, *arguments: object) -> str:
        return run(
            self.venv / "bin" / "crepe", *arguments, cwd=self.directory, env=self.environment
        )

    @property
    def environment(self) -> dict[str, str]:
        """Neither HOME nor anything of CREPE's."""
        return {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own, with its dependencies from the index, as `make`."""
    directory = tmp_path_factory.mktemp("stranger")
    run(sys.executable, "-m", "venv", directory / "venv")
    (directory / "empty").mkdir()
    environment = Installed(directory / "venv", directory / "empty")
    pip = [environment.python, "-m", "pip", "install", "--quiet", "--no-compile"]
    pins = ["--only-binary", ":all:", "-c", ROOT / "constraints.txt"]
    run(*pip, *pins, wheel_in(dist), cwd=environment.directory)
    return environment


def digests(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {i.filename: hashlib.sha256(archive.read(i)).hexdigest() for i in archive.infolist()}


def test_the_sdist_gives_the_wheel_of_the_clone(dist: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, ROOT)
    assert digests(wheel_in(dist)) == digests(wheel_in(tmp_path))


def test_the_sdist_has_every_file_of_the_repository(dist: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    tracked = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--deduplicate").split("\0")
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {name for name in tracked if name and (ROOT / name).exists()} <= names


def test_the_wheel_has_its_types_and_each_experiment_once(dist: Path) -> None:
    content = digests(wheel_in(dist))
    assert "crepe/py.typed" in content
    names = [name for name in content if name.endswith(".toml")]
    config = ROOT / "config"
    files = [path.relative_to(config).as_posix() for path in config.rglob("*.toml")]
    shipped = [f"crepe/experiments/{name}" for name in files]
    assert sorted(names) == sorted(shipped)


def test_an_index_takes_the_distribution(dist: Path) -> None:
    assert "FAILED" not in run(sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir())


def test_a_stranger_writes_an_experiment_plays_it_and_reads_the_report(
    installed: Installed,
) -> None:
    where = "import crepe; print(crepe.__version__, crepe.__file__)"
    version, file = run(installed.python, "-c", where, cwd=installed.directory).split()
    assert version == crepe.__version__
    assert Path(file).is_relative_to(installed.venv)
    assert "rps.toml: written" in installed.crepe("new")
    assert "rps.toml: fits" in installed.crepe("check", "rps.toml")
    assert "crepe/experiments/rps.toml: fits" in installed.crepe("check")  # without a file
    played = json.loads(
        installed.crepe("play", "rps.toml", "--rounds", "2", "--lockstep", "--json")
    )
    assert played["n_finished"] == 2
    var = installed.directory / "var"
    assert Path(played["recording"]).is_relative_to(var)
    report = re.search(r"report: (\S+)", installed.crepe("report", "last"))
    assert report is not None
    assert Path(report[1]).is_relative_to(var)
    assert Path(report[1]).stat().st_size > 10_000
    assert {path.name for path in installed.directory.iterdir()} == {"rps.toml", "var"}


def test_up_the_page_and_the_store_need_no_clone(installed: Installed) -> None:
    started = json.loads(installed.crepe("up", "--new", "--json"))
    try:
        read = "from crepe import Store; s = Store()['data']; print(s.wait(0, 100, 60).shape)"
        environment = {"cwd": installed.directory, "env": installed.environment}
        assert run(installed.python, "-c", read, **environment) == "(60, 100)\n"
        link = started["live_page"]["operator"]
        answer = urllib3.request("GET", link, redirect=False)
        cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
        static = ROOT / "crepe" / "dashboard" / "static"
        names = [path.relative_to(static).as_posix() for path in static.rglob("*.*")]
        for name in ("", "uPlot.js", *(f"static/{name}" for name in names if name != "index.html")):
            url = f"{link.partition('?')[0]}{name}"
            answer = urllib3.request("GET", url, headers=cookie, retries=False)
            assert answer.status == 200, url
    finally:
        installed.crepe("down")


def test_the_page_on_installing_names_each_large_package(installed: Installed) -> None:
    (packages,) = installed.venv.glob("lib/python*/site-packages")
    n_bytes = {
        PathDistribution(about).metadata["Name"]: sum(
            path.stat().st_size
            for file in PathDistribution(about).files or ()
            if (path := Path(str(file.locate()))).is_file()
        )
        for about in packages.glob("*.dist-info")
    }
    text = INSTALL.read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([\w-]+)` \| \d+ MB \|", text, re.M))
    assert {name for name, size in n_bytes.items() if size > LARGE_MB * 1e6} <= named
    assert sum(n_bytes.values()) < MOST_MB * 1e6


def test_the_pitch_tracker_beside_it_is_reported(installed: Installed, tmp_path: Path) -> None:
    tracker = tmp_path / "crepe-0.0.16-py3-none-any.whl"
    about = "crepe-0.0.16.dist-info"
    files = {
        "crepe/__init__.py": "from .core import predict\n",
        "crepe/__main__.py": "from .cli import main\nmain()\n",
        "crepe/cli.py": "def main():\n    print('tracks pitch')\n",
        "crepe/core.py": "predict = None\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: crepe\nVersion: 0.0.16\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": "[console_scripts]\ncrepe = crepe.cli:main\n",
    }
    with zipfile.ZipFile(tracker, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in files))
    pip = [installed.python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    run(*pip, tracker)
    done = subprocess.run(
        [installed.venv / "bin" / "crepe", "audio.wav"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "has files of two packages, crepe-mea and crepe 0.0.16" in done.stderr
