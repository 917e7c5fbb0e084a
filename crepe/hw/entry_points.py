"""The parts of instruments that a name can choose, and the import paths behind the names.

A scheme such as `meame` names a class by an entry point in one of three groups; an import path
`package.module:Class` names one that is not registered. Needs neither numpy nor pydantic, since
`crepe stop` resolves names, too.
"""

# Decision 43: why own schemes come first.

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from crepe.errors import ConfigError, suggest

RECORDERS, STIMULATORS, STOPS = "crepe.recorders", "crepe.stimulators", "crepe.stops"

OWN: Mapping[str, Mapping[str, str]] = {
    RECORDERS: {
        "generator": "crepe.hw.generator:Generator",
        "hdf5": "crepe.hw.mcs.recorder:McsRecording",
        "lsl": "crepe.hw.lsl.recorder:LslRecorder",
        "meame": "crepe.hw.meame.recorder:MeameRecorder",
        "neo": "crepe.hw.neo.recorder:NeoRecording",
        "openephys": "crepe.hw.openephys.recorder:OpenEphysRecorder",
        "rhx": "crepe.hw.rhx.recorder:RhxRecorder",
    },
    STIMULATORS: {
        "meame": "crepe.hw.meame.stimulator:MeameStimulator",
        "none": "crepe.hw.no_stimulator:NoStimulator",
        "rhx": "crepe.hw.rhx.stimulator:RhxStimulator",
    },
    STOPS: {
        "meame": "crepe.hw.meame.remote_stop:MeameStop",
        "rhx": "crepe.hw.rhx.remote_stop:RhxStop",
    },
}
"""Our own entry points, equal to those in pyproject.toml.

They are looked up here first: installed metadata may be older than the code, and no other package
may replace the driver of one of our schemes.
"""

IMPORT_PATH = re.compile(r"(?P<path>\w+(\.\w+)*:[^\W\d]\w*)(\?(?P<query>.*))?")
"""A class, and the settings that may follow it."""


def path_of(scheme: str, group: str, place: str) -> str:
    """Return the import path behind a scheme. Raises ConfigError: unknown, or of two packages."""
    if path := OWN[group].get(scheme):
        return path
    entries = _entries(group)
    paths: set[str] = {entry.value for entry in entries if entry.name == scheme}
    if len(paths) == 1:
        return paths.pop()
    if paths:
        raise ConfigError(
            f"{place}: scheme {scheme!r} is registered in {group} by several packages, as "
            f"{' and '.join(sorted(paths))}; give the import path of one"
        )
    schemes = [f"{name}://" for name in sorted({*OWN[group], *(entry.name for entry in entries)})]
    raise ConfigError(
        f"{place}: scheme {scheme!r} is not in {group}; known are {', '.join(schemes)}, "
        "or an import path package.module:Class"
    )


def import_class(path: str, base: type, place: str) -> type[Any]:
    """Return the class at an import path. Raises ConfigError if it is none of `base`."""
    module_name, _, class_name = path.partition(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"{place}: cannot import {module_name!r}: {error}") from error
    except Exception as error:  # a mistake in the code of another package
        from crepe.environment.source_place import place_of

        raise ConfigError(f"{place}: {place_of(error)}: {type(error).__name__}: {error}") from error
    kind = getattr(module, class_name, None)
    if not (isinstance(kind, type) and issubclass(kind, base)):
        names = [n for n, k in vars(module).items() if isinstance(k, type) and issubclass(k, base)]
        raise ConfigError(
            f"{place}: {module_name} has no {base.__name__} {class_name!r}"
            f"{suggest(class_name, names)}"
        )
    return kind


def _entries(group: str) -> Any:
    from importlib.metadata import entry_points  # slow to import, and not needed for own schemes

    return entry_points(group=group)
