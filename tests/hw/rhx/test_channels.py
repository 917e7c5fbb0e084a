"""Names of channels."""

import pytest

from crepe.hw.rhx.channels import channels_in, is_channel, stimulable


def test_a_list_gives_the_channels_in_the_order_in_which_rhx_sends_them():
    assert channels_in("b-003,A-000..A-002") == ("A-000", "A-001", "A-002", "B-003")


@pytest.mark.parametrize("text", ["", "A-1", "A-128", "I-000", "A-002..A-001", "A-001..B-002"])
def test_what_names_no_channels_is_refused(text):
    with pytest.raises(ValueError, match="channel"):
        channels_in(text)


def test_a_channel_named_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        channels_in("A-000..A-003,A-002")


def test_labels_of_other_arrays_are_no_channels():
    assert is_channel("A-127")
    assert not any(map(is_channel, ("47", "a-010", "A-10", "ANALOG-OUT-1")))


def test_all_that_can_stimulate_is_listed():
    names = stimulable({"A": 32, "B": 16})
    assert len(names) == 32 + 16 + 8 + 16
    assert {"A-031", "B-015", "ANALOG-OUT-8", "DIGITAL-OUT-01"} <= set(names)
