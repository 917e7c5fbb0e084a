"""What a program publishes: counted as it leaves, and gathered where the way to Redis is long."""

from collections import Counter
from types import SimpleNamespace

import pytest

from crepe.actors.detect import Detect
from crepe.actors.stimulate import Stimulate
from crepe.config.wiring import ActorSpec
from crepe.errors import StoreUnavailableError
from crepe.messages import Command, Delivered, DeliveryState, StreamInfo
from crepe.runtime import outputs as module
from crepe.runtime.batch import Batch, OutputBatch
from crepe.runtime.outputs import Outputs
from crepe.store.memory_store import MemoryStore

EXPERIMENT = SimpleNamespace(reads={}, feedback={}, shards={}, machine_of={})


def test_final_answers_to_stimuli_are_counted_by_state():
    answers = Counter()
    outputs = Outputs(EXPERIMENT, [], MemoryStore(), answers)
    messages = [Delivered(0, 10, n, state) for n, state in enumerate(DeliveryState)]
    outputs.publish([OutputBatch(Batch("result:delivered", 0, 10, messages), 10, None, "")])
    assert answers == {"delivered": 1, "stopped": 1, "refused": 1, "unknown": 1}


class DistantStore(MemoryStore):
    """A store to which an append takes `append_s`; keeps how many entries came in each."""

    append_s = 0.1
    now_s = 0.0
    is_away = False

    def __init__(self):
        super().__init__()
        self.sizes = []

    def append(self, batch):
        if self.is_away:
            raise StoreUnavailableError("away")
        self.now_s += self.append_s
        self.sizes.append(len(batch))
        super().append(batch)


@pytest.fixture
def store(monkeypatch):
    store = DistantStore()
    clock = SimpleNamespace(monotonic=lambda: store.now_s, time_ns=lambda: 1)
    monkeypatch.setattr(module, "time", clock)
    return store


def outputs_of(store, kind):
    spec = ActorSpec("it", kind, {}, ("data",), {Command: "notes"})
    store.declare("notes", StreamInfo(message="Command", session="s", longest_samples=10))
    return Outputs(EXPERIMENT, [spec], store, Counter())


def compute(outputs, store, windows, compute_s=0.03):
    """Publish windows that were read together, one after the other."""
    read_s = store.now_s
    for n in windows:
        store.now_s += compute_s
        message = Command(10 * n, 10 * n + 10, "note", str(n))
        batch = Batch("notes", 10 * n, 10 * n + 10, [message])
        is_last = n == windows[-1]
        since_s = None if is_last else read_s
        outputs.publish([OutputBatch(batch, 10 * n + 10, None, "")], gather_since_s=since_s)


def test_what_is_computed_in_the_time_of_an_append_leaves_in_one(store):
    outputs = outputs_of(store, Detect)
    compute(outputs, store, range(12))
    # The first shows how long an append takes, 100 ms: four times 30 ms are longer.
    assert store.sizes == [1, 4, 4, 3]
    assert store.last("notes").stop == 120
    store.now_s += 1.0
    compute(outputs, store, range(12, 14))  # also after a pause
    assert store.sizes[4:] == [2]
    compute(outputs, store, range(14, 15))
    assert store.sizes[5:] == [1]


def test_close_to_redis_each_window_leaves_at_once(store):
    store.append_s = 0.0002
    outputs = outputs_of(store, Detect)
    compute(outputs, store, range(4), compute_s=0.001)
    assert store.sizes == [1, 1, 1, 1]


def test_the_answers_of_a_stimulator_are_not_gathered(store):
    outputs = outputs_of(store, Stimulate)
    compute(outputs, store, range(4))
    assert store.sizes == [1, 1, 1, 1]


def test_what_is_kept_for_an_outage_leaves_in_order(store):
    outputs = outputs_of(store, Detect)
    compute(outputs, store, range(1))
    store.is_away = True
    compute(outputs, store, range(1, 4))  # gathered, until an append fails
    assert outputs.is_away
    assert not outputs.flush()
    compute(outputs, store, range(4, 5))
    assert store.sizes == [1]
    store.is_away = False
    assert outputs.flush()
    assert not outputs.is_away
    assert [entry.start for entry in store.entries("notes", 0, 100, 9)] == [0, 10, 20, 30, 40]
