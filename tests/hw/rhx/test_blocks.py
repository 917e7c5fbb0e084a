"""Waveform blocks: exact samples, and no resynchronisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.errors import DeviceError
from crepe.hw.rhx.blocks import FRAMES, BlockParser, block_bytes, counts, pack_block


def values(n_words, seed=1):
    return np.random.default_rng(seed).integers(0, 65536, (n_words, FRAMES), np.uint16)


@pytest.mark.parametrize(("n", "size"), [(0, 516), (1, 772), (60, 15_876), (64, 16_900)])
def test_a_block_has_the_size_that_rhx_sends(n, size):
    assert block_bytes(n) == len(pack_block(0, values(n))) == size


@given(st.lists(st.integers(1, 4000), max_size=20))
def test_blocks_come_out_as_they_went_in_however_tcp_cuts_them(cuts):
    sent = [values(3, seed) for seed in range(5)]
    data = b"".join(pack_block(FRAMES * i, each) for i, each in enumerate(sent))
    parser, blocks = BlockParser(3), []
    for cut in cuts:
        blocks += parser.feed(data[:cut])
        data = data[cut:]
    blocks += parser.feed(data)
    assert [block.timestamp for block in blocks] == [FRAMES * i for i in range(5)]
    for block, each in zip(blocks, sent, strict=True):
        assert np.array_equal(block.values, each)


def test_counts_are_signed_and_exact():
    every = np.arange(65536, dtype=np.uint16).reshape(1, -1)
    assert counts(every).dtype == np.int16
    assert np.array_equal(counts(every)[0], np.arange(-32768, 32768))


def test_a_wrong_magic_number_is_a_fault():
    with pytest.raises(DeviceError, match="begins with 0x00000000, must be 0x2ef07a08"):
        BlockParser(1).feed(bytes(block_bytes(1)))


def test_missing_samples_are_a_fault():
    parser = BlockParser(1)
    parser.feed(pack_block(0, values(1)))
    with pytest.raises(DeviceError, match="timestamp 256, must be 128"):
        parser.feed(pack_block(256, values(1)))


def test_a_layout_that_changes_in_flight_is_a_fault():
    parser = BlockParser(2)
    parser.feed(pack_block(0, values(2)))
    with pytest.raises(DeviceError):
        parser.feed(pack_block(128, values(3)) * 2)


def test_a_client_may_join_in_the_middle_of_a_run():
    assert BlockParser(1).feed(pack_block(1280, values(1)))[0].timestamp == 1280


def test_a_timestamp_wraps_after_32_bits():
    parser = BlockParser(1)
    parser.feed(pack_block(2**32 - FRAMES, values(1)))
    assert parser.feed(pack_block(0, values(1)))[0].timestamp == 0
