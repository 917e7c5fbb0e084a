"""Channels by label and by index: text is a label, and a number never is."""

import numpy as np
import pytest

from crepe.store import Store

LABELS = ("47", "48", "1")
ARRAY = np.arange(300, dtype=np.int32).reshape(3, 100)
SCALE = (0.5, 2.0, 4.0)


@pytest.fixture
def data():
    stream = Store("memory://").declare("data", labels=LABELS, scale_uv=SCALE)
    stream.append(ARRAY)
    return stream


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        ("48", 1),
        ("1", 2),  # electrode "1" is not row 1
        (np.str_("47"), 0),
        (["1", "47"], [2, 0]),
        (("48", "48"), [1, 1]),
        (np.array(["48", "1"]), [1, 2]),
    ],
)
def test_labels_choose_rows_in_counts_and_in_microvolts(data, index, rows):
    np.testing.assert_array_equal(data[index, 10:20], ARRAY[rows, 10:20])
    np.testing.assert_array_equal(data[index, -1], ARRAY[rows, -1])
    microvolts = (ARRAY * np.array(SCALE)[:, None])[rows]
    np.testing.assert_allclose(data.microvolts[index, 10:20], microvolts[..., 10:20])


def test_a_label_alone_is_all_of_its_samples(data):
    np.testing.assert_array_equal(data["48"], ARRAY[1])


def test_numbers_stay_indices(data):
    np.testing.assert_array_equal(data[1, :], ARRAY[1])
    np.testing.assert_array_equal(data[[2, 0], :], ARRAY[[2, 0]])


def test_what_is_unknown_or_meant_otherwise_is_refused(data):
    with pytest.raises(KeyError, match="data: no electrode '99'; known are 47, 48, 1"):
        data["99", 0:10]
    with pytest.raises(KeyError, match="no electrode '99'"):
        data[["47", "99"], 0:10]
    with pytest.raises(IndexError, match="data: channel 47, there are 3"):
        data[47, 0:10]
    with pytest.raises(IndexError, match="samples '48', must be an index or a slice; several"):
        data["47", "48"]


def test_a_label_that_two_channels_have_is_not_guessed():
    stream = Store("memory://").declare("data", labels=("a", "a"))
    stream.append(ARRAY[:2])
    with pytest.raises(KeyError, match="2 channels are labelled 'a'; give an index"):
        stream["a", 0:10]
