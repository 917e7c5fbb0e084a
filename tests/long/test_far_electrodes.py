"""A second culture answers as the first one does."""

import pytest

from tests.simulator.meame.test_instrument import RATES_HZ, locks_to_the_pulses


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_far_electrodes_answer_in_time_with_the_pulses(rate_hz):
    assert locks_to_the_pulses(rate_hz, seed=1)
