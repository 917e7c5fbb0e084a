"""Bursts and synchrony in the report: what was put in is found, and too little is none."""

import numpy as np
import pytest

from crepe.report.html import page
from crepe.report.structure import draw_structure, structure, structure_section
from crepe.results.spikes import SpikeTrains

RATE_HZ = 1000.0
LABELS = ("12", "13", "14", "15")


def crossings(spikes, gaps=(), stop=120_000):
    """(channel, sample) pairs of 120 s at 1 kHz."""
    sample, channel = np.array(sorted((s, c) for c, s in spikes), np.int64).reshape(-1, 2).T
    return SpikeTrains(
        channel.astype(np.int32),
        sample,
        np.zeros(len(sample), np.float32),
        LABELS,
        RATE_HZ,
        stop,
        list(gaps),
    )


# Now and then a burst of ten spikes on two electrodes at once, six a minute; the third fires evenly,
# the last not at all.
BEGINS = [2000 + 10_000 * k + int(7000 * np.sin(k) ** 2) for k in range(12)]
BURSTS = [(c, begin + 20 * i + c) for begin in BEGINS for i in range(10) for c in (0, 1)]
ALONE = [(2, at) for at in range(700, 120_000, 1300)]


def test_bursts_and_synchrony_are_those_that_were_put_in():
    result = structure(crossings(BURSTS + ALONE), seed=1)
    assert (result.start_s, result.stop_s, result.n_active) == (0.0, 120.0, 3)
    assert result.network_bursts_per_min == pytest.approx(6.0)
    assert result.isi_n_bursts_per_min == pytest.approx(6.0)
    assert result.bursts_per_min == pytest.approx(6.0)
    assert result.electrodes == ["12", "13", "14"]
    assert result.sttc[0][1] > 0.9
    assert abs(result.sttc[0][2]) < 0.3
    assert (result.n_linked, result.n_pairs) == (1, 3)
    peak = int(np.argmax(result.around_burst_hz))
    assert peak in range(25, 36)  # from 0 to 0.2 s after the begin


def test_what_is_before_a_gap_is_left_out():
    result = structure(crossings(BURSTS, [(30_000, 60_000)]), seed=1)
    assert (result.start_s, result.stop_s) == (60.0, 120.0)
    assert result.network_bursts_per_min == pytest.approx(6.0)


def test_fewer_than_two_active_electrodes_have_none():
    assert structure(crossings(ALONE), seed=1) is None
    assert structure(crossings([]), seed=1) is None
    assert structure(crossings(BURSTS, [(100_000, 120_000)]), seed=1) is None
    assert "fewer than two" in page("t", structure_section(None, {}))


def test_one_spike_has_no_interval():
    result = structure(crossings([(0, 10), (1, 20)], stop=5000), seed=1)
    assert (result.n_active, result.cv, result.network_bursts_per_min) == (2, None, 0.0)
    picture = draw_structure(result, is_simulated=True)
    assert "-, -, -" in page("t", structure_section(result, {"structure": picture}))


def test_the_section_has_its_table_and_its_figure():
    result = structure(crossings(BURSTS + ALONE), seed=1)
    picture = draw_structure(result, is_simulated=True)
    assert picture.png.startswith(b"\x89PNG")
    assert "1 of 3" in page("t", structure_section(result, {"structure": picture}))
