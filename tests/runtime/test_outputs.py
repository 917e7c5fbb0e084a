"""What a program publishes is counted as it leaves, however much Redis keeps of it."""

from collections import Counter
from types import SimpleNamespace

from crepe.messages import Delivered, DeliveryState
from crepe.runtime.batch import Batch, OutputBatch
from crepe.runtime.outputs import Outputs
from crepe.store.memory_store import MemoryStore


def test_final_answers_to_stimuli_are_counted_by_state():
    answers = Counter()
    experiment = SimpleNamespace(reads={}, feedback={})
    outputs = Outputs(experiment, [], MemoryStore(), answers)
    messages = [Delivered(0, 10, n, state) for n, state in enumerate(DeliveryState)]
    outputs.publish([OutputBatch(Batch("result:delivered", 0, 10, messages), 10, None, "")])
    assert answers == {"delivered": 1, "stopped": 1, "refused": 1, "unknown": 1}
