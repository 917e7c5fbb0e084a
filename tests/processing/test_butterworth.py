"""Our design of filters gives the coefficients of scipy's, to the last bit."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import signal

from crepe.processing.butterworth import band_pass, steady_state


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("rate_hz", [10_000.0, 20_000.0, 25_000.0, 50_000.0])
def test_sections_and_state_of_the_usual_band_are_those_of_scipy(order, rate_hz):
    sections = band_pass(300.0, 3000.0, order, rate_hz)
    reference = signal.butter(order, (300.0, 3000.0), "bandpass", fs=rate_hz, output="sos")
    np.testing.assert_array_equal(sections, reference)
    np.testing.assert_array_equal(steady_state(sections), signal.sosfilt_zi(reference))


@given(
    low_hz=st.floats(1.0, 3000.0),
    ratio=st.floats(1.2, 500.0),
    order=st.integers(1, 5),
    rate_hz=st.sampled_from([10_000.0, 25_000.0]),
)
def test_every_band_has_the_response_of_scipys(low_hz, ratio, order, rate_hz):
    assume(low_hz * ratio < 0.49 * rate_hz)
    sections = band_pass(low_hz, low_hz * ratio, order, rate_hz)
    reference = signal.butter(order, (low_hz, low_hz * ratio), "bandpass", fs=rate_hz, output="sos")
    np.testing.assert_allclose(sections, reference, rtol=1e-9, atol=1e-12)
