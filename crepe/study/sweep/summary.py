"""What a sweep came to, as numbers: for its JSON document and for its report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from crepe.conditions import UNTESTED
from crepe.environment.versions import versions
from crepe.study.sweep.file import SweepFile
from crepe.study.sweep.scores import Difference, Estimate, difference, estimate
from crepe.study.sweep.search import PointResult, SweepResult, conditions_of, value_of


@dataclass(frozen=True)
class ConditionValue:
    """A value under one condition, over the cultures of a point."""

    estimate: Estimate
    #: The condition of the score against this one; None of itself, and where there is no test.
    first_minus_it: Difference | None


class Summary:
    """A sweep and its estimates."""

    def __init__(self, file: SweepFile, result: SweepResult) -> None:
        self.file = file
        self.result = result
        documents = [
            run.document
            for point in result.points
            for run in point.runs
            if run.document is not None
        ]
        self.is_simulated = all(document.get("is_simulated", False) for document in documents)

    @property
    def score_name(self) -> str:
        """The score in words: the value's name, and what is subtracted."""
        objective = self.file.tables.objective
        name = objective.value.replace("*", objective.condition)
        return f"{name} minus {objective.minus}" if objective.minus else name

    @property
    def value_names(self) -> tuple[str, ...]:
        """Names of the values that are shown, that of the score first."""
        objective = self.file.tables.objective
        return (objective.value, *objective.shown)

    def values(self, point: PointResult, name: str) -> dict[str, ConditionValue]:
        """Return a value over the cultures of a point by condition, that of the score first."""
        documents = [run.document for run in point.runs if run.document is not None]
        conditions = conditions_of(self.file, documents[0], name) if documents else []
        values = {
            condition: [value_of(self.file, document, name, condition) for document in documents]
            for condition in conditions
        }
        first = values.get(conditions[0], []) if conditions else []
        return {
            condition: ConditionValue(
                estimate([value for value in each if value is not None]),
                None
                if condition == conditions[0] or condition in UNTESTED
                else difference(first, each, self.file.tables.seed),
            )
            for condition, each in values.items()
        }

    def against_winner(self, point: PointResult) -> Difference | None:
        """Return the winner's scores minus those of another point, on the same cultures."""
        winner = self.result.winner
        if winner is None or winner.point is point:
            return None
        best, other = ([run.score for run in each.runs] for each in (winner.point, point))
        return difference(best, other, self.file.tables.seed)

    def document(self) -> dict[str, Any]:
        """Return all numbers as `crepe sweep --json` prints them."""
        winner = self.result.winner
        return {
            "title": self.file.title,
            "sweep": str(self.file.path),
            "experiment": str(self.file.experiment_path),
            "is_simulated": self.is_simulated,
            "score": self.score_name,
            "goal": self.file.tables.objective.goal,
            "points": [self._point(point) for point in self.result.points],
            "winner": None
            if winner is None
            else {
                "number": winner.point.point.number,
                "in_sample": asdict(estimate(winner.point.scores)),
                "held_out": asdict(estimate(winner.held_out.scores)),
                "n_earlier_points": winner.n_earlier,
                "runs": _runs(winner.held_out),
                "values": self._values(winner.held_out),
            },
            "versions": versions("scipy"),
        }

    def _point(self, point: PointResult) -> dict[str, Any]:
        against = self.against_winner(point)
        return {
            "number": point.point.number,
            "axes": point.point.values,
            "settings": point.point.settings,
            "score": asdict(estimate(point.scores)),
            "winner_minus_it": None if against is None else asdict(against),
            "values": self._values(point),
            "runs": _runs(point),
        }

    def _values(self, point: PointResult) -> dict[str, Any]:
        return {
            name: {
                condition: asdict(value) for condition, value in self.values(point, name).items()
            }
            for name in self.value_names
        }


def _runs(point: PointResult) -> list[Mapping[str, Any]]:
    return [
        {
            "seed": run.request.seed,
            "score": run.score,
            "problem": run.problem or None,
            "line": run.request.line,
        }
        for run in point.runs
    ]
