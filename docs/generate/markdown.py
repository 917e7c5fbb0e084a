"""Markdown: tables, headings and links to them."""

import re
from collections.abc import Iterable, Sequence

NOTE = "<!-- Generated from the code by `make reference`: edit the code, not this page. -->"


def page(title: str, *parts: str) -> str:
    """Return a page from its title and its parts, which blank lines separate."""
    return "\n\n".join([NOTE, f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a column without any entry is left out."""
    rows = [list(row) for row in rows]
    used = [at for at in range(len(head)) if any(row[at] for row in rows)]
    lines = [[head[at] for at in used], ["---"] * len(used)]
    lines += [[_cell(row[at]) for at in used] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """Return text as code."""
    return f"`{text}`"


def anchor(heading: str) -> str:
    """Return the anchor that GitHub and MyST make of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def heading(text: str) -> str:
    """Return the text of a heading: the name of a TOML table is code."""
    return code(text) if text.startswith("[") else text


def link_to(text: str) -> str:
    """Return a link to a heading of the same page."""
    return f"[{heading(text)}](#{anchor(text)})"


def sentence(text: str) -> str:
    """Return a docstring's text on one line, with a stop, beginning with a capital."""
    text = " ".join(text.split())
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
