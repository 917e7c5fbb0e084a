"""The class that `run` names: imported, and proved to be an actor."""

from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic.errors import PydanticUserError

from crepe.actors.actor import Actor, Source
from crepe.config.moved_names import moved_to
from crepe.environment.source_place import place_of, place_of_code
from crepe.errors import ConfigError, suggest
from crepe.messages import Message


def import_actor(path: Any, place: str, directory: Path) -> type[Actor[Any, Any]]:
    """Return the class for an import path. Raises ConfigError with file and line of a mistake.

    `directory` is that of the experiment file, which is on the import path.
    """
    if not isinstance(path, str) or path.count(":") != 1 or "/" in path:
        raise ConfigError(
            f"{place} run: {path!r}, must be an import path 'package.module:Class'{_hint(path)}"
        )
    if new_path := moved_to(path):
        raise ConfigError(f"{place} run: {path!r} has moved to {new_path!r}")
    module_name, _, class_name = path.partition(":")
    module = _import(module_name, place, directory)
    kind = getattr(module, class_name, None)
    if isinstance(kind, type) and not issubclass(kind, Actor):
        raise ConfigError(
            f"{place} run: {class_name} ({place_of_code(kind)}) is no actor; it must derive from "
            "crepe.actors.actor.Actor, as in `Actor[Spikes, Decision]`"
        )
    if not isinstance(kind, type):
        kinds = [kind for kind in vars(module).values() if isinstance(kind, type)]
        own = [kind for kind in kinds if issubclass(kind, Actor) and kind.__module__ == module_name]
        names = [kind.__name__ for kind in own if "[" not in kind.__name__]
        raise ConfigError(
            f"{place} run: {module_name} has no actor {class_name!r}{suggest(class_name, names)}"
        )
    _check_message_types(kind, place)
    return kind


def _import(name: str, place: str, directory: Path) -> ModuleType:
    try:
        module = import_module(name)
    except ImportError as error:
        raise ConfigError(f"{place} run: {_not_imported(name, error, directory)}") from error
    except PydanticUserError as error:
        text = error.message.partition("; ")[0]  # what follows is for those who know pydantic
        raise ConfigError(f"{place} run: {place_of(error)}: {text}") from error
    except Exception as error:
        raise ConfigError(f"{place} run: {place_of(error)}: {_reason(error)}") from error
    own = directory / name.partition(".")[0]
    file = getattr(module, "__file__", None) or ""
    is_own = own.with_suffix(".py").is_file() or (own / "__init__.py").is_file()
    if is_own and file and not Path(file).resolve().is_relative_to(directory.resolve()):
        raise ConfigError(
            f"{place} run: {name!r} is the installed {file}; rename the one in {directory}"
        )
    return module


def _reason(error: Exception) -> str:
    if isinstance(error, TypeError) and str(error).startswith("Too few arguments for"):
        return (
            "`Actor[...]` needs what it reads and what it writes, as in `Actor[Spikes, Decision]`"
        )
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}"


def _not_imported(name: str, error: ImportError, directory: Path) -> str:
    new_module = moved_to(error.name or "")  # of an import inside a lab's own module
    if new_module:
        return f"cannot import {name!r}: {error}; it has moved to {new_module!r}"
    if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
        return f"cannot import {name!r}: {place_of(error)}: {error}"
    parent = directory.joinpath(*error.name.split(".")[:-1])
    near = "".join(
        f"; did you mean {module!r}?"
        for module in get_close_matches(error.name.rpartition(".")[2], _modules(parent), 1)
    )
    return f"cannot import {name!r}: {error}, neither in {directory} nor as installed{near}"


def _modules(directory: Path) -> list[str]:
    if not directory.is_dir():
        return []
    paths = sorted(directory.iterdir())
    return [p.stem for p in paths if p.suffix == ".py" or (p / "__init__.py").is_file()]


def _hint(path: Any) -> str:
    """Return `; did you mean ...?` for a path of dots or slashes."""
    if not isinstance(path, str):
        return ""
    names = path.replace(".py:", ":").removesuffix(".py").replace("/", ".").replace(":", ".")
    module, _, name = names.strip(".").rpartition(".")
    return f"; did you mean {f'{module}:{name}'!r}?" if module and name[:1].isupper() else ""


def _check_message_types(kind: type[Actor[Any, Any]], place: str) -> None:
    """Raise ConfigError for an actor whose class does not name the messages it reads and writes."""

    def mistake(text: str) -> ConfigError:
        # The line of a class is slow to find: most of the time of reading a file, if it is sought
        # for classes that are well.
        return ConfigError(
            f"{place} run: {kind.__name__} ({place_of_code(kind)}): {text} in `Actor[...]`, must "
            "be message types, as in `Actor[Spikes, Decision]`"
        )

    try:
        inputs, outputs = kind.message_types()
    except TypeError as error:
        raise mistake("names no message types") from error
    for message in (*(() if issubclass(kind, Source) else inputs), *outputs):
        if not (isinstance(message, type) and issubclass(message, Message)):
            raise mistake(repr(message))
