"""Wells of one device: named by its labels, and taken one by one."""

import pytest

from crepe.electrodes.wells import channels_of_well, in_well, wells_of, wells_text
from crepe.errors import DeviceError
from crepe.messages import StreamInfo

PLATE = ("G0 12", "G1 12", "G0 21", "G1 21", "G1 Ref")
INFO = StreamInfo(
    labels=PLATE,
    ids=("a", "b", "c", "d", "e"),
    positions_um=((0, 0), None, (1, 0), (2, 0), None),
    scale_uv=(1.0, 2.0, 3.0, 4.0, 5.0),
    source="plate.h5",
)


def test_labels_name_the_wells_of_a_plate_and_the_ports_of_a_controller():
    assert wells_of(PLATE) == {"G0": [0, 2], "G1": [1, 3, 4]}
    assert wells_of(("A-000", "A-001", "B-000")) == {"A": [0, 1], "B": [2]}
    assert wells_text(PLATE) == "G0 (2), G1 (3)"


@pytest.mark.parametrize(
    "labels", [("12", "21"), ("A-000", "A-001"), ("G0 12", "21"), ("A-000", "AUX1"), ()]
)
def test_labels_of_one_array_name_no_wells(labels):
    assert wells_of(labels) == {}
    assert wells_text(labels) == ""


def test_a_well_is_described_like_an_array_of_its_own():
    well = in_well(INFO, channels_of_well(INFO, "G1"))
    assert well.labels == ("12", "21", "Ref")
    assert well.ids == ("b", "d", "e")
    assert well.positions_um == (None, (2, 0), None)
    assert well.scale_uv == (2.0, 4.0, 5.0)


def test_a_headstage_keeps_the_labels_of_its_controller_and_what_is_not_by_channel():
    info = StreamInfo(labels=("A-000", "B-000", "B-001"), scale_uv=(0.195,))
    headstage = in_well(info, channels_of_well(info, "B"))
    assert headstage.labels == ("B-000", "B-001")
    assert (headstage.ids, headstage.positions_um, headstage.scale_uv) == ((), (), (0.195,))


def test_without_a_well_all_channels_stay_as_they_are():
    assert in_well(INFO, channels_of_well(INFO, "")) is INFO


def test_a_well_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(DeviceError, match=r"plate.h5: well 'G7', there are G0 \(2\), G1 \(3\)"):
        channels_of_well(INFO, "G7")
    with pytest.raises(DeviceError, match="none: its labels name no wells"):
        channels_of_well(StreamInfo(labels=("12",)), "G0")
