"""The points of a sweep: a grid, random ones, or those that a sampler of Optuna asks for.

A sampler is asked and told in rounds, and draws from the sweep's seed. So the same scores give the
same points, and an interrupted sweep is resumed by asking from the begin.
"""

import inspect
import itertools
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from crepe.environment.installation import pip_install
from crepe.errors import ConfigError
from crepe.study.sweep.file import Point, SweepFile
from crepe.study.sweep.tables import CASE, GRID, RANDOM, Range

Scores = Sequence[float | None]
"""Score of each point of a round; None where it has none."""


class Sampler(Protocol):
    """A source of points."""

    n_points: int  # at most, of all rounds

    def ask(self) -> list[Point]:
        """Return the points of the next round; empty at the end."""

    def tell(self, scores: Scores) -> None:
        """Receive the scores of the points of the last round."""


def open_sampler(file: SweepFile) -> Sampler:
    """Return the sampler of a file. Raises ConfigError if its class cannot be used."""
    table = file.tables.sampler
    if table.run == GRID:
        return _OneRound(file, _grid(file))
    if table.run == RANDOM:
        return _OneRound(file, _random(file, table.n_points or 0))
    return _Optuna(file)


class _OneRound:
    """Points that are known from the begin."""

    def __init__(self, file: SweepFile, values: Sequence[Mapping[str, Any]]) -> None:
        self._points = [file.point(number, each) for number, each in enumerate(values, 1)]
        self.n_points = len(self._points)

    def ask(self) -> list[Point]:
        points, self._points = self._points, []
        return points

    def tell(self, scores: Scores) -> None:
        del scores


def _grid(file: SweepFile) -> list[dict[str, Any]]:
    axes = [each.values or () for each in file.tables.ranges.values()]
    if file.tables.cases:
        axes.append(tuple(file.tables.cases))
    return [dict(zip(file.axes, values, strict=True)) for values in itertools.product(*axes)]


def _random(file: SweepFile, n_points: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(file.tables.seed)
    points = []
    for _ in range(n_points):
        point = {name: _draw(each, rng) for name, each in file.tables.ranges.items()}
        if file.tables.cases:
            point[CASE] = list(file.tables.cases)[rng.integers(len(file.tables.cases))]
        points.append(point)
    return points


def _draw(values: Range, rng: np.random.Generator) -> Any:
    if values.values is not None:
        return values.values[rng.integers(len(values.values))]
    assert values.low is not None
    assert values.high is not None
    low, high = values.low, values.high
    if values.integer and not values.log:
        return int(rng.integers(int(low), int(high), endpoint=True))
    value = float(
        np.exp(rng.uniform(np.log(low), np.log(high))) if values.log else rng.uniform(low, high)
    )
    return round(value) if values.integer else value


class _Optuna:
    """A sampler of Optuna, asked and told for as many points at a time as the file says."""

    def __init__(self, file: SweepFile) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ConfigError(
                f"{file.path}: sampler.run {file.tables.sampler.run!r} needs optuna: "
                f"{pip_install('crepe-mea[sweep]')}"
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._file = file
        self._table = file.tables.sampler
        self.n_points = self._table.n_points or 0
        self._failed = optuna.trial.TrialState.FAIL
        direction = file.tables.objective.goal
        if direction is None:
            raise ConfigError(
                f"{file.path}: sampler.run {self._table.run!r} looks for better points; "
                "[objective] goal is missing"
            )
        self._study = optuna.create_study(sampler=self._sampler(), direction=direction)
        self._space = {
            name: _distribution(optuna.distributions, each)
            for name, each in file.tables.ranges.items()
        }
        if file.tables.cases:
            names = tuple(file.tables.cases)
            self._space[CASE] = optuna.distributions.CategoricalDistribution(names)
        self._trials: list[Any] = []
        self._n_asked = 0

    def _sampler(self) -> Any:
        module, _, name = self._table.run.partition(":")
        place = f"{self._file.path}: sampler.run {self._table.run!r}"
        try:
            kind = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"{place}: cannot be imported: {error}") from error
        options = dict(self._table.options)
        try:
            if "seed" in inspect.signature(kind).parameters:
                options.setdefault("seed", self._file.tables.seed)
            sampler = kind(**options)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{place}: sampler.options: {error}") from error
        if not hasattr(sampler, "sample_relative"):
            raise ConfigError(f"{place}: {name} is no sampler of Optuna")
        return sampler

    def ask(self) -> list[Point]:
        n = min(self._table.n_together, self.n_points - self._n_asked)
        self._trials = [self._study.ask(self._space) for _ in range(n)]
        points = []
        for trial in self._trials:
            self._n_asked += 1
            values = {name: self._value(name, trial.params[name]) for name in self._space}
            points.append(self._file.point(self._n_asked, values))
        return points

    def tell(self, scores: Scores) -> None:
        for trial, score in zip(self._trials, scores, strict=True):
            if score is None:
                self._study.tell(trial, state=self._failed)
            else:
                self._study.tell(trial, score)

    def _value(self, name: str, chosen: Any) -> Any:
        """Return a value as the file has it: of a list Optuna chooses the place."""
        values = None if name == CASE else self._file.tables.ranges[name].values
        return chosen if values is None else values[chosen]


def _distribution(distributions: Any, values: Range) -> Any:
    if values.values is not None:
        # By place: Optuna takes plain values only, and a setting may be a list or a table.
        return distributions.CategoricalDistribution(tuple(range(len(values.values))))
    if values.integer:
        return distributions.IntDistribution(
            int(values.low or 0), int(values.high or 0), values.log
        )
    return distributions.FloatDistribution(values.low, values.high, values.log)
