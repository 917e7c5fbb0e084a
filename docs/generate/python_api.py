"""The page of the Python API: its template, with each named object from the source.

A line `::: NAME` of the template is replaced by the object's signature, docstring and fields.
After the name come the members to show (default: all public ones that have a docstring); `-NAME`
leaves one out. The name is that of a module, or of a class or function in its own module.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from docs.generate.markdown import NOTE, code, table
from docs.generate.source import field_sentences

_TEMPLATE = Path(__file__).with_name("python-api.template")
_DIRECTIVE = re.compile(r"^::: (\S+) ?(.*)$", re.MULTILINE)
_SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.MULTILINE)
_LONGEST_LINE = 100
_SHOWN_SPECIAL = ("__getitem__", "__len__", "__iter__", "__contains__")
_Definition = ast.ClassDef | ast.FunctionDef


class _Choice(NamedTuple):
    """The members to show; empty `names`: all but those in `without`."""

    names: Sequence[str]
    without: Sequence[str]

    def has(self, node: _Definition, kind: object) -> bool:
        if self.names:
            return node.name in self.names
        is_public = not node.name.startswith("_") or node.name in _SHOWN_SPECIAL
        return is_public and node.name not in self.without and bool(_doc(node, kind))


def python_api() -> str:
    """Return the page."""
    text = _TEMPLATE.read_text(encoding="utf-8")
    return NOTE + "\n\n" + _DIRECTIVE.sub(lambda match: _object(match[1], match[2]), text)


def _object(name: str, members: str) -> str:
    words = members.split()
    choice = _Choice(
        [word for word in words if not word.startswith("-")],
        [word[1:] for word in words if word.startswith("-")],
    )
    try:
        module, class_name = import_module(name), ""
    except ModuleNotFoundError:
        module_name, _, class_name = name.rpartition(".")
        # The one that defines it: a package imports what it offers.
        module = import_module(getattr(import_module(module_name), class_name).__module__)
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    if class_name:
        (node,) = (node for node in nodes if node.name == class_name)
        parts = _definition(
            node, getattr(module, class_name), choice, name.rpartition(".")[0], "###"
        )
    else:
        parts = _module(module, nodes, choice)
    return "\n\n".join(part for part in parts if part)


def _module(module: ModuleType, nodes: Sequence[_Definition], choice: _Choice) -> Iterator[str]:
    """Yield the parts of a module, and of the classes and functions that it defines."""
    yield f"### Module {code(module.__name__)}"
    yield _markdown(inspect.getdoc(module) or "")
    for node in nodes:
        kind = getattr(module, node.name)
        if choice.has(node, kind):
            yield from _definition(node, kind, _Choice((), ()), module.__name__, "####")


def _definition(
    node: _Definition, kind: object, choice: _Choice, module: str, level: str
) -> Iterator[str]:
    """Yield the parts of a class or function."""
    if isinstance(node, ast.FunctionDef):
        yield f"{level} {code(f'{node.name}()')}"
        yield _block(f"from {module} import {node.name}\n\n{_signature(node)}")
        yield _markdown(_doc(node, kind))
        return
    yield f"{level} Class {code(node.name)}"
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    first = f"class {node.name}({bases})" if bases else f"class {node.name}"
    yield _block(f"from {module} import {node.name}\n\n{first}{_initial(node)}")
    yield _markdown(_doc(node, kind))
    yield _fields(node, kind, choice)
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and choice.has(
            member, getattr(kind, member.name, None)
        ):
            decorators = {ast.unparse(decorator) for decorator in member.decorator_list}
            if any(decorator.endswith(".setter") for decorator in decorators):
                continue
            returns = ast.unparse(member.returns) if member.returns else ""
            is_property = bool(decorators & {"property", "cached_property"})
            title = f"{node.name}.{member.name}"
            shown = f"{title}: {returns}" if is_property else _signature(member, node.name)
            yield f"{level}# {code(title if is_property else f'{title}()')}"
            yield _block(shown)
            yield _markdown(_doc(member, getattr(kind, member.name, None)))


def _doc(node: _Definition, kind: object) -> str:
    """Return the docstring; a member without one has that of the class it is declared in."""
    return ast.get_docstring(node) or inspect.getdoc(kind) or ""


def _initial(node: ast.ClassDef) -> str:
    """Return the signature of the constructor, if the class has one of its own."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            return "\n\n" + _signature(member, "").replace("__init__", node.name, 1)
    return ""


def _signature(node: ast.FunctionDef, owner: str = "") -> str:
    """Return a function's name, parameters and result, a line for each parameter if it is long."""
    parameters = [p for p in _parameters(node.args) if p not in ("self", "cls")]
    name = f"{owner}.{node.name}" if owner else node.name
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if node.name == "__init__":
        result = ""
    text = f"{name}({', '.join(parameters)}){result}"
    if len(text) <= _LONGEST_LINE:
        return text
    return f"{name}(\n" + "".join(f"    {p},\n" for p in parameters) + f"){result}"


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    positional = [*arguments.posonlyargs, *arguments.args]
    n_required = len(positional) - len(arguments.defaults)
    for i, argument in enumerate(positional):
        yield _parameter(argument, arguments.defaults[i - n_required] if i >= n_required else None)
    if arguments.vararg:
        yield f"*{_parameter(arguments.vararg, None)}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _parameter(argument, default)
    if arguments.kwarg:
        yield f"**{_parameter(arguments.kwarg, None)}"


def _parameter(argument: ast.arg, default: ast.expr | None) -> str:
    """Return a parameter with its type and default, spaced as ruff does it."""
    text = ast.unparse(argument)
    if default is None:
        return text
    return (
        f"{text} = {ast.unparse(default)}"
        if argument.annotation
        else f"{text}={ast.unparse(default)}"
    )


def _fields(node: ast.ClassDef, kind: object, choice: _Choice) -> str:
    """Return the table of the fields that a class declares, its own and those it inherits here."""
    sentences = field_sentences(kind) if isinstance(kind, type) else {}
    source = inspect.getsource(kind).splitlines() if isinstance(kind, type) else []
    rows = []
    for statement in node.body:
        match statement:
            case ast.AnnAssign(target=ast.Name(name)) if not name.startswith("_"):
                value, annotation = statement.value, ast.unparse(statement.annotation)
            case ast.Assign(targets=[ast.Name(name)]) if not name.startswith("_"):
                value, annotation = statement.value, ""
            case _:
                continue
        is_shown = name in choice.names if choice.names else name not in choice.without
        if not is_shown or name == "model_config":
            continue
        default = code(ast.unparse(value)) if value is not None else ""
        last = source[(statement.end_lineno or 0) - node.lineno + _offset(node, source)]
        comment = last.partition("  # ")[2] if name not in sentences else ""
        meaning = sentences.get(name, comment.removeprefix(": ").removeprefix(":").strip())
        rows.append((code(name), code(annotation) if annotation else "", default, meaning))
    return table(("field", "type", "default", "meaning"), rows) if rows else ""


def _offset(node: ast.ClassDef, source: Sequence[str]) -> int:
    """Return the line of `class` in a class's source, which begins with its decorators."""
    return next(i for i, line in enumerate(source) if line.startswith(f"class {node.name}"))


def _block(text: str) -> str:
    # Not as Python: ruff would format it, and the tests run the examples of the template.
    return f"```text\n{text}\n```"


def _markdown(doc: str) -> str:
    """Return a docstring as Markdown: its numpydoc sections, its examples and its code."""
    before, *rest = _SECTION.split(doc)
    parts = [_paragraphs(before)]
    for title, text in zip(rest[::2], rest[1::2], strict=True):
        body = _items(text) if _has_items(title) else _paragraphs(text)
        parts.append(f"**{title}**\n\n{body}")
    return "\n\n".join(part for part in parts if part.strip())


def _has_items(title: str) -> bool:
    return title in ("Parameters", "Attributes", "Columns", "Returns", "Raises", "Yields")


def _items(text: str) -> str:
    """Return `name` over an indented text as a list."""
    items = re.split(r"^(?=\S)", text.strip("\n"), flags=re.MULTILINE)
    lines = []
    for item in filter(None, items):
        name, _, meaning = item.partition("\n")
        lines.append(f"- {code(name.strip())}: {' '.join(meaning.split())}".rstrip(": "))
    return "\n".join(lines)


def _paragraphs(text: str) -> str:
    """Return text whose indented and `>>>` paragraphs are code."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text.strip("\n")):
        if paragraph.startswith((" ", ">>>")):
            previous = parts[-1] if parts else ""
            body = inspect.cleandoc(f"\n{paragraph}")
            if previous.endswith("\n```"):
                parts[-1] = f"{previous.removesuffix('```')}\n{body}\n```"
            else:
                parts.append(_block(body))
        else:
            parts.append(paragraph)
    return "\n\n".join(part for part in parts if part.strip())
