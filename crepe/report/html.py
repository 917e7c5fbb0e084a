"""A page as a tree of elements, so that text is text whatever characters it holds."""

# Decision 29: why no template.

from base64 import b64encode
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from crepe.report.style import Picture

Element = ET.Element
Part = Element | str

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .7em 0 .3em; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.2em 0 .5em; border-bottom: 2px solid #ddd; }
p, li { max-width: 46rem; overflow-wrap: anywhere; }
.simulated { background: #D55E00; color: #fff; padding: .5rem 1rem; border-radius: .3rem; }
.simulated strong { font-size: 2.2rem; letter-spacing: .08em; display: block; line-height: 1.2; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #e4e4e4;
  vertical-align: top; }
td { overflow-wrap: anywhere; }
.numbers th, .numbers td { white-space: nowrap; min-width: 3.2rem; }
figure { margin: 1.2rem 0; }
figure img { width: 100%; height: auto; display: block; }
figcaption, .small { font-size: .9rem; color: #444; max-width: 46rem; }
pre { overflow-x: auto; background: #f5f5f5; padding: .8rem; font-size: .82rem; }
summary { cursor: pointer; }
@media (max-width: 640px) { figure img { width: 640px; max-width: none; } }
@media print { figure, table { break-inside: avoid; } }
"""


def element(tag: str, *parts: Part, **attributes: str) -> Element:
    """Return an element with text and elements inside; `class_` is the attribute `class`."""
    node = ET.Element(tag, {name.rstrip("_"): value for name, value in attributes.items()})
    for part in parts:
        if not isinstance(part, str):
            node.append(part)
        elif len(node):
            # ElementTree keeps the text that follows a child in that child's tail.
            node[-1].tail = (node[-1].tail or "") + _clean(part)
        else:
            node.text = (node.text or "") + _clean(part)
    return node


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Element:
    """Return a table; without a head, the first cell of each row is its name."""
    node = element("table", class_="numbers" if len(head) > 2 else "words")
    if head:
        node.append(element("tr", *(element("th", cell, scope="col") for cell in head)))
    for row in rows:
        first, *rest = row
        name = element("td", first) if head else element("th", first, scope="row")
        node.append(element("tr", name, *(element("td", cell) for cell in rest)))
    return element("div", node, class_="wide")


def figure(picture: Picture, caption: str) -> Element:
    """Return a figure whose image is part of the page."""
    source = "data:image/png;base64," + b64encode(picture.png).decode()
    image = element("img", src=source, alt=_clean(picture.alt))
    return element(
        "figure", element("div", image, class_="wide"), element("figcaption", caption)
    )  # fmt: skip


def section(title: str, *parts: Part) -> Element:
    """Return a section with its heading."""
    return element("section", element("h2", title), *parts)


def page(title: str, *parts: Part) -> str:
    """Return the whole document."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", STYLE),
    )
    html = element("html", head, element("body", *parts), lang="en")
    return "<!DOCTYPE html>\n" + ET.tostring(html, encoding="unicode", method="html") + "\n"


def _clean(text: str) -> str:
    """Return text with characters replaced that no page may hold.

    Those are control characters and lone surrogates.
    """
    kept = (
        c if c in "\n\t" or c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
    return "".join(kept)
