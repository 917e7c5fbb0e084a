"""What a newcomer's machine reads first: pins, the Makefile's choice of Python, the hooks."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from crepe import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
RANGES = [
    Requirement(text)
    for text in [
        *PROJECT["dependencies"],
        *PROJECT["optional-dependencies"]["test"],
        *PROJECT["optional-dependencies"]["analysis"],
        *PROJECT["optional-dependencies"]["digits"],
        *PROJECT["optional-dependencies"]["docs"],
        *PROJECT["optional-dependencies"]["pandas"],
    ]
]


def test_every_pin_is_one_version_without_hash_or_host() -> None:
    for pin in PINS:
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(pin.specifier)), pin
        assert pin.url is None
    text = (ROOT / "constraints.txt").read_text()
    assert not re.search(r"https?:|--|sha256|file:", text)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
def test_a_python_has_one_pin_of_a_name(python: str) -> None:
    here = {"python_version": python, "python_full_version": f"{python}.0"}
    names = [pin.name for pin in PINS if pin.marker is None or pin.marker.evaluate(here)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("needed", RANGES, ids=lambda needed: needed.name)
def test_every_dependency_has_a_pin_within_its_range(needed: Requirement) -> None:
    name = canonicalize_name(needed.name)
    (pin,) = [pin for pin in PINS if canonicalize_name(pin.name) == name]
    (exact,) = pin.specifier
    assert exact.version in needed.specifier


def test_the_hooks_are_commands_of_this_machine() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: *(\S+)", text) == ["local"]


def test_ci_runs_all_tests_and_makes_the_documents() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    lines = script.read_text().splitlines()
    targets = ["test", "test-long", "test-neighbours", 'PYTHON="$python" test-cl', "docs"]
    made = [line.strip() for line in lines if line.strip().startswith("make ")]
    assert made == [f"make {target}" for target in targets]
    assert "set -eu" in lines  # the first that fails ends it


WORKS = '#!/bin/sh\ncase "$2" in *print*) echo 3.12;; esac\nexit 0\n'
SHIM = "#!/bin/sh\necho 'not installed' >&2\nexit 127\n"
OLD = '#!/bin/sh\ncase "$2" in *print*) echo 3.9; exit 0;; esac\nexit 1\n'
BARE = '#!/bin/sh\ncase "$2" in *print*) echo 3.12;; *ensurepip*) exit 1;; esac\nexit 0\n'


def choose(pythons: dict[str, str], directory: Path) -> "subprocess.CompletedProcess[str]":
    """`make python` where only these are on the PATH."""
    for name, text in pythons.items():
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    make = shutil.which("make")
    if make is None:
        pytest.skip("no make")
    (directory / "sh").symlink_to("/bin/sh")
    return subprocess.run(
        [make, "-C", str(ROOT), "--no-print-directory", "python"],
        env={"PATH": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("pythons", "chosen"),
    [
        ({"python3.13": WORKS, "python3.11": WORKS}, "python3.13"),
        ({"python3.14": SHIM, "python3.12": WORKS}, "python3.12"),
        ({"python3.13": BARE, "python3.11": WORKS}, "python3.11"),
        ({"python3": WORKS}, "python3"),
        ({"python3": OLD, "python": WORKS}, "python"),
    ],
)
def test_make_takes_the_newest_python_that_works(
    pythons: dict[str, str], chosen: str, tmp_path: Path
) -> None:
    answer = choose(pythons, tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == str(tmp_path / chosen)


@pytest.mark.parametrize(
    ("pythons", "said"),
    [
        ({}, "found none, CREPE needs 3.11 or newer"),
        ({"python3": OLD}, "found python3 3.9, CREPE needs 3.11 or newer"),
        ({"python3.12": BARE}, "apt-get install python3.12-venv"),
    ],
)
def test_make_says_what_is_missing_and_how_to_get_it(
    pythons: dict[str, str], said: str, tmp_path: Path
) -> None:
    answer = choose(pythons, tmp_path)
    assert answer.returncode != 0
    assert said in answer.stderr


def test_the_citation_names_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in text
    assert "\ncff-version: 1.2.0\n" in f"\n{text}"


def test_no_text_installs_the_pitch_tracker() -> None:
    """`crepe` on the index is another package (decision 66)."""
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.ipynb")]
    texts += (ROOT / "crepe").rglob("*.py")
    pattern = re.compile(r"\b(?:install|add|download)(?: -\S+)* ['\"]?crepe(?![\w-]|\.\w)")
    assert [path for path in texts if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_the_classifiers_claim_what_was_tried() -> None:
    table = (ROOT / "docs" / "reference" / "tried-on.md").read_text(encoding="utf-8")
    tried = [row for row in table.splitlines() if row.endswith("| tried |")]
    pythons = set(re.findall(r"\b3\.\d+", " ".join(tried)))
    claims = " ".join(PROJECT["classifiers"])
    assert set(re.findall(r":: Python :: (3\.\d+)", claims)) == pythons
    assert "MacOS" not in claims
    assert "Windows" not in claims


def test_the_readme_of_an_index_leads_nowhere_but_out() -> None:
    hook = pytest.importorskip("hatch_build").Readme(str(ROOT), {})
    metadata: dict[str, dict[str, str]] = {}
    hook.update(metadata)
    text = metadata["readme"]["text"]
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []
    assert "![" not in text
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) == len(readme.splitlines()) - 2  # the picture


def test_the_readme_names_every_extra() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    extras = set(PROJECT["optional-dependencies"])
    assert {name for name in extras if f"`{name}`" not in readme} == set()
