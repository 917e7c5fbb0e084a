"""All generated pages, by path."""

from collections.abc import Callable, Mapping
from pathlib import Path

from docs.generate.cli import cli
from docs.generate.experiment_file import experiment_file
from docs.generate.http import http
from docs.generate.index import indexes
from docs.generate.python_api import python_api
from docs.generate.streams import streams
from docs.generate.sweep_file import sweep_file

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

REFERENCE: Mapping[str, Callable[[], str]] = {
    "reference/experiment-file.md": experiment_file,
    "reference/sweep-file.md": sweep_file,
    "reference/streams.md": streams,
    "reference/cli.md": cli,
    "reference/python-api.md": python_api,
    "reference/http.md": http,
}


def pages() -> dict[Path, str]:
    """Return the text of each generated page."""
    texts = {name: make() for name, make in REFERENCE.items()}
    texts |= indexes(DOCS, texts) | _project()
    return {DOCS / name: text for name, text in texts.items()}


def _project() -> dict[str, str]:
    """Return a page of the site for each document at the root; conf.py puts the text in."""
    paths = sorted(ROOT.glob("*.md"))
    lines = [f"- [{path.stem.capitalize()}]({path.name.lower()})" for path in paths]
    return {
        f"project/{path.stem.lower()}.md": f"# {path.stem}\n\nSee [it](../../{path.name}).\n"
        for path in paths
    } | {"project/README.md": "# Project\n\n" + "\n".join(lines) + "\n"}
