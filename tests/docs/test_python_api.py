"""The page of the Python API has signatures, fields and sentences as plain Markdown."""

import ast

import pytest

from docs.generate.pages import DOCS
from docs.generate.python_api import _markdown, _object, _signature


def signature(text):
    (node,) = ast.parse(text).body
    return _signature(node)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("def f(self, a: int = 0, *, b=None) -> str: ...", "f(a: int = 0, *, b=None) -> str"),
        ("def f(*rest: int, c: str = 'x', **more): ...", "f(*rest: int, c: str = 'x', **more)"),
        ("def __init__(self, path: Path) -> None: ...", "__init__(path: Path)"),
    ],
)
def test_a_signature_is_that_of_the_source(source, shown):
    assert signature(source) == shown


def test_a_long_signature_has_a_line_for_each_parameter():
    parameters = [f"parameter_{i}: Sequence[str]" for i in range(5)]
    lines = signature(f"def f({', '.join(parameters)}) -> None: ...").splitlines()
    assert lines == ["f(", *(f"    {parameter}," for parameter in parameters), ") -> None"]


def test_the_sections_of_a_docstring_are_lists_and_its_examples_are_code():
    doc = """Return it.

Parameters
----------
name
    Of a thing,
    whole.

Examples
--------
>>> f("x")

    indented
"""
    assert _markdown(doc) == (
        "Return it.\n\n**Parameters**\n\n- `name`: Of a thing, whole.\n\n"
        '**Examples**\n\n```text\n>>> f("x")\n\nindented\n```'
    )


def test_results_fields_and_what_a_step_returns_are_on_the_page():
    page = (DOCS / "reference" / "python-api.md").read_text(encoding="utf-8")
    assert "Actor.step(message: Any) -> Output\n" in page
    assert "`Output` is one message, several in order, or None" in page
    assert "| `n_stimulated` | `int` | Of them those whose pulses were delivered" in page
    assert "Defaults: from the first sample kept" in page


def test_only_the_members_that_the_template_names_are_shown():
    shown = _object("crepe.errors", "-suggest")
    assert "Class `GapError`" in shown
    assert "`suggest()`" not in shown
    named = _object("crepe.store.Store", "declare")
    assert "`Store.declare()`" in named
    assert "`Store.close()`" not in named


def test_no_page_needs_the_site_to_be_read():
    for path in DOCS.rglob("*.md"):
        assert "```{" not in path.read_text(encoding="utf-8"), path
