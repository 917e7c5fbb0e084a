"""The stock views of a game's section: its plain values as HTML and as figures."""

from collections.abc import Callable, Mapping

import numpy as np
from matplotlib.figure import Figure

from crepe.games.section import Curves, Groups, Image, Section, Table, Text, TimeSeries
from crepe.report.html import Element, element, figure, section, table
from crepe.report.style import Picture, condition_look, named, picture

_HEIGHT_IN = 4.4


def pictures_of(content: Section, *, is_simulated: bool) -> list[Picture]:
    """Draw the figures of a section, in their order."""
    pictures = []
    for view in content.views:
        if isinstance(view, Groups):
            draw = _groups(view)
        elif isinstance(view, TimeSeries):
            draw = _time_series(view)
        elif isinstance(view, Curves):
            draw = _curves(view)
        elif isinstance(view, Image):
            draw = _image(view)
        else:
            continue
        drawn = picture(view.name, view.alt, _HEIGHT_IN, draw, is_simulated=is_simulated)
        pictures.append(drawn)
    return pictures


def section_of(content: Section, pictures: Mapping[str, Picture]) -> Element:
    """Return a section as HTML; `pictures` are its figures by name."""
    parts = []
    for view in content.views:
        if isinstance(view, Text):
            parts.append(element("p", view.text))
        elif isinstance(view, Table):
            parts.append(table(view.head, view.rows))
        else:
            parts.append(figure(pictures[view.name], view.caption))
    return section(content.title, *parts)


def _groups(view: Groups) -> Callable[[Figure], None]:
    """Every value as a dot, and beside them the mean with its interval."""
    names = [group.condition for group in view.groups]

    def draw(into: Figure) -> None:
        axes = into.subplots()
        # Equal values would hide each other, so dots are spread sideways; always in the same way.
        rng = np.random.default_rng(0)
        for k, group in enumerate(view.groups):
            look = condition_look(group.condition, names)
            x = k + rng.uniform(-0.18, 0.18, len(group.values))
            axes.plot(x, group.values, ls="", ms=4, alpha=0.4, **look)
            if group.mean is not None and group.interval is not None:
                low, high = group.interval
                spread = [[group.mean - low], [high - group.mean]]
                axes.errorbar(k + 0.32, group.mean, spread, capsize=4, ms=8, **look)
        axes.set_xticks(range(len(names)), [named(name) for name in names])
        axes.set(xlabel=view.x_label, ylabel=view.y_label)
        axes.margins(y=0.08)

    return draw


def _time_series(view: TimeSeries) -> Callable[[Figure], None]:
    """A line for each condition over the minutes of the session."""
    names = [line.condition for line in view.lines]

    def draw(into: Figure) -> None:
        axes = into.subplots()
        for line in view.lines:
            look = condition_look(line.condition, names)
            at_min = [at_s / 60 for at_s in line.at_s]
            axes.plot(at_min, line.values, lw=1, ms=7, label=named(line.condition), **look)
        axes.set(xlabel="time in the session (min)", ylabel=view.y_label)
        axes.set_xlim(left=0)
        if all(value >= 0 for line in view.lines for value in line.values):
            axes.set_ylim(bottom=0)
        into.legend(loc="outside lower center", ncols=4)

    return draw


def _curves(view: Curves) -> Callable[[Figure], None]:
    """A curve for each condition, with the intervals of its values."""
    names = [curve.condition for curve in view.curves]

    def draw(into: Figure) -> None:
        axes = into.subplots()
        for curve in view.curves:
            look = condition_look(curve.condition, names)
            line = "-" if view.is_line else ""
            axes.plot(curve.at, curve.values, ls=line, ms=7, label=named(curve.condition), **look)
            for at, (low, high) in zip(curve.at, curve.intervals, strict=False):
                axes.plot([at, at], [low, high], color=look["color"], lw=1)
        axes.set(xlabel=view.x_label, ylabel=view.y_label)
        if view.is_log:
            axes.set_xscale("log")
        if len(names) > 1:
            into.legend(loc="outside lower center", ncols=4)

    return draw


def _image(view: Image) -> Callable[[Figure], None]:
    """A matrix in colours with their scale."""

    def draw(into: Figure) -> None:
        axes = into.subplots()
        shown = axes.imshow(view.pixels, cmap="viridis", interpolation="nearest")
        axes.set_axis_off()
        into.colorbar(shown, label=view.value_label)

    return draw
