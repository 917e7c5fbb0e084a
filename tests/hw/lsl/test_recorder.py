"""`lsl://` against streams of liblsl itself, on this machine only."""

from collections.abc import Iterator
from itertools import islice, pairwise

import numpy as np
import pytest

from crepe.errors import ConfigError, DeviceError
from crepe.hw.device import open_recorder
from crepe.messages import Segment
from tests.hw.lsl.loopback import receive
from tests.hw.lsl.outlet import Outlet, counting, lsl

try:
    lsl()
except (ImportError, OSError, RuntimeError) as error:  # no liblsl for this computer
    pytest.skip(f"pylsl: {error}", allow_module_level=True)


def segments(recorder) -> Iterator[Segment]:
    while True:
        segment = recorder.read(5.0)
        if segment is not None:
            yield segment


def test_a_loopback_of_60_channels_loses_and_doubles_nothing():
    received = receive(60, 10_000.0, 1.0)
    assert received[:4] == (10_000, 0, 0, "")


@pytest.mark.parametrize(
    ("kind", "unit", "dtype", "scale_uv"),
    [
        ("int16", "microvolts", "int16", 1.0),
        ("float32", "mV", "float32", 1000.0),
        ("double64", "-6", "float32", 1.0),
        ("int32", "V", "int32", 1e6),
    ],
)
def test_rate_labels_and_units_come_from_the_description(kind, unit, dtype, scale_uv):
    outlet = Outlet(f"described {kind}", kind=kind, unit=unit)
    recorder = open_recorder(f"lsl://described%20{kind}?type=MEA")
    info = recorder.open(500)
    assert info.labels == ("E0", "E1", "E2", "E3")
    assert (info.sampling_rate_hz, info.dtype, info.scale_uv) == (10_000, dtype, (scale_uv,))
    assert (info.is_live, recorder.identity) == (True, f"described {kind}")
    outlet.wait()
    outlet.send(250)
    first, second = islice(segments(recorder), 2)
    assert [(s.start, s.stop) for s in (first, second)] == [(500, 600), (600, 700)]
    assert second.samples.dtype == dtype
    assert np.array_equal(second.samples, counting(100, 200, 4))
    recorder.close()
    outlet.close()


def test_lost_samples_are_a_gap_that_is_marked_and_stays_a_problem():
    outlet = Outlet("lossy")
    recorder = open_recorder("lsl://lossy")
    recorder.open(0)
    outlet.wait()
    for _ in range(20):
        outlet.send(150)
    outlet.skip(4321)
    for _ in range(20):
        outlet.send(150)
    parts = list(islice(segments(recorder), 55))
    (gap,) = (b for a, b in pairwise(parts) if b.start != a.stop)
    assert gap.start == 3000 + 4321
    assert [part.start for part in parts if part.is_estimated] == [gap.start]
    for part in parts:
        assert np.array_equal(part.samples, counting(part.start, part.stop, 4))
    assert recorder.problem == "LSL stream lossy: 4321 samples missing, gaps: 1"
    recorder.close()
    outlet.close()


def test_silence_and_a_lost_sender_are_faults_and_the_same_source_is_taken_up_again():
    outlet = Outlet("comes back", source_id="amplifier 7")
    recorder = open_recorder("lsl://comes%20back?silence_s=0.2")
    recorder.open(0)
    outlet.wait()
    outlet.send(100)
    assert next(segments(recorder)).stop == 100
    with pytest.raises(DeviceError, match=r"silent for 0\.2 s"):
        next(segments(recorder))
    outlet.close()
    other = Outlet("comes back", source_id="amplifier 8")
    with pytest.raises(DeviceError, match=r"not seen in 0\.2 s .*source_id='amplifier 7'"):
        recorder.open(100)
    again = Outlet("comes back", source_id="amplifier 7")
    recorder.open(100)
    again.wait()
    again.send(100)
    assert next(segments(recorder)).start == 100
    again.close()
    with pytest.raises(DeviceError, match="the stream has been lost|silent for"):
        next(segments(recorder))
    other.close()
    recorder.close()


def test_several_streams_of_one_name_are_refused_with_their_sources():
    first, second = (Outlet("twin", source_id=source) for source in ("left", "right"))
    with pytest.raises(DeviceError, match="several fit, with the source_id left, right; choose"):
        open_recorder("lsl://twin").open(0)
    recorder = open_recorder("lsl://twin?source_id=right")
    recorder.open(0)
    assert recorder.identity == "right"
    recorder.close()
    for each in (first, second):
        each.close()


def test_a_stream_without_unit_labels_or_rate_is_refused_or_described_by_the_settings():
    plain = Outlet("plain", unit=None, labels=False)
    with pytest.raises(DeviceError, match="channel 0: unit '', must be a voltage"):
        open_recorder("lsl://plain").open(0)
    recorder = open_recorder("lsl://plain?scale_uv=0.5")
    info = recorder.open(0)
    assert (info.labels, info.scale_uv) == (("0", "1", "2", "3"), (0.5,))
    recorder.close()
    markers = Outlet("markers", rate_hz=0.0)
    with pytest.raises(DeviceError, match="has no sampling rate"):
        open_recorder("lsl://markers").open(0)
    with pytest.raises(DeviceError, match="has 10000 Hz, must have 20000"):
        open_recorder("lsl://plain?scale_uv=1", sampling_rate_hz=20_000).open(0)
    with pytest.raises(DeviceError, match=r"not seen in 0\.1 s \(name='absent'\)"):
        open_recorder("lsl://absent?wait_s=0.1").open(0)
    with pytest.raises(ConfigError, match="needs a name, or"):
        open_recorder("lsl://")
    for each in (plain, markers):
        each.close()
