"""How late the data are, by a clock that is set by hand."""

import pytest

from crepe.environment.clock import real_s
from crepe.messages import Segment
from crepe.safety.real_time import RealTime

MS = 10  # samples


class Clocks:
    """The clock of the samples, the computer's, and the wall's."""

    def __init__(self):
        self.seconds = 100.0
        self.set_ns = 10**18  # by how much the wall clock is ahead
        self.time = RealTime(10_000.0, 0, lambda: self.seconds, lambda: self.wall_ns)
        self.at = 0

    @property
    def wall_ns(self):
        return self.set_ns + round(self.seconds * 1e9)

    def tick(self, took_s=0.01, n=10 * MS, missing=0, late_s=None):
        self.seconds += took_s
        t_ns = 0 if late_s is None else self.wall_ns - round(late_s * 1e9)
        start = self.at + missing
        self.at = start + n
        self.time.tick(Segment(start, self.at, None, t_ns), is_gap=missing > 0)
        return self.time.late_s


@pytest.fixture
def clocks():
    return Clocks()


def test_before_the_first_segment_nothing_is_late(clocks):
    assert not clocks.time.has_begun
    assert clocks.time.late_s == 0.0
    clocks.tick()
    assert clocks.time.has_begun


def test_data_are_as_late_as_the_least_late_were_not(clocks):
    assert clocks.tick() == 0.0
    assert clocks.tick(0.03) == pytest.approx(0.02, abs=1e-4)
    assert clocks.tick(0.0) == pytest.approx(0.01, abs=1e-4)
    assert clocks.tick(0.0) == pytest.approx(0.0, abs=1e-4)


def test_time_goes_on_while_no_data_come(clocks):
    clocks.tick()
    clocks.seconds += 5.0
    assert clocks.time.late_s == 5.0
    assert clocks.time.now.sample == 10 * MS


def test_the_first_segment_is_as_late_as_the_wall_clock_says(clocks):
    assert clocks.tick(late_s=3.0) == pytest.approx(3.0)
    assert clocks.tick(0.0, late_s=5.0) == pytest.approx(3.0 - 0.01)


def test_a_wall_clock_that_is_set_does_not_make_data_late(clocks):
    clocks.tick(late_s=0.0)
    clocks.set_ns += 3600 * 10**9
    assert clocks.tick(late_s=3600.0) == pytest.approx(0.0)
    assert clocks.tick(late_s=-3600.0) == pytest.approx(0.0)


def test_after_a_gap_the_index_counts_anew(clocks):
    clocks.tick(late_s=0.0)
    assert clocks.tick(took_s=5.0, missing=48_900, late_s=0.02) == pytest.approx(0.02)


@pytest.mark.parametrize("set_s", [3600.0, 5.0, -5.0, -3600.0])
@pytest.mark.parametrize("late_s", [0.02, 0.9])
def test_after_a_gap_a_wall_clock_that_was_set_makes_data_neither_late_nor_new(
    clocks, set_s, late_s
):
    clocks.tick(late_s=0.0)
    clocks.set_ns += round(set_s * 1e9)  # after the segment was acquired, before it is read
    was_late_s = clocks.tick(took_s=2.0, missing=18_900, late_s=late_s + set_s)
    assert was_late_s == pytest.approx(late_s)


@pytest.mark.parametrize("set_s", [3600.0, 5.0, -5.0, -3600.0])
def test_after_a_gap_a_wall_clock_that_was_set_in_it_counts(clocks, set_s):
    clocks.tick(late_s=0.0)
    clocks.set_ns += round(set_s * 1e9)
    assert clocks.tick(took_s=2.0, missing=18_900, late_s=0.9) == pytest.approx(0.9)


def test_a_gap_that_nobody_timed_makes_nothing_young(clocks):
    clocks.tick()
    assert clocks.tick(took_s=5.0, missing=100) == pytest.approx(4.98, abs=2e-3)


def test_quartz_that_drifts_is_not_late(clocks):
    for _ in range(36_000):
        assert clocks.tick(took_s=0.1 * (1 + 1e-4), n=1000) < 1e-4


def test_in_lockstep_nothing_is_ever_late():
    time = RealTime(10_000.0, 0, None, lambda: 10**18)
    for i in range(1000):
        time.tick(Segment(i * 77, i * 77 + 77, None, 5), is_gap=i == 3)
        assert time.late_s == 0.0
        assert time.now == (i * 77 + 77, i * 77 + 77)
        assert time.wall_ns() == 10**18


@pytest.mark.parametrize("set_s", [3600.0, 0.5, -0.5, -3600.0])
@pytest.mark.parametrize("is_set_before_tick", [True, False])
def test_a_step_of_the_wall_clock_is_no_latency(clocks, set_s, is_set_before_tick):
    clocks.tick(late_s=0.0)
    clocks.seconds += 0.01
    acquired_ns = clocks.wall_ns
    if is_set_before_tick:
        clocks.set_ns += round(set_s * 1e9)
    clocks.time.tick(Segment(100, 200, None, acquired_ns), is_gap=False)
    clocks.seconds += 0.02
    if not is_set_before_tick:
        clocks.set_ns += round(set_s * 1e9)
    assert clocks.time.wall_ns() - acquired_ns == pytest.approx(20e6, abs=1e3)
    clocks.tick(late_s=0.0)  # acquired after the step: the new time of day
    assert clocks.time.wall_ns() == clocks.wall_ns


def test_a_clock_that_is_not_set_and_one_without_a_segment_are_as_read(clocks):
    assert clocks.time.wall_ns() == clocks.wall_ns
    clocks.tick()  # from an instrument that notes no time
    assert clocks.time.wall_ns() == clocks.wall_ns
    clocks.tick(late_s=0.01)
    clocks.seconds += 0.3
    clocks.set_ns += 40_000_000  # as much as two readings may be apart on a busy machine
    assert clocks.time.wall_ns() == clocks.wall_ns


def test_real_seconds_go_on():
    assert real_s() <= real_s()
