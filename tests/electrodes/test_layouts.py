"""Arrays by name: each electrode in the cell that its label states, and no cell for other labels."""

import pytest

from crepe.electrodes.layouts import (
    MCS_60_LABELS,
    find_layout,
    is_recording,
    layout_named,
    positions_60mea_um,
)
from crepe.errors import ConfigError


def place(name, label):
    return find_layout(name).position_um(label)


def test_labels_of_a_60mea_are_column_and_row():
    assert place("60MEA200/30iR", "47") == (600, 1200)
    assert place("60MEA100/10iR-Ti", "47") == (300, 600)
    assert place("60MEA200/30iR", "Ref") == place("60MEA200/30iR", "15")
    assert positions_60mea_um(("47", "12")).tolist() == [[600, 1200], [0, 200]]


def test_letters_are_columns_without_i_and_q_and_numbers_are_rows():
    for label, cell in (("A2", (0, 1)), ("R15", (15, 14)), ("H8", (7, 7)), ("J1", (8, 0))):
        assert place("256MEA100/30iR", label) == (100 * cell[0], 100 * cell[1])
        assert place("252MEA200/30", label) == (200 * cell[0], 200 * cell[1])
    assert place("120MEA100/30iR", "F6") == (500, 500)
    assert place("120MEA100/30iR", "M12") == (1100, 1100)


def test_a_label_that_an_array_does_not_have_has_no_place():
    assert place("60MEA200/30iR", "99") is None
    assert place("256MEA100/30iR", "I5") is None
    assert place("120MEA100/30iR", "N1") is None


@pytest.mark.parametrize(
    "name",
    ["", "60HexaMEA40/10iR", "60-6wellMEA200/30", "60MEA500/30iR", "24W300/30G-288", "x60MEA200"],
)
def test_an_array_whose_geometry_is_not_known_is_not_guessed(name):
    assert find_layout(name) is None
    with pytest.raises(ConfigError, match="no array .*known are 60MEA100, 60MEA200"):
        layout_named(name, "geometry")


def test_the_reference_shows_no_activity():
    assert is_recording(MCS_60_LABELS).sum() == 59
    with_ref = tuple("Ref" if label == "15" else label for label in MCS_60_LABELS)
    assert is_recording(with_ref).sum() == 59
    assert is_recording(("15", "14")).all()  # of a larger array or a selection: an ordinary one
