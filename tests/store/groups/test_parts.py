"""Messages split by channels and joined again are the same messages."""

import numpy as np
import pytest

from crepe.messages import Cutouts, Segment, Spikes
from crepe.store.groups.names import rows_of
from crepe.store.groups.parts import clipped, join, split

N = 7
FIRST_ROWS = {n: [rows.start for rows in rows_of(N, n)] for n in (1, 2, 3, 7)}
# In order of time; two channels peak in the same sample.
CHANNEL, SAMPLE = [6, 0, 3, 5, 2], [11, 12, 12, 12, 19]


def segment(start=10, stop=20):
    samples = np.arange(N * (stop - start), dtype=np.int16).reshape(N, -1)
    return Segment(start, stop, samples, 5, is_estimated=True)


def spikes():
    amplitude = -np.arange(1, 6, dtype=np.float32)
    return Spikes(10, 20, np.array(CHANNEL, np.int32), np.array(SAMPLE, np.int64), amplitude)


def cutouts():
    waveform = np.arange(15, dtype=np.float32).reshape(5, 3)
    return Cutouts(10, 20, np.array(CHANNEL, np.int32), np.array(SAMPLE, np.int64), waveform, 1)


def assert_same(message, other):
    assert type(message) is type(other)
    for name in message.__dataclass_fields__:
        value, of_other = getattr(message, name), getattr(other, name)
        np.testing.assert_array_equal(value, of_other)
        assert getattr(value, "dtype", None) == getattr(of_other, "dtype", None)


@pytest.mark.parametrize("n_groups", FIRST_ROWS)
@pytest.mark.parametrize("create", [segment, spikes, cutouts, lambda: Spikes.none(10, 20)])
def test_what_was_split_is_joined_to_the_bit(create, n_groups):
    parts = [[part] for part in split(create(), N, n_groups)]
    (whole,) = join(parts, FIRST_ROWS[n_groups])
    assert_same(whole, create())


def test_the_messages_of_a_window_are_joined_one_by_one():
    parts = zip(split(segment(10, 14), N, 2), split(segment(14, 20), N, 2), strict=True)
    first, second = join(list(parts), FIRST_ROWS[2])
    assert_same(first, segment(10, 14))
    assert_same(second, segment(14, 20))


def test_groups_cut_at_different_samples_give_what_all_of_them_have():
    whole, (low, high) = segment(10, 20), split(segment(10, 20), N, 2)
    late = clipped([high], 12, 16)
    (joined,) = join([clipped([low], 12, 20), late], FIRST_ROWS[2])
    assert (joined.start, joined.stop) == (12, 16)
    np.testing.assert_array_equal(joined.samples, whole.samples[:, 2:6])


def test_spikes_outside_a_window_are_cut_off():
    (message,) = clipped([spikes()], 12, 15)
    assert (message.start, message.stop) == (12, 15)
    assert message.channel.tolist() == [0, 3, 5]
