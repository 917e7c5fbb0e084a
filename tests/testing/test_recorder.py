"""The contract of recorders notices each fault that an author is likely to make."""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from crepe.hw.capabilities import Latency, RecorderCapabilities
from crepe.hw.device import open_recorder
from crepe.hw.instrument import EndOfData, Recorder
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.testing import recorder_contract

INFO = StreamInfo(labels=("A", "B"), dtype="int16", scale_uv=(0.2,), source="a test", is_live=True)


class Live(Recorder):
    """Two channels of int16, as fast as they are read. Faults change one thing each."""

    info = INFO
    opened_info = INFO
    n = 100

    def open(self, position):
        self.position = position
        self.t_ns = count(1)
        return self.opened_info

    def expected(self):
        return self.info

    def read(self, timeout_s):
        start, self.position = self.position, self.position + self.n
        return Segment(start, self.position, self.samples(start), next(self.t_ns))

    def samples(self, start):
        return np.full((2, self.n), start, np.int16)

    def close(self):
        pass


class File(Live):
    """The same, as a recording of 1000 samples."""

    info = opened_info = replace(INFO, is_live=False)

    def read(self, timeout_s):
        if self.position + self.n > 1000:
            raise EndOfData
        return super().read(timeout_s)


class BadLatency(Live):
    capabilities = RecorderCapabilities(latency=Latency(10.0, 5.0))


class EqualLabels(Live):
    info = opened_info = replace(INFO, labels=("A", "A"))


class OnePosition(Live):
    info = opened_info = replace(INFO, positions_um=((0.0, 0.0),))


class NoScale(Live):
    info = opened_info = replace(INFO, scale_uv=(float("nan"),))


class UnsignedSamples(Live):
    info = opened_info = replace(INFO, dtype="uint16")


class NoSource(Live):
    info = opened_info = replace(INFO, source="")


class OtherRateWhenOpen(Live):
    opened_info = replace(INFO, sampling_rate_hz=20_000.0)


class BeginsAtZero(Live):
    def open(self, position):
        return super().open(0)


class Overlaps(Live):
    def read(self, timeout_s):
        segment = super().read(timeout_s)
        self.position -= 1
        return segment


class WidensSamples(Live):
    def samples(self, start):
        return super().samples(start).astype(np.int32)


class LongerThanItSays(Live):
    n = 101


class Turned(Live):
    def samples(self, start):
        return super().samples(start).T


class OneBuffer(Live):
    buffer = np.zeros((2, 100), np.int16)

    def samples(self, start):
        self.buffer[:] = start
        return self.buffer


class NoTime(Live):
    def read(self, timeout_s):
        return replace(super().read(timeout_s), t_ns=0)


class AnotherEachTime(Live):
    openings = count()

    def open(self, position):
        self.name = str(next(self.openings))
        return super().open(position)

    @property
    def identity(self):
        return self.name


class ClosesOnce(Live):
    is_open = False

    def open(self, position):
        self.is_open = True
        return super().open(position)

    def close(self):
        if not self.is_open:
            raise RuntimeError("not open")
        self.is_open = False


class TruthOfACulture(Live):
    def truth(self, start, stop):
        return Spikes.none(start, stop)


class EndsOnce(File):
    def read(self, timeout_s):
        try:
            return super().read(timeout_s)
        except EndOfData:
            self.position = 0
            raise


class Random(File):
    def samples(self, start):
        return np.random.default_rng().integers(-99, 99, (2, self.n)).astype(np.int16)


FAULTS = {
    BadLatency: ("states_its_promises", "typical 10 ms, worst 5 ms"),
    EqualLabels: ("describes_its_channels", "labels: A name several channels"),
    OnePosition: ("describes_its_channels", "positions_um: 1 of 2 channels"),
    NoScale: ("describes_its_channels", "must be positive microvolts per count"),
    UnsignedSamples: ("describes_its_channels", "dtype: 'uint16'"),
    NoSource: ("describes_its_channels", "source: empty"),
    OtherRateWhenOpen: ("expects_what_opening_gives", "expected() gives 10000.0, open() 20000.0"),
    BeginsAtZero: ("follows_from_the_requested_sample", "open(300): the first segment starts at 0"),
    Overlaps: ("follows_from_the_requested_sample", "[99, 199) follows a segment that ends at 100"),
    WidensSamples: ("has_the_described_samples", "samples: int32, the description int16"),
    LongerThanItSays: ("has_the_described_samples", "of 101 samples, longest_samples is 100"),
    Turned: ("has_the_described_samples", "samples: (100, 2), not (2, 100)"),
    OneBuffer: ("keeps_its_samples", "copy the buffer"),
    NoTime: ("stamps_live_segments", "t_ns: 0"),
    AnotherEachTime: ("opens_again", "identity: "),
    TruthOfACulture: ("knows_true_spikes_or_none", "true spikes of what is not simulated"),
    EndsOnce: ("ends_and_stays_ended", "read() after EndOfData returns"),
    Random: ("repeats_its_samples", "differ when reading begins at"),
}


def rule(name):
    return next(rule for rule in recorder_contract if rule.__name__ == name)


@pytest.mark.parametrize("kind", [Live, File])
@pytest.mark.parametrize("each", recorder_contract)
def test_a_recorder_without_a_fault_keeps_all_rules(each, kind):
    each(kind_maker(kind))


def kind_maker(kind):
    return lambda: kind(kind.Settings())


Live.__init__ = lambda self, settings: None


@pytest.mark.parametrize("kind", FAULTS, ids=lambda kind: kind.__name__)
def test_a_fault_breaks_its_rule_with_what_is_wrong(kind):
    name, text = FAULTS[kind]
    with pytest.raises(AssertionError) as broken:
        rule(name)(kind_maker(kind))
    assert text in str(broken.value)


def test_a_close_that_can_be_called_once_breaks_the_rule():
    with pytest.raises(RuntimeError, match="not open"):
        rule("closes_harmlessly")(kind_maker(ClosesOnce))


def test_every_rule_has_a_fault_that_breaks_it():
    broken = {name for name, _ in FAULTS.values()} | {"closes_harmlessly"}
    assert {rule.__name__ for rule in recorder_contract} == broken


def test_a_rule_that_cannot_be_judged_tells_why():
    make = lambda: open_recorder("generator://?speed=0&n_channels=2")  # noqa: E731
    assert rule("ends_and_stays_ended")(make) == "no end within 100 segments"
    assert rule("stamps_live_segments")(make) == "it is not live"
