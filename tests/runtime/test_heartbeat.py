"""What a heartbeat counts goes on across restarts of its program, and begins anew with a session."""

import json

from crepe.runtime.heartbeat import Heartbeat
from crepe.store.memory_store import MemoryStore


def test_answers_to_stimuli_are_counted_across_restarts_of_the_stimulator_in_one_session():
    store = MemoryStore()
    first = Heartbeat("stimulate", store, "s")
    first.answers.update(["delivered", "refused", "refused", "stopped"])
    first.beat()
    second = Heartbeat("stimulate", store, "s")
    second.answers.update(["unknown"])
    second.beat()
    counted = json.loads(store.beats()["stimulate"]["answers"])
    assert counted == {"delivered": 1, "refused": 2, "stopped": 1, "unknown": 1}
    assert not Heartbeat("stimulate", store, "another").answers
