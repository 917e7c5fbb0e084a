"""Delays as a histogram."""

from crepe.dashboard.latency import EDGES_MS, Latency


def test_delays_fall_into_bars_and_the_longest_into_the_last():
    latency = Latency()
    assert latency.as_json()["p50_ms"] is None
    for ms in (-0.1, 0.5, 4.0, 700.0):
        latency.take(ms)
    found = latency.as_json()
    assert sum(found["counts"]) == found["n"] == 4
    assert found["counts"][0] == 2
    assert found["counts"][EDGES_MS.index(3)] == 1
    assert found["counts"][-1] == 1
