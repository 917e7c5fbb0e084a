"""The page about peers shows the figures that the last release kept."""

from pathlib import Path

from benchmarks.peers import results

DOCS = Path(__file__).parents[2] / "docs"


def test_the_table_is_that_of_the_newest_figures():
    newest = max((DOCS / "data" / "peers").glob("*.json"), key=_version)
    kept = results.Results.read(newest)
    page = (DOCS / "explanations" / "peers.md").read_text(encoding="utf-8")
    assert results.table(kept) in page
    assert kept.date in page
    assert f"peers/{newest.name}" in page


def _version(path):
    return tuple(map(int, path.stem.split(".")))
