"""Everything downstream follows the stream's own description: rate, labels, type, positions."""

import h5py
import numpy as np
import pytest

from crepe.config.experiment import load_experiment
from crepe.hw.instrument import DeviceSettings, EndOfData, Recorder
from crepe.messages import Segment, StreamInfo
from crepe.report import build
from crepe.report.session import read
from crepe.results.spikes import spike_trains
from crepe.runtime.loop import Loop
from crepe.store import Store, codec

LABELS = tuple(f"Port A, {i:03d} µV" for i in range(5))
LOST = 777  # samples, where the instrument's own index jumps


class AnySettings(DeviceSettings):
    rate_hz: float


class AnyRecorder(Recorder):
    """Two seconds of int16 in segments of changing length, with a gap; nothing is like a MEAME."""

    Settings = AnySettings

    def __init__(self, settings):
        self.rate_hz = settings.rate_hz

    def expected(self):
        n = self.usual
        return StreamInfo(
            sampling_rate_hz=self.rate_hz, labels=LABELS, dtype="int16", scale_uv=(0.195,),
            segment_samples=n, longest_samples=2 * n, source="any", is_simulated=True,
        )  # fmt: skip

    @property
    def usual(self):
        return int(self.rate_hz // 100)

    def open(self, position):
        self.at, self.n = position, 0
        return self.expected()

    def read(self, timeout_s):
        self.n += 1
        length = (self.usual, 2 * self.usual, self.usual // 2, self.usual // 3)[self.n % 4]
        if self.n == 30:
            self.at += LOST
        start = self.at
        if start + length > 2 * self.rate_hz + LOST:
            raise EndOfData
        samples = np.random.default_rng(start).normal(0, 40, (len(LABELS), length))
        if self.n % 10 == 0:
            samples[:, length // 2] -= 4000
        self.at += length
        return Segment(start, self.at, samples.astype(np.int16))

    def close(self):
        pass


FILE = """
title = "any instrument"

[culture]
id = ""

[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "tests.runtime.test_any_instrument:AnyRecorder?rate_hz={rate_hz}"

[actors.channels]
run = "crepe.actors.channel_state:ChannelState"
reads = ["data"]
writes = ["data:channels"]

[actors.filter]
run = "crepe.actors.filter:BandPass"
reads = ["data"]
writes = ["data:filtered"]
low_hz = {low_hz}
high_hz = {high_hz}

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data:filtered"]
writes = ["data:spikes"]

[actors.describe]
run = "crepe.actors.activity:Describe"
reads = ["data:spikes"]
writes = ["data:activity"]

[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:filtered", "data:spikes", "data:channels", "data:activity"]
records_filtered = true
"""


@pytest.fixture(params=[1000.0, 24_414.0625, 50_000.0])
def loop(request, tmp_path):
    rate_hz = request.param
    low_hz, high_hz = (10, 400) if rate_hz == 1000 else (300, 3000)
    path = tmp_path / "any.toml"
    path.write_text(FILE.format(rate_hz=rate_hz, low_hz=low_hz, high_hz=high_hz))
    loop = Loop(load_experiment(path), tmp_path)
    for _ in loop.steps():
        pass
    yield loop, rate_hz
    loop.close()


def test_any_rate_labels_and_type_reach_streams_recording_and_report(loop, tmp_path):
    loop, rate_hz = loop
    streams = Store(loop.store)
    raw = streams["data"]
    assert (raw.info.dtype, raw.info.labels, raw.info.sampling_rate_hz) == (
        "int16",
        LABELS,
        rate_hz,
    )
    assert raw[:, :5].dtype == np.int16
    (message, *_) = raw.messages(0, 1)
    payload = codec.pack([message], message.start, message.stop)
    assert len(payload) < 2 * message.samples.size + 200  # two bytes a sample on the wire
    n_spikes = sum(len(m.channel) for m in streams["data:spikes"].messages(0, len(raw)))
    loop.close()
    path = tmp_path / "loop.h5"
    with h5py.File(path) as file:
        stored = file["Data/Recording_0/AnalogStream/Stream_0"]
        assert stored["ChannelData"].dtype == np.int16
        assert len(stored["ChannelDataTimeStamps"]) == 2  # the gap is one
    with Store(path) as recording:
        assert recording["data"].info.labels == LABELS
        assert np.array_equal(recording["data"][:, :5], raw[:, :5])
        trains = spike_trains(recording)
        assert list(trains) == list(LABELS)
        assert sum(len(train) for train in trains.values()) == n_spikes
    assert n_spikes > 0
    session = read(path)
    report = build.content_of(session).report
    session.store.close()
    assert set(report.activity.positions_um) == set(LABELS)
    assert not any(report.activity.positions_um.values())
