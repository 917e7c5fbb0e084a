"""Recovery of signals, which have many chunks."""

import pytest

from tests.recording.test_recover import write, zero_each_chunk


@pytest.mark.parametrize("stream", ["data", "data:filtered"])
def test_each_chunk_zeroed_costs_what_is_in_it_and_no_other_stream(tmp_path, stream):
    write(tmp_path / "s.h5")
    whole = (tmp_path / "s.h5").read_bytes()
    (tmp_path / "s.h5").unlink()
    zero_each_chunk(tmp_path, whole, stream)
