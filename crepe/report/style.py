"""The look of all figures: colours for the colour-blind, legible letters, and PNG."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from crepe.conditions import STIMULATION

# Okabe & Ito 2008, Color Universal Design.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#767676"

GESTURE_COLOURS = (VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY, BLACK)
CONDITION_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
CONDITION_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
WIDTH_IN = 9.0
DPI = 144

_STYLE = {
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "text.parse_math": False,  # names come from files; a `$` in one is a dollar
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Picture:
    """A figure as a file."""

    name: str  # of the file, without suffix
    png: bytes
    alt: str  # its content in words, for readers who cannot see it


def picture(
    name: str, alt: str, height_in: float, draw: Callable[[Figure], None], *, is_simulated: bool
) -> Picture:
    """Draw a figure.

    A simulated culture is named in the figure itself, since files are passed on without the page.

    Parameters
    ----------
    name
        Of the file, without suffix.
    alt
        Its content in words.
    height_in
        Inches; all figures have the same width.
    draw
        Draws into the empty figure.
    is_simulated
        Whether the culture is.
    """
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]  # its keys are literals
        figure = Figure(figsize=(WIDTH_IN, height_in))
        FigureCanvasAgg(figure)
        if is_simulated:
            figure.suptitle("SIMULATED culture", color=VERMILION, size=10, weight="bold", ha="left")
            figure.texts[-1].set_x(0.01)
        draw(figure)
        stream = BytesIO()
        figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return Picture(name, stream.getvalue(), alt)


def gesture_colour(gesture: str, gestures: Sequence[str]) -> str:
    """Return the colour of a gesture, the same in all figures."""
    return GESTURE_COLOURS[sorted(gestures).index(gesture) % len(GESTURE_COLOURS)]


def condition_look(condition: str, conditions: Sequence[str]) -> dict[str, Any]:
    """Return colour and marker of a condition, the same in all figures."""
    k = stimulation_first(conditions).index(condition)
    return {
        "color": CONDITION_COLOURS[k % len(CONDITION_COLOURS)],
        "marker": CONDITION_MARKERS[k % len(CONDITION_MARKERS)],
    }


def stimulation_first(conditions: Iterable[str]) -> list[str]:
    """Return the different conditions in the order in which they are shown."""
    return sorted(set(conditions), key=lambda name: (name != STIMULATION, name))


def named(condition: str) -> str:
    """Return the name of a condition, or words for a session without conditions."""
    return condition or "all trials"


def legend(figure: Figure, names: Sequence[tuple[str, str]]) -> None:
    """Draw the meaning of colours below the figure, from (name, colour)."""
    marks = [
        Line2D([], [], ls="", marker="s", ms=9, color=colour, label=name) for name, colour in names
    ]
    if marks:
        figure.legend(handles=marks, loc="outside lower center", ncols=4)


def grid(figure: Figure, n: int, n_columns: int) -> list[Axes]:
    """Return n axes in rows; the rest of the last row stays empty."""
    n_rows = -(-n // n_columns)
    axes = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for empty in axes[n:]:
        empty.set_visible(False)
    return axes[:n]
