"""The pitch tracker `crepe` in the same environment is reported, whichever was installed last."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import crepe
from crepe.environment.installation import mixture, pip_install

SENTENCE = (
    "has files of two packages, crepe-mea and crepe 0.0.16 (on the index a pitch tracker): "
    "uninstall both, and install crepe-mea into an environment of its own\n"
)
TRACKER = {  # of the tracker, what matters here: its command imports `crepe.cli:main`
    "crepe/__init__.py": "from .core import predict\n",
    "crepe/__main__.py": "from .cli import main\nmain()\n",
    "crepe/cli.py": "def main():\n    print('tracks pitch')\n",
    "crepe/core.py": "predict = None\n",
}


def site(directory: Path) -> Path:
    """Site-packages with as much of CREPE as tells what is installed."""
    package = Path(crepe.__file__).parent
    for name in ("__init__.py", "cli/__init__.py", "environment/installation.py"):
        path = directory / "crepe" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((package / name).read_bytes())
    return directory


def install(directory: Path, names: list[str], record: str = "RECORD") -> None:
    """Install the tracker, or as much of it as CREPE has not overwritten."""
    for name in names:
        (directory / name).write_text(TRACKER[name])
    about = directory / "crepe-0.0.16.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: crepe\nVersion: 0.0.16\n")
    (about / record).write_text("".join(f"{name},,\n" for name in TRACKER))


def run(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        env={"PYTHONPATH": str(directory)},
        cwd=directory.parent,
        capture_output=True,
        text=True,
        check=False,
    )


ASK = ("-c", "from crepe.environment.installation import mixture; print(mixture())")


def test_the_tracker_under_crepe_is_reported(tmp_path: Path) -> None:
    install(site(tmp_path / "site"), ["crepe/cli.py", "crepe/core.py"])
    assert run(tmp_path / "site", *ASK).stdout == f"{tmp_path / 'site' / 'crepe'} {SENTENCE}"


@pytest.mark.parametrize("command", [("-m", "crepe"), ("-c", "from crepe.cli import main; main()")])
def test_the_command_of_the_tracker_over_crepe_fails_with_the_reason(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    install(site(tmp_path / "site"), list(TRACKER))
    answer = run(tmp_path / "site", *command, "audio.wav")
    assert answer.returncode == 1
    assert answer.stderr == f"crepe: {tmp_path / 'site' / 'crepe'} {SENTENCE}"


def test_a_tracker_elsewhere_is_no_mixture(tmp_path: Path) -> None:
    site(tmp_path / "site")
    (tmp_path / "other" / "crepe").mkdir(parents=True)
    install(tmp_path / "other", list(TRACKER))
    answer = run(tmp_path / "site", "-c", f"import sys; sys.path.append('../other'); {ASK[1]}")
    assert answer.stdout == "\n", answer.stderr


def test_what_an_earlier_build_left_in_a_clone_is_no_mixture(tmp_path: Path) -> None:
    install(site(tmp_path / "site"), [], record="SOURCES.txt")
    assert run(tmp_path / "site", *ASK).stdout == "\n"


def test_crepe_alone_is_no_mixture() -> None:
    assert mixture() == ""


def test_the_version_is_no_question_to_the_metadata(tmp_path: Path) -> None:
    install(site(tmp_path / "site"), [])
    answer = run(tmp_path / "site", "-c", "import crepe; print(crepe.__version__)")
    assert answer.stdout == f"{crepe.__version__}\n"


def test_the_command_to_install_is_that_of_this_python():
    assert pip_install("rpyc>=6").endswith(" -m pip install 'rpyc>=6'")
    assert pip_install("pandas").startswith(shlex.quote(sys.executable))
