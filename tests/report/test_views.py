"""The stock views: a game's plain values become a section of the page and its figures."""

import numpy as np

from crepe.games.section import (
    Curve,
    Curves,
    Group,
    Groups,
    Image,
    Line,
    Section,
    Table,
    Text,
    TimeSeries,
)
from crepe.report.html import page
from crepe.report.views import pictures_of, section_of

CONTENT = Section(
    "Echoes",
    [
        Table(["condition", "trials"], [["stimulation", "7"], ["<i>", "8"]]),
        Groups(
            "lengths", "Every length.", "lengths", "length",
            [Group("stimulation", [0, 1, 2], 1.0, (0.5, 1.5)), Group("rest", [0])],
        ),
        TimeSeries("course", "The course.", "course", "length", [Line("", [0.0, 60.0], [-1, 2])]),
        Curves(
            "threshold", "By threshold.", "by threshold", "threshold (SD)", "accuracy",
            [Curve("stimulation", [3.0, 4.0], [0.5, 0.9], [(0.4, 0.6), (np.nan, np.nan)]),
             Curve("rest", [3.0, 4.0], [0.3, 0.3])],
            is_log=True,
        ),
        Image("map", "The map.", "map", np.arange(6.0).reshape(2, 3), "rate (Hz)"),
        Text("A note."),
    ],
)  # fmt: skip


def test_every_figure_is_drawn_and_stands_in_the_section_in_its_order():
    pictures = {drawn.name: drawn for drawn in pictures_of(CONTENT, is_simulated=True)}
    assert list(pictures) == ["lengths", "course", "threshold", "map"]
    assert all(drawn.png.startswith(b"\x89PNG") for drawn in pictures.values())
    text = page("t", section_of(CONTENT, pictures))
    order = [
        "<h2>Echoes",
        "&lt;i&gt;",
        "Every length.",
        "The course.",
        "By threshold.",
        "The map.",
        "A note.",
    ]
    places = [text.index(part) for part in order]
    assert places == sorted(places)
