"""Numbers are used once, whatever their order, and the set stays small."""

from hypothesis import given
from hypothesis import strategies as st

from crepe.safety.firing.numbers import Numbers


@given(st.lists(st.integers(1, 60) | st.sampled_from([10**18, 10**18 + 1]), max_size=60))
def test_a_number_is_in_the_set_when_it_was_added(numbers):
    used = Numbers()
    seen = set()
    for number in numbers:
        assert (number in used) == (number in seen)
        used.add(number)
        seen.add(number)
        assert number in used
    again = Numbers(used.ranges)
    assert all((number in again) == (number in seen) for number in (*range(62), 10**18, 10**18 + 2))


def test_a_requester_that_counts_needs_one_range():
    used = Numbers()
    for number in (3, 1, 2, *range(4, 1000)):
        used.add(number)
    assert used.ranges == [(1, 999)]


def test_numbers_that_come_backwards_need_one_range_too():
    used = Numbers()
    for number in range(9, 0, -1):
        used.add(number)
    assert used.ranges == [(1, 9)]


def test_scattered_numbers_join_where_they_are_closest_and_none_becomes_free():
    used = Numbers()
    numbers = [*range(10, 1100, 10), 1_000_001, 1_000_003]
    for number in numbers:
        used.add(number)
    assert len(used.ranges) == 100
    assert all(number in used for number in numbers)
    assert 1_000_002 in used
    assert 5_000 not in used
