"""Cutouts: each spike has its waveform, once, however signal and spikes were cut."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from crepe.actors.actor import ActorContext
from crepe.actors.cutouts import CutOut
from crepe.config.wiring import ActorSpec
from crepe.messages import Cutouts, Segment, Spikes, StreamInfo
from crepe.runtime.hosted_actor import Batch, HostedActor

INFO = StreamInfo("Segment", 1000.0, ("a", "b"), dtype="float32")
N = 400
SIGNAL = np.random.default_rng(1).normal(size=(2, N)).astype(np.float32)
SPIKES = ((1, 0), (20, 1), (99, 0), (100, 1), (255, 0), (256, 0), (398, 1))


def cut(edges):
    """All cutouts, with the signal and its spikes cut at `edges`; spikes come 3 samples late."""
    actor = CutOut(before_ms=4.0, after_ms=6.0)
    actor.open(ActorContext(inputs={"data:filtered": INFO, "data:spikes": INFO}))
    result, known = [], 0
    for a, b in zip([0, *edges], [*edges, N], strict=True):
        result.append(actor.step(Segment(a, b, SIGNAL[:, a:b])))
        late = max(known, b - 3)
        inside = [s for s in SPIKES if known <= s[0] < late]
        sample, channel = np.array(inside, int).reshape(-1, 2).T
        heights = np.zeros(len(inside), np.float32)
        result.append(actor.step(Spikes(known, late, channel.astype(np.int32), sample, heights)))
        known = late
    result.append(actor.step(Spikes.none(known, N)))
    result.append(actor.finish())
    return [item for item in result if item is not None]


@settings(deadline=None)
@given(st.sets(st.integers(4, N - 1), max_size=8).map(sorted))
def test_every_spike_has_its_waveform_once(edges):
    result = cut(edges)
    waveforms = [
        (int(s), int(c), w.tolist())
        for item in result
        for s, c, w in zip(item.sample, item.channel, item.waveform_uv, strict=True)
    ]
    whole = [(s, c) for s, c in SPIKES if s >= 4 and s + 6 <= N]
    assert (result[0].start, result[-1].stop) == (0, N)
    assert waveforms == [(s, c, SIGNAL[c, s - 4 : s + 6].tolist()) for s, c in whole]
    assert all(item.n_before == 4 for item in result)
    assert all(a.stop == b.start for a, b in pairwise(result))


def test_in_the_flow_its_windows_follow_each_other_to_the_end():
    streams = ("data:filtered", "data:spikes")
    spec = ActorSpec("cut", CutOut, {"after_ms": 6.0}, streams, {Cutouts: "data:cutouts"})
    info = replace(INFO, longest_samples=50)
    host = HostedActor(spec, ActorContext(inputs=dict.fromkeys(streams, info), name="cut"), None)
    outputs = []
    for stop in range(50, N + 1, 50):
        signal = Segment(stop - 50, stop, SIGNAL[:, stop - 50 : stop])
        late = Spikes.none(max(0, stop - 53), stop - 3)
        for stream, message in zip(streams, (signal, late), strict=True):
            outputs += host.feed(Batch(stream, message.start, message.stop, (message,)))
    rest = Spikes.none(N - 3, N)
    outputs += host.feed(Batch(streams[1], N - 3, N, (rest,)))
    for stream in streams:
        outputs += host.feed(Batch(stream, N, N, is_end=True))
    batches = [out.batch for out in outputs]
    assert batches[-1].is_end
    assert all(a.stop == b.start for a, b in pairwise(batches))
    assert (batches[0].start, batches[-1].stop) == (0, N)
    assert all(batch.messages for batch in batches[:-1])
