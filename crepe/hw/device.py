"""Devices by name: a URL or an import path becomes the class that drives an instrument.

`scheme://location?setting=value` names a class by an entry point. Recorders are in the group
`crepe.recorders`, stimulators in `crepe.stimulators`: two groups, since a scheme such as `meame`
has both halves, each with its class and settings. Another package registers its own as this one
does:

    [project.entry-points."crepe.recorders"]
    acme = "acme_mea.recorder:AcmeRecorder"

`package.module:Class?setting=value` names a class that is not registered.
"""

# Decision 43: why own schemes come first.

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from crepe.environment.source_place import place_of
from crepe.errors import ConfigError, suggest
from crepe.hw.instrument import DeviceSettings, Guard, Recorder, Stimulator

RECORDERS, STIMULATORS = "crepe.recorders", "crepe.stimulators"

OWN: Mapping[str, Mapping[str, str]] = {
    RECORDERS: {
        "generator": "crepe.hw.generator:Generator",
        "hdf5": "crepe.hw.mcs.recorder:McsRecording",
        "meame": "crepe.hw.meame.recorder:MeameRecorder",
        "rhx": "crepe.hw.rhx.recorder:RhxRecorder",
    },
    STIMULATORS: {
        "meame": "crepe.hw.meame.stimulator:MeameStimulator",
        "none": "crepe.hw.no_stimulator:NoStimulator",
        "rhx": "crepe.hw.rhx.stimulator:RhxStimulator",
    },
}
"""Our own entry points, equal to those in pyproject.toml.

They are looked up here first: installed metadata may be older than the code, and no other package
may replace the driver of one of our schemes.
"""

_BASES: Mapping[str, type] = {RECORDERS: Recorder, STIMULATORS: Stimulator}
_IMPORT_PATH = re.compile(r"(?P<path>\w+(\.\w+)*:[^\W\d]\w*)(\?(?P<query>.*))?")


def open_recorder(url: str, **settings: Any) -> Recorder:
    """Return the recorder for a URL such as `generator://?seed=1` or `hdf5:///data/a.h5?speed=0`.

    `settings` come on top of those in the URL's query. Raises ConfigError.
    """
    recorder_class, values = _resolve(url, RECORDERS, settings)
    recorder: Recorder = recorder_class(values)
    return recorder


def open_stimulator(url: str, guard: Guard, **settings: Any) -> Stimulator:
    """Return the stimulator for a URL such as `meame://simulator`. Raises ConfigError."""
    stimulator_class, values = _resolve(url, STIMULATORS, settings)
    stimulator: Stimulator = stimulator_class(values, guard)
    return stimulator


def check_url(url: str, *, is_source: bool) -> DeviceSettings:
    """Return the settings of a device that records, or else stimulates; open nothing.

    Raises ConfigError if the device or one of its settings does not exist.
    """
    _, settings = _resolve(url, RECORDERS if is_source else STIMULATORS, {})
    return settings


class DeviceAddress(NamedTuple):
    """The instrument that a device's name is about, whatever its settings."""

    scheme: str  # or an import path
    location: str


def address(url: str) -> DeviceAddress:
    """Return the instrument that a device's name is about; opens nothing."""
    if match := _IMPORT_PATH.fullmatch(url):
        return DeviceAddress(match["path"], "")
    parts = urlsplit(url)
    location = unquote(parts.netloc + parts.path).rstrip("/").lower()
    return DeviceAddress(parts.scheme, re.sub(r"^localhost\b", "127.0.0.1", location))


class _Name(NamedTuple):
    """The parts of a device's name."""

    path: str  # import path of the class
    location: str
    query: str


def _resolve(url: str, group: str, settings: Mapping[str, Any]) -> tuple[type[Any], DeviceSettings]:
    """Return the class for a device, and its settings from the URL and `settings`."""
    name = _name(url, group)
    device = _import(name.path, _BASES[group], f"device {url!r}")
    values = {
        "location": name.location,
        **dict(parse_qsl(name.query, keep_blank_values=True)),
        **settings,
    }
    try:
        return device, device.Settings(**values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(
            f"device {url!r}, {place}: {first['msg']}, found {first['input']!r}; "
            f"known are {', '.join(device.Settings.model_fields)}"
        ) from error


def _name(url: str, group: str) -> _Name:
    # Tested first: `urlsplit` may take the package of an import path for a scheme.
    if match := _IMPORT_PATH.fullmatch(url):
        return _Name(match["path"], "", match["query"] or "")
    if "#" in url:
        raise ConfigError(f"device {url!r}: a URL ends at '#'; write it as %23")
    parts = urlsplit(url)
    path = OWN[group].get(parts.scheme) or _entry_point(url, parts.scheme, group)
    return _Name(path, unquote(parts.netloc + parts.path), parts.query)


def _entry_point(url: str, scheme: str, group: str) -> str:
    """Return the import path that another package registered for a scheme."""
    from importlib.metadata import entry_points  # slow to import, and not needed for own schemes

    entries = entry_points(group=group)
    paths = {entry.value for entry in entries if entry.name == scheme}
    if len(paths) == 1:
        return paths.pop()
    if paths:
        raise ConfigError(
            f"device {url!r}: scheme {scheme!r} is registered in {group} by several packages, as "
            f"{' and '.join(sorted(paths))}; give the import path of one"
        )
    schemes = [f"{name}://" for name in sorted({*OWN[group], *(entry.name for entry in entries)})]
    raise ConfigError(
        f"device {url!r}: scheme {scheme!r} is not in {group}; known are {', '.join(schemes)}, "
        "or an import path package.module:Class"
    )


def _import(path: str, base: type, place: str) -> type[Any]:
    module_name, _, class_name = path.partition(":")
    try:
        module = import_module(module_name)
    except ImportError as error:
        raise ConfigError(f"{place}: cannot import {module_name!r}: {error}") from error
    except Exception as error:  # a mistake in the code of another package
        raise ConfigError(f"{place}: {place_of(error)}: {type(error).__name__}: {error}") from error
    device = getattr(module, class_name, None)
    if not (isinstance(device, type) and issubclass(device, base)):
        names = [n for n, k in vars(module).items() if isinstance(k, type) and issubclass(k, base)]
        raise ConfigError(
            f"{place}: {module_name} has no {base.__name__} {class_name!r}"
            f"{suggest(class_name, names)}"
        )
    return device
