"""Positions come from the source, from a named array or from a file; else they stay unknown."""

from dataclasses import replace

import pytest

from crepe.electrodes.geometry import as_array, on_grid, positions_um, unknown_text, with_geometry
from crepe.electrodes.layouts import MCS_60_LABELS, grid_labels
from crepe.errors import ConfigError
from crepe.messages import StreamInfo
from crepe.store.redis_fields import info_fields, info_from


def test_what_the_source_states_counts():
    info = StreamInfo(labels=("47", "x"), positions_um=((1.0, 2.0), None))
    assert positions_um(info) == ((1.0, 2.0), None)
    assert positions_um(replace(info, positions_um=(None, None))) == (None, None)


def test_a_stream_of_an_earlier_version_has_the_array_behind_meame():
    positions = positions_um(StreamInfo(labels=MCS_60_LABELS))
    assert positions[MCS_60_LABELS.index("47")] == (600, 1200)


@pytest.mark.parametrize("labels", [grid_labels(64), ("47", "48"), tuple(reversed(MCS_60_LABELS))])
def test_no_position_is_invented(labels):
    assert set(positions_um(StreamInfo(labels=labels))) == {None}


def test_a_named_array_places_its_electrodes_and_no_others():
    info = with_geometry(StreamInfo(labels=("A2", "B1", "aux")), "120MEA100", "x")
    assert info.positions_um == ((0, 100), (100, 0), None)
    assert info.geometry == "120MEA100"
    text = unknown_text(info.labels, info.positions_um)
    assert text == "positions not known of 1 of 3 electrodes: aux"
    with pytest.raises(ConfigError, match="x: 60MEA200 has none of the electrodes A2, B1"):
        with_geometry(StreamInfo(labels=("A2", "B1")), "60MEA200", "x")
    with pytest.raises(ConfigError, match="no array '60MAE'"):
        with_geometry(info, "60MAE", "x")


def test_unknown_positions_are_said_in_a_sentence():
    assert unknown_text(("a",), ((0.0, 0.0),)) == ""
    assert unknown_text(("a", "b"), (None, None)) == "positions of the electrodes: not known"
    assert as_array([(1.0, 2.0), None]).tolist()[0] == [1.0, 2.0]


def test_positions_and_ids_survive_the_way_through_redis():
    info = StreamInfo(labels=("a", "b"), ids=("7", "9"), positions_um=((1.0, 2.5), None))
    items = [item.encode() for item in info_fields(info)]
    assert info_from(dict(zip(items[::2], items[1::2], strict=True))) == info


def test_an_invented_instrument_has_a_60mea_or_a_square_grid():
    assert on_grid(StreamInfo(labels=MCS_60_LABELS)).geometry == "60MEA200"
    info = on_grid(StreamInfo(labels=grid_labels(5)))
    assert info.geometry == "grid of 3 columns"
    assert info.positions_um == ((0, 0), (200, 0), (400, 0), (0, 200), (200, 200))
