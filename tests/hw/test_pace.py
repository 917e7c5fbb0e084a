"""Pacing, on a clock that the test moves."""

import pytest

from crepe.hw import pace
from crepe.hw.pace import Pace


class Clock:
    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def time_ns(self) -> int:
        return round(self.now_s * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0])
def test_samples_come_in_their_own_time_without_drift(clock: Clock, speed: float) -> None:
    paced = Pace(1000.0, speed)
    for _ in range(30):
        assert paced.wait(100, 1.0)
        clock.now_s += 0.0001  # the consumer takes its time, too
    assert clock.now_s - 100.0 == pytest.approx(3.0 / speed, abs=0.001)


def test_what_is_not_due_within_the_timeout_is_not_given(clock: Clock) -> None:
    paced = Pace(1000.0, 1.0)
    assert not paced.wait(1000, 0.4)
    assert clock.now_s == pytest.approx(100.4)
    assert paced.wait(1000, 0.7)
    assert clock.now_s == pytest.approx(101.0)


def test_speed_zero_never_waits_and_tells_no_time(clock: Clock) -> None:
    paced = Pace(1000.0, 0.0)
    assert paced.wait(10**9, 0.0)
    assert clock.now_s == 100.0
    assert paced.t_ns == 0
    assert Pace(1000.0, 1.0).t_ns == 100 * 10**9
