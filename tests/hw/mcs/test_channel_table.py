"""Labels, IDs, units and places of channels, as MCS software and converters write them."""

import numpy as np
import pytest

from crepe.electrodes.layouts import MCS_60_LABELS
from crepe.errors import DeviceError
from crepe.hw.mcs import channel_table


def table(labels, *, unit=None, group=None, ids=None, exponent=-12, factor=59_605):
    columns = [("Label", "S8"), ("Exponent", "i4"), ("ConversionFactor", "i8"), ("ChannelID", "i4")]
    columns += [("Unit", "S8")] if unit is not None else []
    columns += [("GroupID", "i4")] if group is not None else []
    channels = np.zeros(len(labels), columns)
    channels["Label"], channels["Exponent"], channels["ConversionFactor"] = labels, exponent, factor
    channels["ChannelID"] = range(len(labels)) if ids is None else ids
    if unit is not None:
        channels["Unit"] = unit.encode()
    if group is not None:
        channels["GroupID"] = group
    return channels


def test_ref_in_a_60mea_is_electrode_15():
    written = ["Ref" if label == "15" else label for label in MCS_60_LABELS]
    assert channel_table.labels_of(table(written)) == MCS_60_LABELS
    assert channel_table.labels_of(table(["Ref", "A1"])) == ("Ref", "A1")


def test_labels_that_repeat_are_told_apart_by_their_group():
    labels = channel_table.labels_of(table(["12", "21"] * 2, group=[0, 0, 1, 1]))
    assert labels == ("G0 12", "G0 21", "G1 12", "G1 21")
    assert channel_table.labels_of(table(["12", "21"], group=[0, 1])) == ("12", "21")
    assert channel_table.labels_of(table(["12", "12", "13"])) == ("12 #0", "12 #1", "13")
    assert channel_table.labels_of(table(["12", "12"], group=[3, 3])) == ("G3 12 #0", "G3 12 #1")


def test_ids_are_those_of_the_file_if_they_are_unique():
    assert channel_table.ids_of(table(["a", "b"], ids=[7, 3])) == ("7", "3")
    assert channel_table.ids_of(table(["a", "b"], ids=[7, 7])) == ()


@pytest.mark.parametrize(
    ("unit", "exponent"), [("V", -12), ("mV", -9), ("uV", -6), ("µV", -6), ("\u03bcV", -6)]
)
def test_voltages_are_converted_from_any_unit(unit, exponent):
    channels = table(["47"], unit=unit, exponent=exponent)
    assert channel_table.scales_uv(channels, "Electrode", "x") == (0.059605,)


def test_an_electrode_without_a_voltage_is_refused_and_a_digital_line_has_counts():
    channels = table(["47"], unit="NoUnit", exponent=0)
    with pytest.raises(DeviceError, match="x: channel 47: unit 'NoUnit', must be V, mV or uV"):
        channel_table.scales_uv(channels, "Electrode", "x")
    assert channel_table.scales_uv(channels, "Digital", "x") == (1.0,)


def test_places_are_those_of_the_array_that_the_file_names():
    positions, name = channel_table.geometry_of(("47", "x"), "60MEA200/30iR")
    assert (positions, name) == (((600, 1200), None), "60MEA200")
    assert channel_table.geometry_of(("47",), "") == ((None,), "")
