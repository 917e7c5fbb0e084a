"""The computer's clocks, and their jumps against each other."""

import pytest

from crepe.environment.clock import (
    Clocks,
    WallToBoot,
    boot_id,
    boot_time_ns,
    read_clocks,
    real_s,
)

SECOND = 1_000_000_000
BEFORE = Clocks(wall_ns=1_800_000_000 * SECOND, boot_ns=5000 * SECOND, awake_ns=4000 * SECOND)


def later(seconds, slept=0.0, was_set=0.0):
    """Readings after some seconds awake, some asleep, and a step of the wall clock."""
    passed = seconds + slept
    return Clocks(
        BEFORE.wall_ns + round((passed + was_set) * SECOND),
        BEFORE.boot_ns + round(passed * SECOND),
        BEFORE.awake_ns + round(seconds * SECOND),
    )


@pytest.mark.parametrize("seconds", [0.0, 0.1, 60.0, 8 * 3600.0])
def test_time_that_passes_is_no_jump(seconds):
    assert later(seconds).jump_since(BEFORE) is None


@pytest.mark.parametrize("slept", [0.5, 9 * 3600.0])
def test_sleep_is_a_jump(slept):
    assert later(0.1, slept=slept).jump_since(BEFORE) == f"the computer slept for {slept:.1f} s"


@pytest.mark.parametrize("was_set", [-3600.0, -1.0, 1.0, 86400.0])
def test_a_wall_clock_that_is_set_is_a_jump(was_set):
    assert (
        later(0.1, was_set=was_set).jump_since(BEFORE)
        == f"the wall clock was set by {was_set:+.1f} s"
    )


def test_a_clock_that_goes_back_is_a_jump():
    assert later(-10.0).jump_since(BEFORE) == "the clock since boot went back by 10.0 s"


@pytest.mark.parametrize("share", [-4e-4, 4e-4])
def test_a_wall_clock_that_is_slewed_is_no_jump(share):
    assert later(60.0, was_set=60.0 * share).jump_since(BEFORE) is None


def test_the_clocks_of_this_computer_do_not_jump():
    before = read_clocks()
    for _ in range(100):
        assert read_clocks().jump_since(before) is None
    assert before.boot_ns <= boot_time_ns() <= round(real_s() * SECOND) + SECOND


def test_a_boot_has_one_name():
    assert len(boot_id()) >= 32
    assert boot_id.__wrapped__() == boot_id()


def looked(*readings):
    """A conversion that has looked at the clocks so often, and by how much they were set."""
    clocks = iter([BEFORE, *readings])
    wall_to_boot = WallToBoot(lambda: next(clocks))
    return wall_to_boot, [wall_to_boot.look() / SECOND for _ in readings]


@pytest.mark.parametrize("was_set", [5.0, 3600.0, 0.3, -5.0])
def test_a_time_from_before_a_step_is_converted_as_the_wall_clock_was_then(was_set):
    wall_to_boot, set_s = looked(later(1), later(2, was_set=was_set))
    assert set_s == [0, was_set]
    assert wall_to_boot.boot_ns(later(1).wall_ns) == later(1).boot_ns
    assert wall_to_boot.boot_ns(later(2, was_set=was_set).wall_ns) == later(2).boot_ns


def test_a_time_in_the_future_is_now():
    wall_to_boot, _ = looked(later(1))
    assert wall_to_boot.boot_ns(later(9).wall_ns) == later(1).boot_ns


@pytest.mark.parametrize("slept", [0.0, 3600.0])
def test_sleep_does_not_set_the_wall_clock(slept):
    _, set_s = looked(later(1, slept=slept), later(60, slept=slept, was_set=60 * 4e-4))
    assert set_s == [0, 0]
