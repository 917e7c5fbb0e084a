"""What MNE-LSL receives of an `LslOutlet`: 20 s of 60 channels at 10 kHz, on one computer."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from crepe.electrodes.layouts import grid_labels
from tests.bridge.lsl_sender import RATE_HZ, SCALE_UV
from tests.hw.lsl.outlet import CONFIG, counting

ROOT = Path(__file__).parents[2]
N_CHANNELS, SECONDS = 60, 20
N_SAMPLES = SECONDS * RATE_HZ
VOLT = 107  # FIFF_UNIT_V


@pytest.fixture
def stream(tmp_path, monkeypatch):
    """A connected `StreamLSL`; its liblsl and that of the sender see loopback only."""
    (tmp_path / "lsl_api.cfg").write_text(CONFIG % f"crepe-{os.getpid()}")
    monkeypatch.setenv("LSLAPICFG", str(tmp_path / "lsl_api.cfg"))
    prefix = f"n{time.monotonic_ns()}"
    sender = subprocess.Popen(
        [sys.executable, "-m", "tests.bridge.lsl_sender", prefix, str(N_CHANNELS), str(SECONDS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
    )
    from mne_lsl.stream import StreamLSL  # reads the variable

    stream = StreamLSL(bufsize=SECONDS + 2, name=f"{prefix}:data")
    try:
        stream.connect(acquisition_delay=0.02, timeout=30)
        yield stream
        stream.disconnect()
    finally:
        sender.kill()
        sender.communicate()


def test_nothing_is_lost_or_doubled_and_labels_and_units_are_right(stream):
    assert stream.info["ch_names"] == list(grid_labels(N_CHANNELS))
    assert stream.info["sfreq"] == RATE_HZ
    assert {(int(unit), int(power)) for unit, power in stream.get_channel_units()} == {(VOLT, -6)}
    samples, stamps = stream.get_data()
    while np.count_nonzero(stamps) < N_SAMPLES:
        time.sleep(0.1)  # polls another process
        samples, stamps = stream.get_data()
    assert np.count_nonzero(stamps) == N_SAMPLES
    samples, stamps = samples[:, -N_SAMPLES:], stamps[-N_SAMPLES:]
    expected_uv = counting(0, N_SAMPLES, N_CHANNELS) * SCALE_UV
    np.testing.assert_array_equal(samples, expected_uv)
    np.testing.assert_allclose(np.diff(stamps), 1 / RATE_HZ, atol=1e-6)
