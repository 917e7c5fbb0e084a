"""Electrodes by what drives what: two inputs with outputs of their own, and what drives both."""

import numpy as np
import pytest

from crepe.analysis.units import choose_units
from crepe.errors import ConfigError

LABELS = tuple("abcdefgh")


def effect(**links):
    """(8, 8) from `ab=0.5`: a pulse at a adds 0.5 to b's probability to respond."""
    matrix = np.zeros((8, 8))
    for (source, target), value in links.items():
        matrix[LABELS.index(source), LABELS.index(target)] = value
    return matrix


def test_inputs_drive_outputs_of_their_own_and_training_drives_the_outputs():
    links = effect(ac=1.0, ad=0.8, be=0.9, bf=0.7, gc=0.5, ge=0.5, hd=0.4, ah=0.1)
    units = choose_units(links, LABELS, LABELS, n_outputs=2, n_training=2)
    assert units.inputs == ("a", "b")
    assert units.outputs == (("c", "d"), ("e", "f"))
    assert units.training == ("g", "h")


def test_what_both_inputs_drive_is_no_output():
    links = effect(ac=1.0, bc=1.0, ad=0.3, be=0.3, gd=0.1)
    units = choose_units(links, LABELS, LABELS, n_outputs=1, n_training=1)
    assert units == (("a", "b"), (("d",), ("e",)), ("g",))


def test_the_weaker_side_counts():
    links = effect(ac=1.0, be=0.2, de=0.6, gc=0.1)
    assert choose_units(links, LABELS, LABELS, n_outputs=1, n_training=1).inputs == ("a", "d")


@pytest.mark.parametrize(
    ("links", "reason"),
    [
        (effect(ac=1.0), "no two electrodes drive 1 electrodes each"),
        (effect(ac=1.0, be=1.0), "fewer than 1 other electrodes drive the outputs"),
    ],
)
def test_a_map_with_too_few_links_is_refused(links, reason):
    with pytest.raises(ConfigError, match=reason):
        choose_units(links, LABELS, LABELS, n_outputs=1, n_training=1)
