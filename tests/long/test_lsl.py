"""Twenty seconds of 60 channels at 10 kHz over LSL; ten minutes: `python -m benchmarks.inputs`."""

import pytest

from tests.hw.lsl.loopback import receive
from tests.hw.lsl.outlet import lsl

try:
    lsl()
except (ImportError, OSError, RuntimeError) as error:  # no liblsl for this computer
    pytest.skip(f"pylsl: {error}", allow_module_level=True)


def test_a_loopback_loses_and_doubles_nothing():
    received = receive(60, 10_000.0, 20.0)
    assert received[:4] == (200_000, 0, 0, "")
