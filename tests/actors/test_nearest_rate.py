"""The readout finds the rate that spikes follow, and nothing where they follow none."""

import numpy as np
import pytest

from crepe.actors.actor import ActorContext
from crepe.actors.nearest_rate import NearestRate
from crepe.errors import ConfigError
from crepe.messages import Spikes, StreamInfo

RATES_HZ = {"rock": 20.0, "scissors": 30.3, "paper": 40.0}
INFO = StreamInfo(message="Spikes", labels=("a", "b", "c"))


def opened(**fields):
    actor = NearestRate(electrodes=("a", "b"), rates_hz=RATES_HZ, **fields)
    actor.open(ActorContext(inputs={"data:spikes": INFO}, name="decode"))
    return actor


def decide(sample, channel, n=15_000, **fields):
    actor = opened(**fields)
    order = np.argsort(sample)
    sample, channel = sample[order], channel[order]
    decisions = []
    for start in range(0, n, 100):
        inside = (sample >= start) & (sample < start + 100)
        result = sample[inside], channel[inside]
        amplitude = np.zeros(len(result[0]), np.float32)
        decisions.append(actor.step(Spikes(start, start + 100, result[1], result[0], amplitude)))
    return decisions


def poisson(rng, n, rate_hz, n_channels=3):
    count = rng.poisson(rate_hz * n / 10_000)
    return rng.integers(0, n, count), rng.integers(0, n_channels, count).astype(np.int32)


def evoked(rng, rate_hz, n=10_000):
    """Each pulse is answered by some spikes 5 to 15 ms later, among spontaneous ones."""
    pulses = np.arange(0, n, 10_000 / rate_hz)
    times = np.concatenate([p + rng.normal(100, 20, rng.poisson(4)) for p in pulses]).astype(
        np.int64
    )
    noise, channels = poisson(rng, n, 30)
    own = rng.integers(0, 2, len(times)).astype(np.int32)
    return np.concatenate([times, noise]), np.concatenate([own, channels])


@pytest.mark.parametrize("name", RATES_HZ)
@pytest.mark.parametrize("seed", range(5))
def test_the_rate_that_the_spikes_follow_is_decided(name, seed):
    decisions = decide(*evoked(np.random.default_rng(seed), RATES_HZ[name]))
    assert decisions[99].value == name
    assert decisions[99].scores[name] == max(decisions[99].scores.values())
    assert [(d.start, d.stop) for d in decisions[:2]] == [(0, 100), (100, 200)]


@pytest.mark.parametrize("rate_hz", [50, 300])
def test_spikes_without_a_rhythm_are_no_answer(rate_hz):
    values = []
    for seed in range(10):
        decisions = decide(*poisson(np.random.default_rng(seed), 15_000, rate_hz))
        values += [d.value for d in decisions]
    assert values.count(None) == len(values)


def test_silence_is_no_answer():
    none = np.empty(0, np.int64), np.empty(0, np.int32)
    assert all(d.value is None and set(d.scores.values()) == {0.0} for d in decide(*none))


def test_electrodes_that_are_not_listened_to_do_not_count():
    sample, channel = evoked(np.random.default_rng(1), 20.0)
    assert all(d.value is None for d in decide(sample, np.full_like(channel, 2)))


def test_an_answer_is_forgotten_when_its_window_has_passed():
    decisions = decide(*evoked(np.random.default_rng(1), 20.0), n=30_000)
    assert decisions[99].value == "rock"
    assert all(d.value is None for d in decisions[210:])


def test_an_unknown_electrode_is_named_with_a_suggestion():
    with pytest.raises(ConfigError, match="no electrode 'aa'; did you mean 'a'"):
        NearestRate(electrodes=("aa",), rates_hz=RATES_HZ).open(
            ActorContext(inputs={"x": INFO}, name="decode")
        )


def test_the_least_score_alone_keeps_held_noise_from_being_an_answer():
    """Random crossings with holes of 5 ms at each pulse, as a silenced culture's at 3 SD."""
    right, scores = 0, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        name = list(RATES_HZ)[seed % 3]
        sample, channel = poisson(rng, 10_000, 150, 2)
        since = sample % (10_000 / RATES_HZ[name])
        decision = decide(sample[since > 50], channel[since > 50])[99]
        assert decision.value is None
        scores.append(max(decision.scores.values()))
        right += max(decision.scores, key=lambda n: decision.scores[n]) == name
    assert right > 40  # chance: 20
    assert max(scores) < 20
