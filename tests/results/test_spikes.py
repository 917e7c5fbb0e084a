"""Spikes by electrode: every crossing once, rates over what was recorded, and whole events only."""

import numpy as np
import pytest

from crepe.analysis.rates import psth_hz
from crepe.errors import ConfigError
from crepe.messages import Spikes, StreamInfo
from crepe.results import spikes
from crepe.results.spikes import spike_trains
from crepe.store import Store
from crepe.store.memory_store import MemoryStore

LABELS = ("22", "72")


def window(start, stop, at):
    channel, sample = np.array(at, np.int64).reshape(-1, 2).T
    return Spikes(start, stop, channel.astype(np.int32), sample, -sample.astype(np.float32))


def declared(memory):
    info = StreamInfo("Spikes", 1000.0, LABELS, longest_samples=9000)
    memory.declare("data:spikes", info, is_fresh=True)
    return Store(memory)


@pytest.fixture
def by_hand():
    """10 s at 1 kHz without the samples 7000 to 8000."""
    store = declared(MemoryStore())
    stream = store["data:spikes"]
    stream.append_message(window(0, 2000, [(0, 900), (0, 1051), (1, 1100)]))
    stream.append_message(window(2000, 7000, [(0, 3051)]))
    stream.append_message(window(8000, 10_000, [(1, 9000)]))
    return store


def test_times_are_by_electrode_in_seconds_or_samples(by_hand):
    trains = spike_trains(by_hand)
    assert list(trains) == ["22", "72"]
    assert trains["22"].tolist() == [0.9, 1.051, 3.051]
    assert trains.samples("72").tolist() == [1100, 9000]
    with pytest.raises(KeyError, match="no electrode '73'; known are 22, 72"):
        trains["73"]
    assert repr(trains) == (
        "<SpikeTrains: 5 spikes (threshold crossings) of 2 electrodes in 9.00 s, 1 gap of 1.00 s>"
    )


def test_rates_leave_gaps_out(by_hand):
    assert spike_trains(by_hand).rates_hz() == pytest.approx({"22": 3 / 9, "72": 2 / 9})


def test_spikes_on_the_edge_of_a_page_are_counted_once(by_hand, monkeypatch):
    monkeypatch.setattr(spikes, "PAGE_S", 0.1505)
    assert spike_trains(by_hand).sample.tolist() == [900, 1051, 1100, 3051, 9000]


def test_a_histogram_is_of_events_that_were_recorded_as_a_whole(by_hand):
    trains = spike_trains(by_hand)
    events = [0.05, 1.0, np.nan, 3.0, 7.05, 8.0, 9.95]
    assert trains.whole(events, 0.1, 0.2).tolist() == [1.0, 3.0]
    assert trains.whole([8.1], 0.1, 0.2).tolist() == [8.1]  # the gap ends where it begins
    rates = trains.psth_hz(events, 0.1, 0.2, 0.1)
    assert rates.shape == (2, 3)
    np.testing.assert_allclose(rates[0], psth_hz(trains["22"], [1.0, 3.0], 0.1, 0.2, 0.1))
    np.testing.assert_allclose(rates, [[5, 10, 0], [0, 0, 5]])
    assert np.isnan(trains.psth_hz([], 0.1, 0.2, 0.1)).all()


def test_the_table_has_all_spikes_in_order_of_time(by_hand):
    table = spike_trains(by_hand).table()
    assert table["electrode"].tolist() == ["22", "22", "72", "22", "72"]
    assert table["time_s"].tolist() == [0.9, 1.051, 1.1, 3.051, 9.0]
    assert table["amplitude_uv"].tolist() == [-900, -1051, -1100, -3051, -9000]


def test_without_spikes_the_streams_that_there_are_are_named():
    store = Store("memory://")
    store.declare("data", labels=("a",))
    with pytest.raises(ConfigError, match="no stream of Spikes was recorded; streams: data"):
        spike_trains(store)
    assert len(spike_trains(declared(MemoryStore())).sample) == 0


def test_a_session_gives_the_same_from_memory_and_from_its_file(session, played):
    trains, expected = spike_trains(session), spike_trains(played[0])
    assert len(expected.sample) > 100
    for name in ("channel", "sample", "amplitude_uv"):
        np.testing.assert_array_equal(getattr(trains, name), getattr(expected, name))
    assert (trains.gaps, trains.stop) == (expected.gaps, expected.stop)


def test_a_running_session_gives_what_its_server_keeps(make_store):
    live = make_store("writer")
    store = declared(live)
    store["data:spikes"].append_message(window(500, 1000, [(0, 900)]))
    trains = spike_trains(store)
    assert trains["22"].tolist() == [0.9]
    assert trains.gaps == [(0, 500)]  # trimmed away, not silent
    assert trains.rates_hz()["22"] == pytest.approx(2.0)
