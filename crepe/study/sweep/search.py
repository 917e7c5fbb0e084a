"""The search: rounds of points on the same cultures, then the winner on cultures held out."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass, field
from typing import Any

from crepe.errors import ConfigError, CrepeError, suggest
from crepe.study.sweep.file import Point, Request, SweepFile
from crepe.study.sweep.results import Results
from crepe.study.sweep.runs import Outcome, Run
from crepe.study.sweep.samplers import Sampler
from crepe.study.sweep.scores import mean

Document = Mapping[str, Any]


@dataclass(frozen=True)
class RunResult:
    """A run that is over."""

    request: Request
    document: Document | None  # None: it failed
    problem: str
    score: float | None  # None: it failed, or the document has no number there
    was_kept: bool  # it was done by an earlier call


@dataclass(frozen=True)
class PointResult:
    """A point, and its runs: one for each culture, in the order of the seeds."""

    point: Point
    runs: Sequence[RunResult]

    @property
    def scores(self) -> list[float]:
        """Scores of the cultures that have one."""
        return [run.score for run in self.runs if run.score is not None]

    @property
    def score(self) -> float | None:
        """Mean score over cultures; None unless every culture has one."""
        scores = self.scores
        return mean(scores) if len(scores) == len(self.runs) else None


@dataclass(frozen=True)
class Winner:
    """The point with the best mean score, and its runs on cultures that it was not chosen with."""

    point: PointResult
    held_out: PointResult
    n_earlier: int  # other points that those cultures have been tried on before


@dataclass(frozen=True)
class SweepResult:
    """All points of a sweep, in the order in which they were tried."""

    points: Sequence[PointResult] = field(default_factory=list)
    winner: Winner | None = None


OnRun = Callable[[RunResult], None]
"""Called after each run, in the order in which they end."""


class Search:
    """A sweep that runs.

    Parameters
    ----------
    executor
        Where runs take place: of `concurrent.futures`, or with its interface.
    run
        Does a run; `crepe.study.sweep.runs.run_line`, but for tests.
    on_run
        Is called in this thread.
    """

    def __init__(
        self, file: SweepFile, results: Results, executor: Executor, run: Run, on_run: OnRun
    ) -> None:
        self._file = file
        self._results = results
        self._executor = executor
        self._run = run
        self._on_run = on_run

    def search(self, sampler: Sampler) -> SweepResult:
        """Try all points, then the winner on the cultures that are held out.

        Raises ConfigError for points that the experiment does not take, and for a document without
        the value of the objective; CrepeError if all runs of a point but none of another ended, or
        no point could be tried.
        """
        tried: list[PointResult] = []
        while points := sampler.ask():
            if not tried:
                self._check(points)
            now = self._try(points, self._file.tables.cultures.seeds)
            sampler.tell([each.score for each in now])
            tried += now
        if self._file.tables.objective.goal is None:
            return SweepResult(tried)
        return SweepResult(tried, self._winner(tried))

    def _check(self, points: Sequence[Point]) -> None:
        """Raise ConfigError for all points of the first round that do not fit, before any run."""
        mistakes: list[str] = []
        for point in points:
            try:
                self._file.check(point)
            except ConfigError as error:
                mistakes += error.mistakes
        if mistakes:
            raise ConfigError(*dict.fromkeys(mistakes))

    def _try(
        self, points: Sequence[Point], seeds: Sequence[int], *, is_held_out: bool = False
    ) -> list[PointResult]:
        requests = [
            [self._file.request(point, seed, is_held_out=is_held_out) for seed in seeds]
            for point in points
        ]
        done: dict[str, RunResult] = {}
        pending = {}
        for request in (request for row in requests for request in row):
            document = self._results.document(request)
            if document is not None:
                done[request.key] = self._done(request, Outcome(document, "", 0.0), was_kept=True)
            elif request.key not in pending:  # a random point may be drawn twice
                pending[request.key] = request
        futures = {
            self._executor.submit(self._run, request): request for request in pending.values()
        }
        for future in as_completed(futures):
            request = futures[future]
            outcome = future.result()
            if outcome.document is not None:
                self._results.keep(request, outcome)
            done[request.key] = self._done(request, outcome, was_kept=False)
        return [
            PointResult(point, [done[request.key] for request in row])
            for point, row in zip(points, requests, strict=True)
        ]

    def _done(self, request: Request, outcome: Outcome, *, was_kept: bool) -> RunResult:
        score = None
        if outcome.document is not None:
            score = score_of(self._file, outcome.document)
        done = RunResult(request, outcome.document, outcome.problem, score, was_kept)
        self._on_run(done)
        return done

    def _winner(self, tried: Sequence[PointResult]) -> Winner:
        scored = [(each.score, each) for each in tried if each.score is not None]
        if not scored:
            problems = [run.problem for each in tried for run in each.runs if run.problem]
            raise CrepeError(
                f"{self._file.path}: no point has a score on every culture: "
                f"{(problems or ['their values are no numbers'])[0]}"
            )
        sign = 1 if self._file.tables.objective.goal == "maximize" else -1
        best = max(scored, key=lambda each: sign * each[0])[1]  # the first of equals
        held_out = self._file.tables.cultures.held_out
        requests = [self._file.request(best.point, seed) for seed in held_out]
        n_earlier = self._results.n_earlier_points(requests)
        return Winner(best, self._try([best.point], held_out, is_held_out=True)[0], n_earlier)


def score_of(file: SweepFile, document: Document) -> float | None:
    """Return the score of a run; None where its value is no number.

    Raises ConfigError if the document has no such value.
    """
    objective = file.tables.objective
    value = value_of(file, document, objective.value, objective.condition)
    if not objective.minus or value is None:
        return value
    other = value_of(file, document, objective.value, objective.minus)
    return None if other is None else value - other


def value_of(file: SweepFile, document: Document, name: str, condition: str = "") -> float | None:
    """Return a value of a run by its names from the outside in; None where it is no number.

    Raises ConfigError if the document has no such value.
    """
    content: Any = document
    parts = [condition if part == "*" else part for part in name.split(".")]
    for depth, part in enumerate(parts):
        if not isinstance(content, Mapping) or part not in content:
            place = ".".join(parts[:depth]) or "the document"
            keys = list(content) if isinstance(content, Mapping) else []
            raise ConfigError(
                f"{file.path}: [objective] {name!r}: {place} of a run has no {part!r}"
                f"{suggest(part, keys)}"
            )
        content = content[part]
    is_number = isinstance(content, int | float) and not isinstance(content, bool)
    return float(content) if is_number else None


def conditions_of(file: SweepFile, document: Document, name: str) -> list[str]:
    """Return the conditions that a value stands for in a document, that of the score first."""
    parts = name.split(".")
    if "*" not in parts:
        return [""]
    content: Any = document
    for part in parts[: parts.index("*")]:
        content = content.get(part, {}) if isinstance(content, Mapping) else {}
    first = file.tables.objective.condition
    return sorted(content, key=lambda each: (each != first, each))
