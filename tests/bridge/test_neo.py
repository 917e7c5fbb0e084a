"""A session as a Block of Neo."""

import numpy as np
import pytest

from crepe.bridge.neo import block_of
from crepe.errors import ConfigError
from tests.recorded_session import (
    FIRST,
    GAPS,
    LABELS,
    RATE_HZ,
    SCALE_UV,
    SPIKES,
    STOP,
    record,
    samples,
)

STRETCHES = ((FIRST, 12_000), (15_000, 20_000), (20_500, STOP))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return record(tmp_path_factory.mktemp("neo") / "s.h5")


def test_each_stretch_between_gaps_is_a_segment_in_microvolts_with_its_time(path):
    block = block_of(path)
    assert len(block.segments) == len(GAPS) + 1
    for segment, (start, stop) in zip(block.segments, STRETCHES, strict=True):
        (signal,) = segment.analogsignals
        assert signal.units.dimensionality.string == "uV"
        np.testing.assert_allclose(signal.magnitude.T, samples(start, stop) * SCALE_UV, rtol=1e-6)
        assert float(signal.t_start.rescale("s")) == start / RATE_HZ
        assert signal.array_annotations["label"].tolist() == list(LABELS)


def test_every_spike_trial_and_note_is_there_once_and_no_refused_stimulus(path):
    segments = block_of(path).segments
    spikes = [float(t) for segment in segments for train in segment.spiketrains for t in train]
    np.testing.assert_allclose(sorted(spikes), SPIKES / RATE_HZ)
    epochs = {
        name: [e for s in segments for e in s.epochs if e.name == name]
        for name in ("trials", "stimuli")
    }
    assert [g for e in epochs["trials"] for g in e.array_annotations["decoded"]] == [
        "rock",
        "paper",
        "rock",
    ]
    assert [s for e in epochs["stimuli"] for s in e.array_annotations["state"]] == ["delivered"]
    notes = [label for s in segments for event in s.events for label in event.labels]
    assert notes == ["medium changed", "light on"]


def test_a_stream_without_samples_is_refused(path):
    with pytest.raises(ConfigError, match="'data:spikes' carries Spikes, must be Segment"):
        block_of(path, "data:spikes")
    with pytest.raises(KeyError, match="no stream 'dta'; there are: data, "):
        block_of(path, "dta")


@pytest.mark.parametrize("is_simulated", [True, False])
def test_a_simulated_culture_says_so(tmp_path, is_simulated):
    block = block_of(record(tmp_path / "s.h5", is_simulated=is_simulated))
    assert ("SIMULATED" in block.description) is is_simulated
