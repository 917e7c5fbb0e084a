"""The documents name only files, headings, modules and decisions that exist."""

import re
import tomllib
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
DOTTED = re.compile(
    r"\bcrepe(?!\.(?:recorders|stimulators|stops)\b)(?:\.\w+)+(?::\w+)?"
)  # no groups
FILE = re.compile(r"\b(?:crepe|tests|benchmarks|config)/[\w/.-]+\.(?:py|toml)\b")
CITATION = re.compile(r"\b[Dd]ecisions? (\d+)")


def text_of(path: Path) -> str:
    """Return the text of a document; of the CHANGELOG's table only the new names."""
    text = path.read_text(encoding="utf-8")
    if path.name != "CHANGELOG.md":
        return text
    rows = [line for line in text.splitlines() if line.lstrip().startswith("|")]
    return "\n".join(row.split("|")[2] for row in rows)


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def in_documents(pattern: re.Pattern[str]) -> list[str]:
    return sorted({match[0] for path in DOCUMENTS for match in pattern.finditer(text_of(path))})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_resolves(path: Path) -> None:
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", in_documents(DOTTED))
def test_every_module_path_exists(name: str) -> None:
    try:
        resolve_name(name)
    except ImportError as error:
        if error.name not in ("cl", "brian2"):  # the CL SDK is no dependency, Brian2 an extra
            raise


@pytest.mark.parametrize("name", in_documents(FILE))
def test_every_file_exists(name: str) -> None:
    assert (ROOT / name).is_file()


def test_contributing_lists_every_room_on_its_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = [c for c in project["tool"]["importlinter"]["contracts"] if "layers" in c]
    expected = [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]
    floors: list[set[str]] = []
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for number, rooms in re.findall(r"^\| (\d*) ?\| (`[^|]+`) \|", text, re.M):
        if number:
            floors.append(set())
        floors[-1] |= set(re.findall(r"`(\w+)`", rooms))
    assert floors == expected


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_all_parts_and_is_in_the_index(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    match = re.match(r"# (\d+)\. (.+)\n\n- Date: \d{4}-\d\d-\d\d\n- Status: \w+", text)
    assert match
    assert int(match[1]) == int(path.name[:4])
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Consequences"]
    index = (path.parent / "README.md").read_text(encoding="utf-8")
    assert f"| {match[1]} | [{match[2]}]({path.name}) |" in index


def test_every_cited_decision_exists() -> None:
    sources = [*DOCUMENTS, ROOT / "pyproject.toml", *(ROOT / "crepe").rglob("*.py")]
    numbers = {int(n) for path in sources for n in CITATION.findall(path.read_text("utf-8"))}
    assert 39 in numbers  # the search works
    assert numbers <= {int(path.name[:4]) for path in DECISIONS}
