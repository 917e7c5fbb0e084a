"""Two regions: the more active one decides, a livelier one not for ever."""

import numpy as np
import pytest
from pydantic import ValidationError

from crepe.actors.actor import ActorContext
from crepe.actors.region_rates import RegionRates, RegionWinner
from crepe.errors import ConfigError
from crepe.messages import Spikes, StreamInfo
from crepe.store.codec import pack_value, unpack_value

INFO = StreamInfo(sampling_rate_hz=1000.0, labels=("11", "12", "13", "14", "15"))
SETTINGS = {"up": (("11",), ("13",)), "down": (("12",), ("14",)), "window_s": 0.1}


def opened(snapshot=None, **fields):
    actor = RegionRates(**{**SETTINGS, **fields})
    actor.open(ActorContext(inputs={"data:spikes": INFO}, snapshot=snapshot, name="decode"))
    return actor


def spikes(at, channels, n=10):
    channel = np.array(channels, np.int32)
    sample = np.full(len(channel), at, np.int64)
    return Spikes(at, at + n, channel, sample, np.zeros(len(channel), np.float32))


@pytest.mark.parametrize(
    ("channels", "value", "scores"),
    [
        ([0, 2], "up", {"up": 2, "down": 0}),
        ([0, 1, 3], "down", {"up": 1, "down": 2}),
        ([0, 1], None, {"up": 1, "down": 1}),
        ([4, 4, 4], None, {"up": 0, "down": 0}),
        ([], None, {"up": 0, "down": 0}),
    ],
)
def test_the_more_active_region_decides(channels, value, scores):
    decision = opened().step(spikes(0, channels))
    assert decision.value == value
    assert decision.scores == scores


def test_spikes_count_as_long_as_the_window():
    actor = opened()
    actor.step(spikes(0, [0]))
    result = [actor.step(spikes(at, [])).scores["up"] for at in range(10, 130, 10)]
    assert result == [1] * 9 + [0] * 3


def test_a_region_that_is_always_livelier_does_not_decide_alone():
    rng = np.random.default_rng(1)
    plain, normalised = opened(), opened(gain_s=5.0)
    result = {"plain": [], "normalised": []}
    for at in range(0, 60_000, 10):
        channels = [0] * rng.poisson(1.5) + [1] * rng.poisson(0.5)
        result["plain"].append(plain.step(spikes(at, channels)).value)
        result["normalised"].append(normalised.step(spikes(at, channels)).value)
    late = {name: values[2000:] for name, values in result.items()}
    assert late["plain"].count("up") > 0.95 * 4000
    assert 0.4 < late["normalised"].count("up") / 4000 < 0.6


@pytest.mark.parametrize("gain_s", [0.0, 0.5])
def test_a_restarted_readout_goes_on_alike(gain_s):
    """The runner gives back the snapshot, and then the input of `warmup_s` before it."""
    rng = np.random.default_rng(2)
    course = [spikes(at, rng.integers(0, 5, rng.poisson(2))) for at in range(0, 2000, 10)]
    whole = [
        opened_one.step(first_of) for opened_one in [opened(gain_s=gain_s)] for first_of in course
    ]
    first = opened(gain_s=gain_s)
    for first_of in course[:100]:
        first.step(first_of)
    snapshot = first.snapshot()
    again = opened(unpack_value(pack_value(snapshot)) if snapshot else None, gain_s=gain_s)
    for first_of in course[100 - round(again.warmup_s * 100) : 100]:
        again.step(first_of)
    assert [again.step(first_of) for first_of in course[100:]] == whole[100:]


def test_an_electrode_that_is_not_there_or_named_twice_is_refused():
    with pytest.raises(ConfigError, match="decode up: no electrode '99'"):
        opened(up=(("99",),))
    with pytest.raises(ValidationError, match="electrode '12' is named twice"):
        opened(up=(("12",),))
    with pytest.raises(ValidationError, match="a part without electrodes"):
        opened(up=((),))


def winner(**fields):
    regions = {name: [[label]] for name, label in (("a", "11"), ("b", "12"), ("c", "13"))}
    actor = RegionWinner(regions=regions, window_s=0.01, **fields)
    actor.open(ActorContext(inputs={"data:spikes": INFO}, name="decode"))
    return actor


def test_the_most_active_of_any_number_of_regions_wins():
    actor = winner()
    assert actor.possible_decisions() == ("a", "b", "c")
    assert [actor.step(spikes(at, rows)).value for at, rows in ((0, [2]), (10, [0, 0, 1]))] == [
        "c",
        "a",
    ]


def test_with_hysteresis_a_winner_holds_until_another_is_clearly_more_active():
    rows = ([0] * 10, [0] * 10 + [1] * 12, [0] * 10 + [1] * 13, [0, 1], [])
    plain, holding = winner(), winner(hysteresis=0.25)
    values = [
        [actor.step(spikes(10 * i, row)).value for i, row in enumerate(rows)]
        for actor in (plain, holding)
    ]
    assert values == [["a", "b", "b", None, None], ["a", "a", "b", "b", "b"]]


def test_a_winner_that_holds_survives_a_restart():
    actor = winner(hysteresis=0.25)
    actor.step(spikes(0, [1]))
    restarted = winner(hysteresis=0.25)
    restarted.open(
        ActorContext(inputs={"data:spikes": INFO}, snapshot=actor.snapshot(), name="decode")
    )
    assert restarted.step(spikes(0, [0])).value == "b"  # warms up
    assert restarted.step(spikes(10, [0])).value == "a"
