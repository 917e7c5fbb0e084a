"""Decisions by chance: evenly, the same again after a restart, whatever the spikes are."""

from collections import Counter

from crepe.actors.actor import ActorContext
from crepe.actors.random_decision import RandomDecision
from crepe.messages import Spikes, StreamInfo


def decided(seed=1, begin=0, stop=30_000):
    actor = RandomDecision(answers=("up", "down", "stay"))
    actor.open(ActorContext(inputs={"data:spikes": StreamInfo()}, seed=seed))
    return [actor.step(Spikes.none(at, at + 10)) for at in range(begin, stop, 10)]


def test_each_answer_is_equally_likely():
    result = Counter(decision.value for decision in decided())
    assert set(result) == {"up", "down", "stay"}
    assert all(900 < n < 1100 for n in result.values())


def test_a_restart_changes_nothing_and_a_seed_everything():
    assert decided(begin=12_340) == decided()[1234:]
    assert [d.value for d in decided(seed=2)] != [d.value for d in decided()]
