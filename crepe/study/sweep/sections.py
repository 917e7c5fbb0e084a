"""The sections of a sweep's report, as plain values that the report draws."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from math import isnan
from typing import Any

from crepe.analysis.shares import Interval
from crepe.games.section import Curve, Curves, Group, Groups, Section, Table, Text, View
from crepe.study.sweep.file import toml
from crepe.study.sweep.scores import Estimate, estimate
from crepe.study.sweep.search import PointResult
from crepe.study.sweep.summary import ConditionValue, Summary

INTERVAL = "95 % interval"
_NOTE = (
    "The culture is the unit: means are over cultures, intervals are Student's. Differences are of "
    "values of the same culture; p is of both exchanged within cultures, two-sided, not corrected "
    "for the number of comparisons, and 2 / 2^n at least with n cultures."
)
_WINNER_NOTE = (
    "The score in sample is the best of several, so chance has a part in it: the more points and "
    "the fewer cultures, the more. It is no estimate of what the winner gives. The score on "
    "held-out cultures is one: they had no part in the choice."
)
_MOST_TABLES = 12  # points whose conditions are shown one by one


def sections(summary: Summary) -> list[Section]:
    """Return the sections in the order in which they should be read."""
    parts = [] if summary.result.winner is None else [_winner(summary)]
    return [*parts, _points(summary), *_by_condition(summary), _runs(summary)]


def table_of_points(summary: Summary) -> Table:
    """Return a row for each point, the best first where there is a goal."""
    points = list(summary.result.points)
    goal = summary.file.tables.objective.goal
    if goal:
        sign = -1 if goal == "maximize" else 1
        points.sort(key=lambda p: (p.score is None, sign * (p.score or 0.0)))
    against = ("winner minus it", INTERVAL, "p") if goal else ()
    head = ("point", *summary.file.axes, "cultures", "score", INTERVAL, *against)
    rows = []
    for point in points:
        row = [str(point.point.number), *(toml(v) for v in point.point.values.values())]
        row += _mean(estimate(point.scores))
        if goal:
            test = summary.against_winner(point)
            row += ["-"] * 3 if test is None else [
                _number(test.mean), _interval(test.ci95), _number(test.p_value)
            ]  # fmt: skip
        rows.append(row)
    return Table(head, rows)


def table_of_winner(summary: Summary) -> Table:
    """Return the winner's score in sample and on held-out cultures."""
    winner = summary.result.winner
    assert winner is not None
    rows = [
        [name, *_mean(value), _number(value.lowest), _number(value.highest)]
        for name, value in (
            ("held-out", estimate(winner.held_out.scores)),
            ("in sample", estimate(winner.point.scores)),
        )
    ]
    return Table(("cultures", "number", "score", INTERVAL, "lowest", "highest"), rows)


def table_of_conditions(values: Mapping[str, ConditionValue]) -> Table:
    """Return a value by condition, and how the first differs from each other."""
    first = next(iter(values))
    head = ["condition"] if first else []
    head += ["cultures", "median", "lowest", "highest", "mean", INTERVAL]
    head += [f"{first} minus it", INTERVAL, "p"] if first else []
    rows = []
    for condition, value in values.items():
        row = [condition] if first else []
        of = value.estimate
        row += [str(of.n), *map(_number, (of.median, of.lowest, of.highest, of.mean))]
        row.append(_interval(of.ci95))
        test = value.first_minus_it
        if first:
            row += ["-"] * 3 if test is None else [
                _number(test.mean), _interval(test.ci95), _number(test.p_value)
            ]  # fmt: skip
        rows.append(row)
    return Table(head, rows)


def _winner(summary: Summary) -> Section:
    winner = summary.result.winner
    assert winner is not None
    views: list[View] = [
        Text(f"Point {winner.point.point.number}: {winner.point.point}."),
        table_of_winner(summary),
        Text(_WINNER_NOTE),
    ]
    if winner.n_earlier:
        views.append(
            Text(
                f"These held-out cultures have been tried with {winner.n_earlier} other points "
                "before, whose scores may have led to this sweep. Take other cultures for a number "
                "to report."
            )
        )
    return Section("The winner", views)


def _points(summary: Summary) -> Section:
    views: list[View] = [table_of_points(summary), *_figures(summary), Text(_NOTE)]
    return Section(f"Score: {summary.score_name}", views)


def _by_condition(summary: Summary) -> Iterator[Section]:
    """Yield tables by condition: of the winner on held-out cultures, or of each point."""
    winner = summary.result.winner
    points = list(summary.result.points) if winner is None else [winner.held_out]
    for name in summary.value_names:
        views: list[View] = []
        for point in points[:_MOST_TABLES]:
            if not (values := summary.values(point, name)):
                continue
            if winner is not None:
                views.append(Text("The winner, on held-out cultures:"))
            elif point.point.values:
                views.append(Text(f"Point {point.point.number}: {point.point}"))
            views.append(table_of_conditions(values))
        if len(points) > _MOST_TABLES:
            views.append(Text(f"{len(points) - _MOST_TABLES} more points are in report.json."))
        if views:
            yield Section(name, views)


def _runs(summary: Summary) -> Section:
    winner = summary.result.winner
    points = [*summary.result.points, *([] if winner is None else [winner.held_out])]
    rows = [
        [str(run.request.seed), _number(run.score), run.problem or run.request.line]
        for point in points
        for run in point.runs
    ]
    text = "Each line does its run again, and gives the same numbers."
    return Section("Runs", [Text(text), Table(("culture", "score", "command line"), rows)])


def _figures(summary: Summary) -> Iterator[View]:
    """Yield a figure for each axis with two values or more."""
    numbers = count(1)
    points = [point for point in summary.result.points if point.score is not None]
    varied = [
        axis
        for axis in summary.file.axes
        if len({toml(point.point.values[axis]) for point in points}) > 1
    ]
    for axis in varied:
        values = [point.point.values[axis] for point in points]
        name = f"sweep-{next(numbers)}"
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            yield _curves(summary, axis, points, name, is_only=len(varied) == 1)
        else:
            yield _groups(summary, axis, points, name)


def _curves(
    summary: Summary, axis: str, points: Sequence[PointResult], name: str, *, is_only: bool
) -> Curves:
    points = sorted(points, key=lambda point: float(point.point.values[axis]))
    at = [float(point.point.values[axis]) for point in points]
    settings = summary.file.tables.ranges.get(axis)
    if is_only and not summary.file.tables.objective.minus:
        curves = _by_conditions(summary, points, at)
    else:
        scores = [estimate(point.scores) for point in points]
        intervals = [score.ci95 for score in scores] if is_only else []
        curves = [Curve("score", at, [score.mean for score in scores], intervals)]
    caption = f"Means over cultures by {axis}"
    caption += f", with {INTERVAL}s." if is_only else ": a dot for each point."
    if summary.result.winner is not None:
        caption += " In sample."
    return Curves(
        name,
        caption,
        f"{summary.score_name} by {axis}: {len(points)} points",
        axis,
        summary.score_name if len(curves) == 1 else summary.file.tables.objective.value,
        curves,
        is_log=settings is not None and settings.log,
        is_line=is_only,
    )


def _by_conditions(
    summary: Summary, points: Sequence[PointResult], at: Sequence[float]
) -> list[Curve]:
    rows = [summary.values(point, summary.value_names[0]) for point in points]
    conditions = [name for name in rows[0] if all(name in row for row in rows)]
    return [
        Curve(
            condition or "score",
            at,
            [row[condition].estimate.mean for row in rows],
            [row[condition].estimate.ci95 for row in rows],
        )
        for condition in conditions
    ]


def _groups(summary: Summary, axis: str, points: Sequence[PointResult], name: str) -> Groups:
    by_value: dict[str, list[PointResult]] = {}
    for point in points:
        by_value.setdefault(_label(point.point.values[axis]), []).append(point)
    groups = []
    for label, same in by_value.items():
        scores = [score for point in same for score in point.scores]
        # Points of one value differ in the other axes: only of a single one is there an interval.
        of = estimate(scores)
        groups.append(Group(label, scores, of.mean, of.ci95 if len(same) == 1 else None))
    return Groups(
        name,
        f"Scores of single cultures by {axis}, and their mean with {INTERVAL}.",
        f"{summary.score_name} by {axis}: "
        + ", ".join(f"{g.condition} {g.mean:.3f}" for g in groups),
        summary.score_name,
        groups,
        x_label=axis,
    )


def _label(value: Any) -> str:
    return value if isinstance(value, str) else toml(value)


def _mean(value: Estimate) -> list[str]:
    return [str(value.n), _number(value.mean), _interval(value.ci95)]


def _number(value: float | None) -> str:
    return "-" if value is None or isnan(value) else f"{value:.3f}"


def _interval(interval: Interval) -> str:
    low, high = interval
    return "-" if isnan(low) else f"{low:.3f} to {high:.3f}"
