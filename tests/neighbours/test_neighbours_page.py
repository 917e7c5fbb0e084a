"""The table of neighbours: its versions and licences are those of this environment."""

from importlib.metadata import PackageNotFoundError, metadata

import pytest

from tests.document_files import ROOT

PAGE = ROOT / "docs" / "reference" / "neighbours.md"
LONGEST_LICENCE = 40  # longer fields of metadata hold the whole text


def rows() -> list[list[str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return cells[2:]


def licence(about) -> str:
    """The licence of a package by its metadata, which have three places for it."""
    written = about.get("License-Expression") or about.get("License") or ""
    if 0 < len(written) < LONGEST_LICENCE:
        return written
    classifiers = [c for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    return classifiers[-1].rpartition(" :: ")[2].removesuffix(" License")


@pytest.mark.parametrize(
    "row", [row for row in rows() if row[1].startswith("`")], ids=lambda row: row[0]
)
def test_version_and_licence_are_those_of_the_package(row):
    _, version, _, _, stated, _ = row
    name, _, _ = version.strip("`").partition(" ")
    try:
        about = metadata(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not in this environment")
    assert version == f"`{name} {about['Version']}`", f"{PAGE.name} is out of date"
    assert stated == licence(about), f"{PAGE.name} is out of date"


def test_every_row_names_its_tests_and_every_test_has_a_row():
    named = {name.strip(" `") for row in rows() for name in row[-1].split(",")}
    here = {path.stem for path in (ROOT / "tests" / "neighbours").glob("test_*.py")}
    assert {name for name in named if not [*(ROOT / "tests").rglob(f"{name}.py")]} == set()
    others = {"test_neighbours_page", "test_cl_analysis"}  # a page of its own compares statistics
    assert here - named == others
