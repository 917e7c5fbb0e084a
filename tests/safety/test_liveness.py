"""What counts as silence: of the data, and of each stream of requests."""

import pytest

from crepe.messages import Segment
from crepe.safety.liveness import Liveness
from crepe.safety.real_time import RealTime

RATE_HZ = 10_000.0


class Bench:
    """The data are at sample 10,000, by both clocks; two streams have begun there."""

    def __init__(self):
        self.seconds = 1.0
        self.time = RealTime(RATE_HZ, 10_000, lambda: self.seconds, lambda: 0)
        self.liveness = Liveness(
            self.time, RATE_HZ, ["a:stimuli", "b:stimuli"], stall_s=0.25, silence_s=0.75
        )
        self.tick(10_000, 1.0)

    def tick(self, stop, at_s):
        self.seconds = at_s
        self.time.tick(Segment(stop - 100, stop, None), is_gap=False)


@pytest.fixture
def bench():
    return Bench()


def test_a_stream_of_requests_may_lag_by_its_limit_and_no_more(bench):
    bench.tick(17_500, 1.75)
    assert bench.liveness.missing() is None
    bench.liveness.on_position("a:stimuli", 17_600)
    bench.tick(17_600, 1.76)
    assert bench.liveness.missing() == "who asks on b:stimuli is 0.8 s behind, limit 0.75 s"
    bench.liveness.on_position("b:stimuli", 17_600)
    assert bench.liveness.missing() is None


def test_a_position_that_goes_back_and_other_streams_change_nothing(bench):
    for stream, position in (("a:stimuli", 17_600), ("a:stimuli", 5), ("data", 0)):
        bench.liveness.on_position(stream, position)
    bench.liveness.on_position("b:stimuli", 17_600)
    bench.tick(17_600, 1.76)
    assert bench.liveness.missing() is None


def test_data_may_be_late_by_their_limit_and_no_more(bench):
    bench.tick(10_000, 1.25)
    assert bench.liveness.missing() is None
    bench.seconds = 1.2625
    assert bench.liveness.missing() == "the data are 262 ms late, limit 250 ms"


def test_data_may_be_silent_for_their_limit_and_no_longer(bench):
    assert bench.liveness.stalled(0.25) is None
    assert bench.liveness.stalled(0.3) == "no data for 300 ms"
