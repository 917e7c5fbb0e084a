"""The generator: what stands at a sample index depends on the seed alone."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from crepe.errors import ConfigError
from crepe.hw.device import open_recorder
from crepe.hw.instrument import EndOfData, Recorder
from crepe.messages import Segment

N_SAMPLES = 4_000


def generator(**settings: object) -> Recorder:
    values = {"n_channels": 3, "speed": 0, "duration_s": N_SAMPLES / 10_000, **settings}
    return open_recorder("generator://", **values)


def read_all(recorder: Recorder, position: int = 0) -> list[Segment]:
    recorder.open(position)
    segments = []
    try:
        while True:
            segment = recorder.read(1.0)
            assert segment is not None
            segments.append(segment)
    except EndOfData:
        return segments


def joined(segments: Sequence[Segment]) -> NDArray[np.int32]:
    return np.concatenate([segment.samples for segment in segments], axis=1)


WHOLE = joined(read_all(generator()))
WHOLE_BUSY = joined(read_all(generator(spike_rate_hz=50)))


@given(position=st.integers(0, N_SAMPLES - 1), segment_samples=st.integers(50, 2 * N_SAMPLES))
def test_samples_are_the_same_wherever_reading_begins_and_however_it_is_cut(
    position: int, segment_samples: int
) -> None:
    segments = read_all(generator(segment_samples=segment_samples), position)
    assert segments[0].start == position
    assert all(a.stop == b.start for a, b in pairwise(segments))
    assert np.array_equal(joined(segments), WHOLE[:, position:])


def test_another_seed_gives_other_samples() -> None:
    assert not np.array_equal(joined(read_all(generator(seed=2))), WHOLE)


def test_truth_names_every_spike_and_its_depth() -> None:
    silent = generator(noise_uv=0, spike_rate_hz=50, segment_samples=N_SAMPLES)
    info = silent.open(0)
    (segment,) = read_all(silent)
    truth = silent.truth(0, N_SAMPLES)
    assert truth is not None
    lowest = segment.samples == segment.samples.min()
    assert {*zip(truth.channel, truth.sample, strict=True)} == {
        *zip(*np.nonzero(lowest), strict=True)
    }
    assert truth.channel.size > 20
    assert np.allclose(
        segment.samples[truth.channel, truth.sample] * info.scale_uv[0], truth.amplitude_uv
    )
    assert np.all(np.diff(truth.sample) >= 0)


@given(cut=st.integers(1, N_SAMPLES - 1))
def test_truth_of_two_parts_is_the_truth_of_the_whole(cut: int) -> None:
    recorder = generator(spike_rate_hz=50)
    parts = [recorder.truth(0, cut), recorder.truth(cut, N_SAMPLES)]
    whole = recorder.truth(0, N_SAMPLES)
    assert whole is not None
    assert [s for part in parts if part for s in part.sample] == whole.sample.tolist()


def test_repeated_data_are_those_of_the_beginning() -> None:
    n = 1_500  # three blocks
    recorder = generator(repeat_s=0.16, segment_samples=400, spike_rate_hz=50)
    assert np.array_equal(joined(read_all(recorder)), np.resize(WHOLE_BUSY[:, :n].T, (4_000, 3)).T)
    parts = [recorder.truth(start, start + n) for start in (0, n)]
    assert parts[0] is not None
    assert parts[1] is not None
    assert (parts[1].sample - n).tolist() == parts[0].sample.tolist()
    assert parts[1].channel.tolist() == parts[0].channel.tolist()


def test_noise_and_spike_rate_are_as_asked_for() -> None:
    noise = joined(read_all(generator(noise_uv=7, spike_rate_hz=0, duration_s=2))) * 0.1
    assert noise.std() == pytest.approx(7, rel=0.02)
    truth = generator(n_channels=60, spike_rate_hz=5).truth(0, 100_000)
    assert truth is not None
    assert truth.sample.size / 60 / 10 == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("sampling_rate_hz", [50, 500, 30_000])
def test_any_rate_and_number_of_channels_works(sampling_rate_hz: float) -> None:
    recorder = generator(n_channels=130, sampling_rate_hz=sampling_rate_hz, spike_rate_hz=20)
    info = recorder.open(0)
    segment = recorder.read(1.0)
    assert segment is not None
    assert info.n_channels == len(segment.samples) == 130
    truth = recorder.truth(0, int(10 * sampling_rate_hz))
    assert truth is not None
    assert truth.sample.size > 0


def test_it_is_simulated_and_can_be_sought() -> None:
    info = generator().open(0)
    assert info.is_simulated
    assert not info.is_live


def test_a_bad_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="n_channels"):
        generator(n_channels=0)
    with pytest.raises(ConfigError, match="colour"):
        open_recorder("generator://?colour=red")
