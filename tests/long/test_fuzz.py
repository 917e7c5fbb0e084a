"""Random inputs at every door, a few of those of `python -m benchmarks.fuzz`."""

from benchmarks.fuzz.__main__ import run


def test_no_input_is_more_than_a_door_can_refuse():
    assert run(n_inputs=30_000, seed=7) == {}
