"""Artefacts, waveforms and activity in one experiment: streams without gaps, from end to end."""

from itertools import pairwise

import numpy as np
import pytest

from crepe.config.experiment import load_experiment
from crepe.runtime.loop import Loop
from crepe.store import Store

FILE = """
title = "Analysis"

[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels=6&duration_s=6.05&speed=0&segment_samples={n}&spike_rate_hz=5"

[actors.clean]
run = "crepe.actors.{clean}"
reads = ["data"]
writes = ["data:clean"]

[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data:clean"]
writes = ["data:filtered"]

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]

[actors.cutouts]
run = "crepe.actors.cutouts:CutOut"
reads = ["data:filtered", "data:spikes"]
writes = ["data:cutouts"]

[actors.activity]
run = "crepe.actors.activity:Describe"
reads = ["data:spikes"]
writes = ["result:activity"]
period_s = 2.0
"""
DENSE = ("data:clean", "data:filtered", "data:spikes", "data:cutouts")


@pytest.fixture(scope="module", params=[("blank:Blank", 100), ("salpa:Salpa", 20)])
def done(request, tmp_path_factory):
    clean, n = request.param
    path = tmp_path_factory.mktemp("chain") / "analysis.toml"
    path.write_text(FILE.format(clean=clean, n=n), encoding="utf-8")
    return Loop(load_experiment(path)).run()


def messages(done, name):
    stream = Store(done)[name]
    return list(stream.messages(0, len(stream)))


@pytest.mark.parametrize("name", DENSE)
def test_windows_follow_each_other_to_the_end_and_none_is_too_long(done, name):
    output = messages(done, name)
    assert all(item.stop == other.start for item, other in pairwise(output))
    assert output[0].start == 0
    assert output[-1].stop == 60_500
    assert max(item.stop - item.start for item in output) <= done.info(name).longest_samples


def test_each_spike_has_its_waveform(done):
    spikes, cutouts = messages(done, "data:spikes"), messages(done, "data:cutouts")
    peaks = {
        (int(s), int(c)): float(a)
        for item in spikes
        for s, c, a in zip(item.sample, item.channel, item.amplitude_uv, strict=True)
        if s < 60_500 - 20
    }
    cut = {
        (int(s), int(c)): float(w[item.n_before])
        for item in cutouts
        for s, c, w in zip(item.sample, item.channel, item.waveform_uv, strict=True)
    }
    assert len(peaks) > 100
    assert cut == peaks


def test_activity_describes_the_detected_spikes(done):
    spikes, output = messages(done, "data:spikes"), messages(done, "result:activity")
    assert [(item.start, item.stop) for item in output] == [(0, 20_000), (0, 40_000), (0, 60_000)]
    channel = np.concatenate([s.channel for s in spikes])
    sample = np.concatenate([s.sample for s in spikes])
    expected = np.bincount(channel[sample < 60_000], minlength=6) / 6.0
    assert output[-1].rate_hz == pytest.approx(expected)
