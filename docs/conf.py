"""The documentation site: Sphinx, MyST and the pydata theme (decision 45). `make docs` builds it.

The pages are plain Markdown without directives, so that they read the same without the site. What
the site needs beyond that is added while pages are read: the tree of pages, and links to files of
the repository outside `docs`.
"""

import os
import re
from pathlib import Path
from typing import Any

from crepe import __version__

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)(?=[)#])")
NAMED = re.compile(r"\[([^]]+)\]\(([^)#\s]+)\)")

project = "CREPE"
author = "The CREPE authors"
release = version = __version__

extensions = ["myst_nb"]
myst_heading_anchors = 4  # [text](page.md#heading) works as in a repository's viewer
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300  # seconds per cell

html_theme = "pydata_sphinx_theme"
html_title = "CREPE"
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True, "show_toc_level": 2}


def add_what_the_site_needs(app: Any, docname: str, source: list[str]) -> None:
    """Add the tree of pages to a list of pages, and let links lead to pages and files."""
    del app
    folder = (DOCS / docname).parent
    text, base = source[0], folder
    if folder.name == "project" and docname != "project/README":
        (path,) = (p for p in ROOT.glob("*.md") if p.stem.lower() == Path(docname).name)
        text, base = path.read_text(encoding="utf-8"), ROOT
    text = LINK.sub(lambda match: _link(match[1], base, folder), text)
    # A directory without a README has no page: its name stays, as text.
    text = NAMED.sub(lambda match: match[1] if (folder / match[2]).is_dir() else match[0], text)
    if docname == "index":
        folders = sorted(path.parent for path in DOCS.glob("*/README.md"))
        # As the page lists them; -1, for `project`, becomes the last.
        folders.sort(key=lambda path: source[0].find(f"({path.name}/") % len(text))
        text += _toctree([*(folder / "README" for folder in folders), *_listed(text, DOCS)])
    elif docname.endswith("/README"):
        text += _toctree(_listed(text, folder))
    source[0] = text


def _link(link: str, base: Path, folder: Path) -> str:
    """Return a link for a page in `folder`, where `base` is the directory that it is relative to.

    A document at the root has a page in `project`; a directory leads to its README.
    """
    target = Path(os.path.normpath(base / link))
    if target.parent == ROOT and target.suffix == ".md":
        target = DOCS / "project" / target.name.lower()
    elif target.is_dir():
        target = target / "README.md" if (target / "README.md").is_file() else target
    return Path(os.path.relpath(target, folder)).as_posix() if target.exists() else link


def _listed(text: str, folder: Path) -> list[Path]:
    """Return the pages of a folder without its README, in the order in which the text has them."""
    pages = [path for path in sorted(folder.iterdir()) if path.suffix in (".md", ".ipynb")]
    links = LINK.findall(text)
    pages.sort(key=lambda path: links.index(path.name) if path.name in links else len(links))
    return [path.with_suffix("") for path in pages if path.stem not in ("README", "index")]


def _toctree(pages: list[Path]) -> str:
    names = "\n".join(f"/{page.relative_to(DOCS).as_posix()}" for page in pages)
    return f"\n\n```{{toctree}}\n:hidden:\n\n{names}\n```\n"


def setup(app: Any) -> None:
    """Connect this file to Sphinx."""
    app.connect("source-read", add_what_the_site_needs)
