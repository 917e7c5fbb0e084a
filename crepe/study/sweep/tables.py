"""The tables of a sweep file: one model per table."""

import shlex
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from crepe.config.tables import Table

GRID, RANDOM = "grid", "random"
CASE = "case"
"""Name of the axis of `[cases]`."""


class Range(Table):
    """`[ranges]`: the values of one setting: a list, or a span from `low` to `high`."""

    values: tuple[Any, ...] | None = None
    """Values to try; a list in place of the table is short for this."""
    low: float | None = None
    """Lower end of a span."""
    high: float | None = None
    """Upper end of a span."""
    log: bool = False
    """Values of the span lie evenly on a logarithmic scale."""
    integer: bool = False
    """Values of the span are whole numbers."""

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"values": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.is_span:
            if self.low is None or self.high is None or not self.low < self.high:
                raise ValueError(f"low {self.low}, high {self.high}: a span needs low < high")
            if self.log and self.low <= 0:
                raise ValueError(f"low {self.low:g}: must be above 0 on a logarithmic scale")
            if self.integer and not (self.low.is_integer() and self.high.is_integer()):
                raise ValueError(f"low {self.low:g}, high {self.high:g}: must be whole numbers")
        if self.is_span == (self.values is not None) or self.values == ():
            raise ValueError("must be a list of values, or a span { low = ..., high = ... }")
        return self

    @property
    def is_span(self) -> bool:
        """Whether it has two ends and no list of values."""
        return self.low is not None or self.high is not None


class SamplerTable(Table):
    """`[sampler]`: which points of the ranges are tried."""

    run: str = Field(GRID, min_length=1)
    """`grid`: each value with each; `random`; or the import path of a sampler of Optuna, such as
    `optuna.samplers:TPESampler`, which needs the extra `sweep`."""
    n_points: PositiveInt | None = None
    """Number of points; not for `grid`, which has as many as there are."""
    n_together: PositiveInt = 4
    """Number of points that a sampler of Optuna chooses before the scores of any are known."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Arguments of Optuna's class."""

    @model_validator(mode="after")
    def _has_a_number(self) -> Self:
        if (self.run == GRID) == (self.n_points is not None):
            needed = "n_points: not for a grid" if self.run == GRID else "n_points: missing"
            raise ValueError(needed)
        if self.run not in (GRID, RANDOM) and ":" not in self.run:
            raise ValueError(
                f"run: {self.run!r}, must be {GRID!r}, {RANDOM!r}, or package.module:Class"
            )
        return self


class CulturesTable(Table):
    """`[cultures]`: the cultures of every point, by seed."""

    seeds: tuple[NonNegativeInt, ...] = Field(min_length=1)
    """Seeds of the cultures that every point is tried on."""
    held_out: tuple[NonNegativeInt, ...] = ()
    """Seeds of other cultures, which only the winner is tried on, once it is chosen."""

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        for name in ("seeds", "held_out"):
            numbers = getattr(self, name)
            if twice := sorted({n for n in numbers if numbers.count(n) > 1}):
                raise ValueError(f"{name}: {', '.join(map(str, twice))} stands there twice")
        if both := sorted({*self.seeds} & {*self.held_out}):
            raise ValueError(
                f"held_out: {', '.join(map(str, both))}: also in seeds; a winner is tried on "
                "cultures that it was not chosen with"
            )
        return self


class ObjectiveTable(Table):
    """`[objective]`: which number of a run's JSON document is its score."""

    value: str = Field(min_length=1)
    """Names from the outside in, such as `conditions.*.accuracy`; `*` stands for a condition."""
    condition: str = ""
    """The condition whose value is the score."""
    minus: str = ""
    """A condition whose value is subtracted, of the same run."""
    goal: Literal["maximize", "minimize"] | None = None
    """What the winner has; without it no point is chosen, and all are shown."""
    shown: tuple[str, ...] = ()
    """More values by their names, for the tables of the report."""

    @model_validator(mode="after")
    def _names_conditions(self) -> Self:
        for value in (self.value, *self.shown):
            if "*" in value.split(".") and not self.condition:
                raise ValueError(f"condition: missing, {value!r} has a value for each")
        if self.condition and "*" not in self.value.split("."):
            raise ValueError(f"value: {self.value!r} has no *, where the condition stands")
        if self.minus and not self.condition:
            raise ValueError("minus: needs a condition to subtract it from")
        return self


class SweepTables(Table):
    """A whole sweep file."""

    title: str = ""
    """Title of the report; by default that of the experiment."""
    experiment: str = Field(min_length=1)
    """Path of the experiment file, from the directory of the sweep file."""
    command: str = "crepe experiment"
    """Command of a run: it receives the experiment file, `--seed`, `--set` and `--json`, and prints
    one JSON document. Also `crepe calibrate`, `crepe map`, or a program of your own."""
    seed: NonNegativeInt = 1
    """Seed of the sampler."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Settings of the experiment for all runs, by dotted name in quotes."""
    ranges: dict[str, Range] = Field(default_factory=dict)
    """Settings to vary, by dotted name in quotes."""
    cases: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings that change together: each case by name, with its settings by dotted name."""
    sampler: SamplerTable = SamplerTable()
    """Which points are tried."""
    cultures: CulturesTable
    """The replicates."""
    objective: ObjectiveTable
    """What is compared."""

    @field_validator("settings", "ranges", mode="before")
    @classmethod
    def _are_dotted_names(cls, settings: Any) -> Any:
        _check_names(settings, "")
        return settings

    @field_validator("cases", mode="before")
    @classmethod
    def _have_dotted_names(cls, cases: Any) -> Any:
        for name, settings in cases.items() if isinstance(cases, Mapping) else ():
            _check_names(settings, f"{name}: ")
        return cases

    @field_validator("command")
    @classmethod
    def _is_a_command(cls, command: str) -> str:
        parts = shlex.split(command)
        if not parts:
            raise ValueError("must name a program")
        if {"--live", "--lockstep"} & {*parts}:
            raise ValueError("must run in its own process, as without --live and --lockstep")
        return command

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        spans = [name for name, each in self.ranges.items() if each.is_span]
        if spans and self.sampler.run == GRID:
            raise ValueError(
                f"ranges.{spans[0]}: a span, and a grid needs a list of values; or [sampler] run = "
                f"{RANDOM!r}"
            )
        for case in self.cases.values():
            if twice := sorted({*case} & {*self.ranges}):
                raise ValueError(f"ranges.{twice[0]}: a case sets it, too")
        if self.objective.goal is None:
            if self.cultures.held_out:
                raise ValueError(
                    "cultures.held_out: needs a goal in [objective]; without one there is no winner"
                )
            return self
        if not self.ranges and not self.cases:
            raise ValueError("objective.goal: there is nothing to choose; give [ranges] or [cases]")
        for name in ("seeds", "held_out"):
            if len(getattr(self.cultures, name)) < 2:
                raise ValueError(
                    f"cultures.{name}: {len(getattr(self.cultures, name))} cultures, must be two "
                    "or more where a winner is chosen"
                )
        return self


def _check_names(settings: Any, place: str) -> None:
    for name, value in settings.items() if isinstance(settings, Mapping) else ():
        if name in ("seed", "culture.simulated.seed"):
            raise ValueError(f"{place}{name}: the seeds are those of [cultures]")
        if isinstance(value, Mapping) and "." not in name:
            inner = next(iter(value), "SETTING")
            raise ValueError(
                f"{place}{name}: is a table; the dotted name of a setting needs quotes, as in "
                f'"{name}.{inner}" = ...'
            )
