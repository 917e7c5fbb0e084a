"""Waveforms are cut from the signal after the session; none at an edge or across a gap."""

import numpy as np
import pytest

from crepe.config.experiment import load_experiment
from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.messages import Cutouts, Spikes, StreamInfo
from crepe.results import waveforms as module
from crepe.results.spikes import spike_trains
from crepe.results.waveforms import waveforms
from crepe.runtime.loop import Loop
from crepe.store import Store
from crepe.store.memory_store import MemoryStore

CONFIG = paths.project_directory() / "config"
LABELS = ("22", "72")
PEAKS = [1, 5, 100, 106, 250, 300, 395, 399]
"""Spikes of channel 1: near both ends, near the gap from 200 to 297, and between."""


@pytest.fixture
def by_hand():
    """400 samples at 1 kHz, 0.5 and 2 uV per count; channel k has the sample index times k + 1."""
    memory = MemoryStore()
    store = Store(memory)
    store.declare("data", labels=LABELS, sampling_rate_hz=1000.0, scale_uv=(0.5, 2.0))
    ramp = np.arange(400) * np.array([[1], [2]])
    store["data"].append(ramp[:, :200])
    store["data"].append(ramp[:, 297:], start=297)
    info = StreamInfo("Spikes", 1000.0, LABELS, longest_samples=400)
    memory.declare("data:spikes", info, is_fresh=True)
    channel = np.ones(len(PEAKS), np.int32)
    spikes = Spikes(0, 400, channel, np.array(PEAKS), np.zeros(len(PEAKS), np.float32))
    store["data:spikes"].append_message(spikes)
    return store


@pytest.mark.parametrize("page_s", [1.0, 0.05, 0.001])
def test_spikes_with_a_whole_waveform_have_it_in_microvolts(by_hand, monkeypatch, page_s):
    monkeypatch.setattr(module, "PAGE_S", page_s)
    cut = waveforms(by_hand, "72", stream="data", before_s=0.003, after_s=0.005)
    assert cut.sample.tolist() == [5, 100, 106, 300, 395]
    assert (cut.n_cut, cut.stream, cut.electrodes) == (3, "data", ("72",))
    assert cut.uv.shape == (5, 1, 8)
    np.testing.assert_allclose(cut.uv[1, 0], 4.0 * np.arange(97, 105))
    np.testing.assert_allclose(cut.time_s, np.arange(-3, 5) / 1000)
    assert "5 spikes, 1 channels, 8 samples, from 'data'; 3 spikes at an edge" in repr(cut)


def test_other_electrodes_are_cut_at_the_same_peaks(by_hand):
    cut = waveforms(by_hand, "72", stream="data", channels=LABELS, before_s=0.001, after_s=0.001)
    assert cut.uv.shape == (len(cut.sample), 2, 2)
    np.testing.assert_allclose(cut.uv[:, 0, 1], 0.5 * cut.sample)
    np.testing.assert_allclose(cut.uv[:, 1, 1], 4.0 * cut.sample)


def test_a_signal_that_is_not_filtered_is_used_with_a_warning_unless_it_is_named(by_hand):
    with pytest.warns(UserWarning, match="data:filtered was not recorded: .* from data, which is"):
        assert waveforms(by_hand, "72").stream == "data"


def test_an_electrode_without_spikes_has_no_waveforms(by_hand):
    assert waveforms(by_hand, "22", stream="data").uv.shape == (0, 1, 3)


def test_what_is_not_there_is_named(by_hand):
    with pytest.raises(KeyError, match="no electrode '73'; known are 22, 72"):
        waveforms(by_hand, "73", stream="data")
    with pytest.raises(KeyError, match="no stream 'data:clean'; there are: data, data:spikes"):
        waveforms(by_hand, "72", stream="data:clean")
    by_hand["data"].delete()
    with pytest.raises(ConfigError, match="no stream of Segment was recorded"):
        waveforms(by_hand, "72")


def test_a_session_has_its_peaks_where_the_detector_found_them(session):
    trains = spike_trains(session)
    electrode = max(trains, key=lambda label: len(trains[label]))
    cut = waveforms(session, electrode)
    assert cut.stream == "data:filtered"
    assert len(cut.sample) + cut.n_cut == len(trains[electrode])
    index = trains.labels.index(electrode)
    at = dict(zip(trains.sample[trains.channel == index].tolist(), trains.amplitude_uv[trains.channel == index].tolist(), strict=True))  # fmt: skip
    peak = int(np.searchsorted(cut.time_s, 0.0))
    np.testing.assert_allclose(cut.uv[:, 0, peak], [at[s] for s in cut.sample.tolist()], rtol=1e-5)


def test_they_are_those_that_the_actor_cuts_during_a_session():
    loop = Loop(load_experiment(CONFIG / "online-analysis.toml"))
    for _, _ in zip(range(150), loop.steps(), strict=False):
        pass
    loop.end()
    loop.close()
    store = Store(loop.store)
    cutouts = [m for m in store["data:waveforms"].messages() if isinstance(m, Cutouts)]
    channel = np.concatenate([m.channel for m in cutouts])
    index = int(np.bincount(channel).argmax())
    live = np.concatenate([m.waveform_uv for m in cutouts])[channel == index]
    offline = waveforms(store, store["data"].info.labels[index])
    sample = np.concatenate([m.sample for m in cutouts])[channel == index]
    is_in_both = np.isin(offline.sample, sample)
    assert is_in_both.sum() == len(live) > 0
    np.testing.assert_array_equal(offline.uv[is_in_both, 0], live)
