"""The sentences beside the fields of a class, read from its source.

A setting has its sentence in the docstring below it, a message field in the comment `#:` on its
line or above it. Neither costs a running program anything.
"""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

_MARK = "#:"


def field_sentences(kind: type) -> dict[str, str]:
    """Return the sentence of each field of a class and its bases, by name."""
    sentences: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.split(".")[0] == kind.__module__.split(".")[0]:
            sentences |= _sentences(base.__module__, base.__name__)
    return sentences


def source_type(kind: type, field: str) -> str:
    """Return the type of a field as the source of its class writes it."""
    for base in kind.__mro__[:-1]:
        for node in _classes_of_module(base.__module__)[0]:
            for statement in node.body if node.name == base.__name__ else ():
                if isinstance(statement, ast.AnnAssign) and _target(statement) == field:
                    return ast.unparse(statement.annotation)
    raise LookupError(f"{kind.__name__} has no field {field!r}")


def description(kind: type) -> str:
    """Return the docstring of a class or function, without indentation."""
    return inspect.cleandoc(kind.__doc__ or "")


def summary(kind: type) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join(description(kind).split("\n\n")[0].split())


@cache
def _classes_of_module(name: str) -> tuple[list[ast.ClassDef], list[str]]:
    """Return the classes of a module and the lines of its source."""
    text = Path(sys.modules[name].__file__ or "").read_text(encoding="utf-8")
    tree = ast.parse(text)
    return [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)], text.splitlines()


def _sentences(name: str, class_name: str) -> dict[str, str]:
    """Return the sentences of the fields of a class of a module."""
    nodes, lines = _classes_of_module(name)
    return {
        field: text
        for node in nodes
        if node.name == class_name
        for field, text in _of_class(node, lines).items()
    }


def _of_class(node: ast.ClassDef, lines: list[str]) -> dict[str, str]:
    sentences = {}
    for statement, below in pairwise([*node.body, ast.Pass()]):
        name = _target(statement)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            sentences[name] = " ".join(str(below.value.value).split())
        elif name:
            sentences[name] = _marked(statement, lines)
    return {name: text for name, text in sentences.items() if name and text}


def _target(statement: ast.stmt) -> str:
    """Return the name that a statement assigns to or declares, or an empty text."""
    match statement:
        case ast.AnnAssign(target=ast.Name(name)) | ast.Assign(targets=[ast.Name(name)]):
            return name
    return ""


def _marked(statement: ast.stmt, lines: list[str]) -> str:
    """Return the comment `#:` behind a statement, or in the lines above it."""
    _, mark, behind = lines[(statement.end_lineno or statement.lineno) - 1].partition(_MARK)
    if mark:
        return behind.strip()
    above: list[str] = []
    for line in reversed(lines[: statement.lineno - 1]):
        if not line.strip().startswith(_MARK):
            break
        above.insert(0, line.strip().removeprefix(_MARK).strip())
    return " ".join(above)
