"""Devices by name: a URL or an import path becomes the class that drives an instrument.

`scheme://location?setting=value` names a class by an entry point. Recorders are in the group
`crepe.recorders`, stimulators in `crepe.stimulators`: two groups, since a scheme such as `meame`
has both halves, each with its class and settings. Another package registers its own as this one
does:

    [project.entry-points."crepe.recorders"]
    acme = "acme_mea.recorder:AcmeRecorder"

`package.module:Class?setting=value` names a class that is not registered.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from crepe.errors import ConfigError
from crepe.hw.entry_points import IMPORT_PATH, RECORDERS, STIMULATORS, import_class, path_of
from crepe.hw.instrument import DeviceSettings, Guard, Recorder, Stimulator

_BASES: Mapping[str, type] = {RECORDERS: Recorder, STIMULATORS: Stimulator}


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


def is_device(text: str) -> bool:
    """Whether a text is a device's name, and not the path of a file."""
    return "://" in text or IMPORT_PATH.fullmatch(text) is not None


class DeviceAddress(NamedTuple):
    """The instrument that a device's name is about, whatever its settings."""

    scheme: str  # or an import path
    location: str


def address(url: str) -> DeviceAddress:
    """Return the instrument that a device's name is about; opens nothing."""
    if match := IMPORT_PATH.fullmatch(url):
        return DeviceAddress(match["path"], "")
    parts = urlsplit(url)
    location = unquote(parts.netloc + parts.path).rstrip("/").lower()
    return DeviceAddress(parts.scheme, re.sub(r"^localhost\b", "127.0.0.1", location))


class _Name(NamedTuple):
    """The parts of a device's name."""

    path: str  # import path of the class
    location: str | None  # None: the default of the class
    query: str


def _resolve(url: str, group: str, settings: Mapping[str, Any]) -> tuple[type[Any], DeviceSettings]:
    """Return the class for a device, and its settings from the URL and `settings`."""
    name = _name(url, group)
    device = import_class(name.path, _BASES[group], f"device {url!r}")
    values = {
        **({} if name.location is None else {"location": name.location}),
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
    if match := IMPORT_PATH.fullmatch(url):
        return _Name(match["path"], None, match["query"] or "")
    if "#" in url:
        raise ConfigError(f"device {url!r}: a URL ends at '#'; write it as %23")
    parts = urlsplit(url)
    path = path_of(parts.scheme, group, f"device {url!r}")
    return _Name(path, unquote(parts.netloc + parts.path), parts.query)
