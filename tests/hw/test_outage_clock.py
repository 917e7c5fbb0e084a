"""The time of sample 0 tells how long an instrument was away, whatever a backlog looks like."""

from collections.abc import Iterable
from itertools import count

import numpy as np
import pytest

from crepe.hw.outage_clock import OutageClock
from crepe.messages import Segment

RATE_HZ, WHOLE = 1000.0, 100
NO_SAMPLES = np.zeros((1, WHOLE), np.int32)


def clock() -> OutageClock:
    return OutageClock(None, "", sampling_rate_hz=RATE_HZ, segment_samples=WHOLE)


def segments(start: int, at_s: Iterable[float]) -> list[Segment]:
    """Segments from `start` on that arrive at these times."""
    return [
        Segment(s, s + WHOLE, NO_SAMPLES, round(t * 1e9))
        for s, t in zip(count(start, WHOLE), at_s, strict=False)
    ]


def paced(n: int, from_s: float, pace: float = 1.0) -> list[float]:
    """Times of n segments, the first ends at `from_s`; at `pace` times real time."""
    return [from_s + i * WHOLE / RATE_HZ / pace for i in range(n)]


def after(noted: list[Segment]) -> OutageClock:
    measure = clock()
    for segment in noted:
        measure.note(segment)
    measure.lose()
    return measure


def test_the_step_of_the_time_of_sample_0_is_what_is_missing() -> None:
    measure = after(segments(0, paced(20, 10.1)))
    held = segments(2000, paced(5, 15.1))
    assert measure.is_settled(held)
    assert measure.missing(held) == 3000


@pytest.mark.parametrize("n", range(5))
def test_fewer_than_five_segments_do_not_settle_it(n: int) -> None:
    assert not after([]).is_settled(segments(2000, paced(n, 15.1)))


@pytest.mark.parametrize("pace", [1.4, 2.0, 10.0, 1000.0])
def test_an_instrument_that_catches_up_is_waited_for(pace: float) -> None:
    # It stood still for 4 s, and has sent nothing of the first of them: 1 s is missing.
    measure = after(segments(0, paced(20, 10.1)))
    behind_s = 3.0
    n = round(behind_s * 10 / (1 - 1 / pace))
    backlog = paced(n, 16.1, pace)
    held = segments(2000, [*backlog, *paced(9, backlog[-1] + 0.1)])
    settled = [i for i in range(len(held)) if measure.is_settled(held[:i])]
    assert abs(settled[0] - n) <= 5
    assert abs(measure.missing(held[: settled[0]]) - 1000) <= 2 * WHOLE


def test_an_instrument_that_never_comes_to_its_pace_is_not_waited_for_without_an_end() -> None:
    held = segments(2000, paced(200, 16.1, 1000.0))
    settled = [i for i in range(len(held)) if after([]).is_settled(held[:i])]
    assert settled[0] == 101  # 10 s


def test_late_segments_before_an_outage_do_not_shorten_it() -> None:
    backlog = [15.1 + i * 0.08 for i in range(120)]  # 3 s late at first, 0.6 s at last
    noted = segments(0, [*paced(20, 10.1), *backlog])
    measure = after(noted)
    held = segments(14_000, paced(5, 27.1))
    assert measure.missing(held) == 3000


def test_a_clock_that_drifts_is_followed() -> None:
    measure = after(segments(0, paced(1000, 10.1, 1 / 1.001)))
    held = segments(100_000, paced(5, 10.1 + 100.1, 1 / 1.001))
    assert measure.missing(held) == 0


def test_segments_without_a_time_tell_nothing() -> None:
    measure = after([])
    assert measure.snapshot() is None
    held = [Segment(s, s + WHOLE, NO_SAMPLES, 0) for s in range(0, 500, WHOLE)]
    assert measure.is_settled(held)
    assert measure.missing(held) == 0
    measure.note(held[0])
    assert measure.snapshot() is None
