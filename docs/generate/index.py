"""`index.md` and the README.md of each folder: lists of all pages, for readers without the site."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

FOLDERS: Mapping[str, tuple[str, str]] = {
    "tutorials": (
        "Tutorials",
        "To learn: each begins at nothing and ends with something that runs.",
    ),
    "how-to": ("How-to guides", "For a task at hand."),
    "explanations": ("Explanations", "To understand: how it works, and why it is so."),
    "reference": ("Reference", "To look up. Most of it is generated from the code."),
}
"""The folders of the documentation: title and purpose."""

FIRST = ("first-session", "analys", "write-an-actor", "design", "the-clock", "experiment-file")
"""Beginnings of the names of pages that come before the others of their folder, in order."""

_NOTE = "<!-- Made from the pages' titles by `make reference`: edit the pages, not this list. -->"

_INTRO = """CREPE runs closed-loop experiments with neuron cultures on multi-electrode arrays. The
[README](../README.md) says in a page what it is and how to start. It is for cells in culture, and
not a medical device."""

_MORE = """Every choice that could have been made otherwise is a [decision](decisions/README.md).
[CONTRIBUTING](../CONTRIBUTING.md) is for contributors, and [CHANGELOG](../CHANGELOG.md) lists
changes."""


def indexes(docs: Path, generated: Mapping[str, str]) -> dict[str, str]:
    """Return the pages by path; `generated` has the texts of other pages, which may be new."""
    lists = {folder: _pages(docs, folder, generated) for folder in FOLDERS}
    texts = {}
    parts = [_NOTE, "# CREPE", _INTRO]
    for folder, (title, purpose) in FOLDERS.items():
        if not lists[folder]:
            continue
        lines = [f"- [{name}]({folder}/{path})" for path, (name, _) in lists[folder].items()]
        parts += [f"## {title}", purpose, "\n".join(lines)]
        lines = [f"- [{name}]({path}){about}" for path, (name, about) in lists[folder].items()]
        texts[f"{folder}/README.md"] = _join(_NOTE, f"# {title}", purpose, "\n".join(lines))
    return texts | {"index.md": _join(*parts, "## More", _MORE)}


def _join(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def _pages(docs: Path, folder: str, generated: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the title and the first sentence of each page of a folder, by file name."""
    texts = {
        path.name: _text(path)
        for path in (docs / folder).glob("*")
        if path.suffix in (".md", ".ipynb") and path.name != "README.md"
    }
    texts |= {Path(p).name: text for p, text in generated.items() if Path(p).parent.name == folder}
    return {name: _title(texts[name], name) for name in sorted(texts, key=_place)}


def _place(name: str) -> tuple[int, str]:
    firsts = (at for at, beginning in enumerate(FIRST) if name.startswith(beginning))
    return next(firsts, len(FIRST)), name


def _text(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])


def _title(text: str, name: str) -> tuple[str, str]:
    """Return the title of a page, and its first sentence after a colon; empty without one."""
    match = re.search(r"^# (.+)\n+((?:.+\n?)*)", text, re.M)
    if match is None:
        raise ValueError(f"{name}: has no heading of the first level")
    if not match[2] or match[2].startswith(("#", "```", "|")):
        return match[1], ""
    paragraph = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", " ".join(match[2].split()))
    sentence, *_ = re.split(r"(?<=[.])\s+(?=[A-Z`])", paragraph)
    return match[1], f": {sentence.removesuffix(':')}" + "." * sentence.endswith(":")
