"""A sweep file, and the points that it asks for."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crepe import __version__
from crepe.config.experiment import Experiment, load_experiment
from crepe.config.file_text import parse_text
from crepe.config.mistakes import explain
from crepe.errors import ConfigError, suggest
from crepe.study.sweep.tables import CASE, SweepTables


@dataclass(frozen=True)
class Point:
    """A value of every axis."""

    number: int  # from 1
    values: Mapping[str, Any]  # by axis: the name of a setting, or `case`
    settings: Mapping[str, Any]  # of the experiment, by dotted name

    def __str__(self) -> str:
        return ", ".join(f"{name} = {toml(value)}" for name, value in self.values.items())


@dataclass(frozen=True)
class Request:
    """A run: one point on one culture.

    Attributes
    ----------
    key
        Changes with everything that the result depends on: experiment, settings, seed, version.
    digest
        Of the experiment file, which must be the same where the run takes place.
    """

    point: Point
    seed: int
    is_held_out: bool
    arguments: tuple[str, ...]  # of the command line, from the program on
    key: str
    digest: str
    experiment: str  # path

    @property
    def line(self) -> str:
        """The run as a line for a shell."""
        return shlex.join(self.arguments)


class SweepFile:
    """A checked sweep file.

    Raises
    ------
    ConfigError
        Names the file, the table, what was found and what is allowed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            near = suggest(path.name, sorted(p.name for p in path.parent.glob("*.toml")))
            raise ConfigError(f"{path}: cannot be read: {error}{near}") from error
        table = parse_text(path, text)
        try:
            self.tables = SweepTables.model_validate(table)
        except ValidationError as error:
            raise ConfigError(
                *(f"{path}: {text}" for _, text in explain(error, SweepTables))
            ) from error
        # Without links: a run's line is the same whatever directory it was asked for from.
        self.experiment_path = (path.parent / self.tables.experiment).resolve()
        self.experiment: Experiment = self._load({}, "")

    @property
    def name(self) -> str:
        """Name of the directory of its results."""
        return self.path.stem

    @property
    def title(self) -> str:
        """Title of the report."""
        return self.tables.title or self.experiment.title or self.name

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of what is varied."""
        return (*self.tables.ranges, *([CASE] if self.tables.cases else []))

    @cached_property
    def digest(self) -> str:
        """Digest of the experiment file, as it was read."""
        return sha256(self.experiment_path.read_bytes()).hexdigest()[:16]

    def point(self, number: int, values: Mapping[str, Any]) -> Point:
        """Return a point with the settings of its values."""
        settings = dict(self.tables.settings)
        for name, value in values.items():
            settings |= self.tables.cases[value] if name == CASE else {name: value}
        return Point(number, dict(values), settings)

    def check(self, point: Point) -> None:
        """Raise ConfigError if the experiment does not take the settings of a point."""
        self._load(point.settings, f" with {point}" if point.values else "")

    def request(self, point: Point, seed: int, *, is_held_out: bool = False) -> Request:
        """Return the run of a point on the culture of a seed."""
        arguments = [*shlex.split(self.tables.command), str(self.experiment_path)]
        arguments += ["--seed", str(seed), "--json"]
        for name, value in sorted(point.settings.items()):
            arguments += ["--set", f"{name}={toml(value)}"]
        content = [
            self.tables.command, self.digest, __version__, seed,
            {name: toml(value) for name, value in point.settings.items()},
        ]  # fmt: skip
        key = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]
        return Request(
            point, seed, is_held_out, tuple(arguments), key, self.digest, str(self.experiment_path)
        )

    def _load(self, settings: Mapping[str, Any], which: str) -> Experiment:
        try:
            return load_experiment(self.experiment_path, {**self.tables.settings, **settings})
        except ConfigError as error:
            raise ConfigError(
                *(f"{self.path}: the experiment{which}: {text}" for text in error.mistakes)
            ) from error


def toml(value: Any) -> str:
    """Return a value as TOML writes it on one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_text(str(name))} = {toml(each)}" for name, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, date):
        return value.isoformat()
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
