"""Presets of the simulated culture: other defaults, which whatever is set replaces."""

import pytest
from pydantic import ValidationError

from crepe.culture.settings import PRESETS, Cells, CultureSettings, Preset


def test_the_standard_is_the_defaults():
    assert CultureSettings(preset="standard") == CultureSettings()
    assert set(PRESETS) == set(Preset)


def test_a_preset_gives_defaults_and_what_is_set_stays():
    sparse = CultureSettings(preset="sparse")
    assert (sparse.n_cells, sparse.cells.n_synapses) == (160, 24)
    mixed = CultureSettings(preset="sparse", n_cells=300, cells={"release": 0.6})
    assert (mixed.n_cells, mixed.cells.n_synapses, mixed.cells.release) == (300, 24, 0.6)
    assert CultureSettings(preset="sparse", cells=Cells()).cells == Cells()


def test_settings_survive_being_written_and_read():
    young = CultureSettings(preset=Preset.YOUNG, cells={"inhibition": 0})
    assert CultureSettings.model_validate(young.model_dump(mode="json")) == young


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"preset": "old"}, "preset"),
        ({"preset": "young", "cells": 3}, "cells"),
        ({"preset": "young", "cells": {"relaese": 0.2}}, "cells.relaese"),
        ({"cells": {"release": 1.2}}, "cells.release"),
        ({"cells": {"n_synapses": 0}}, "cells.n_synapses"),
    ],
)
def test_what_is_wrong_is_named(wrong, place):
    with pytest.raises(ValidationError) as caught:
        CultureSettings(**wrong)
    assert ".".join(str(part) for part in caught.value.errors()[0]["loc"]) == place
