"""Blocks of any length become segments of one; gaps stay where they are."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.errors import DeviceError
from crepe.hw.segmenter import Segmenter


@given(st.lists(st.tuples(st.sampled_from([0, 0, 0, 7]), st.integers(1, 60))), st.integers(1, 40))
def test_every_sample_comes_once_at_its_index_and_only_a_gap_makes_a_short_segment(blocks, n):
    segmenter, position, segments, given_indices = Segmenter(100, n), 100, [], []
    for gap, length in blocks:
        start = position + gap
        indices = np.arange(start, start + length)
        segments += segmenter.add(start, np.stack([indices, -indices]), 5)
        given_indices += indices.tolist()
        position = start + length
    indices = [i for s in segments for i in range(s.start, s.stop)]
    assert indices == given_indices[: len(indices)]
    assert len(given_indices) - len(indices) < n
    for before, after in pairwise(segments):
        assert (before.stop - before.start == n) or after.start > before.stop
    for segment in segments:
        assert segment.samples[0].tolist() == list(range(segment.start, segment.stop))
        assert segment.samples.shape == (2, segment.stop - segment.start)
    assert segmenter.position == position


def test_samples_that_go_back_are_refused():
    segmenter = Segmenter(0, 10)
    segmenter.add(0, np.zeros((1, 10)), 0)
    with pytest.raises(DeviceError, match="sample 9 came after 9"):
        segmenter.add(9, np.zeros((1, 10)), 0)
