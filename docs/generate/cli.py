"""`reference/cli.md`: every command of the command line, as the command line knows it."""

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import typer

from crepe.cli.app import app
from docs.generate.markdown import anchor, code, page, sentence, table

_INTRO = """Every command with its arguments and options, as its `--help` prints them."""


def cli() -> str:
    """Return the page."""
    app_command: Any = typer.main.get_command(app)
    commands = dict(_commands(app_command, "crepe"))
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, command in commands.items():
        link = f"[{code(name)}](#{anchor(name)})"
        row = (link, sentence(_help(command).split("\n\n")[0]))
        groups.setdefault(_group(command), []).append(row)
    parts = [_INTRO]
    for group, rows in groups.items():
        parts += [f"**{group}**" if group else "", table(("command", "purpose"), rows)]
    for name, command in commands.items():
        parts += [f"## {code(name)}", code(_usage(name, command)), _help(command)]
        parts += [_parameters(command), _help_text(command.epilog or "")]
    parts += ["## Exit status", _help_text(app_command.epilog or "")]
    return page("The command line", *parts)


def _group(command: Any) -> str:
    """Return the heading of a command in the list that `crepe --help` prints."""
    panel = command.rich_help_panel
    return panel if isinstance(panel, str) else ""


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield every command that is not hidden, with its whole name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, part in inner.items():
        if not part.hidden:
            yield from _commands(part, f"{name} {word}")


def _help(command: Any) -> str:
    return _help_text(command.help or "")


def _help_text(text: str) -> str:
    """Return help without the marks of click: \\b keeps the line breaks of what follows."""
    return "\n".join(line.rstrip() for line in text.replace("\b\n", "").splitlines())


def _usage(name: str, command: Any) -> str:
    arguments = [_argument(p) for p in command.params if p.param_type_name == "argument"]
    options = ["[OPTIONS]"] if len(arguments) < len(command.params) else []
    return " ".join([name, *options, *arguments])


def _argument(parameter: Any) -> str:
    many = "..." if parameter.nargs != 1 or parameter.multiple else ""
    label = parameter.metavar or f"{parameter.name.upper()}{many}"
    return label if parameter.required or label.startswith("[") else f"[{label}]"


def _parameters(command: Any) -> str:
    rows = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            names = code(_argument(parameter))
        else:
            names = ", ".join(map(code, parameter.opts))
        rows.append(
            (
                names,
                *_type_and_bounds(parameter),
                _default(parameter),
                sentence(getattr(parameter, "help", None) or "") or "",
            )
        )
    return (
        table(("argument or option", "type", "bounds", "default", "meaning"), rows) if rows else ""
    )


def _type_and_bounds(parameter: Any) -> tuple[str, str]:
    if getattr(parameter, "is_flag", False):
        return "flag", ""
    annotation = getattr(getattr(parameter, "type_descriptor", None), "annotation", str)
    inner = next((part for part in get_args(annotation) if part is not type(None)), annotation)
    names = {int: "integer", float: "number", str: "text"}
    if isinstance(inner, type) and issubclass(inner, Enum):
        return "one of " + ", ".join(code(str(member.value)) for member in inner), ""
    low, high = getattr(parameter, "min", None), getattr(parameter, "max", None)
    bounds = f"{low:g} to {high:g}" if None not in (low, high) else ""
    if not bounds and low is not None:
        bounds = f"{low:g} or more"
    if not bounds and high is not None:
        bounds = f"at most {high:g}"
    return names.get(inner, getattr(inner, "__name__", str(inner)).lower()), bounds


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value in (None, False, "", ()) or callable(value):
        return ""
    return code(str(value.value if isinstance(value, Enum) else value))
