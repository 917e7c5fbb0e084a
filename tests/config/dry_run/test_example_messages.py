"""Made-up messages: windows without a break, for every message type of CREPE that is read."""

from itertools import islice

import numpy as np
import pytest

from crepe.config.dry_run.example_messages import _EXAMPLES, examples
from crepe.messages import Decision, Message, Segment, Spikes, StreamInfo
from crepe.store import codec

INFO = StreamInfo(labels=("1", "2", "3"), segment_samples=50)


@pytest.mark.parametrize("kind", _EXAMPLES)
def test_windows_follow_each_other_and_can_be_sent(kind):
    some = list(islice(examples(kind, INFO, ("rock",)), 200))
    for i, message in enumerate(some):
        if message is not None:
            assert (message.start, message.stop) == (50 * i, 50 * i + 50)
            assert type(message) is kind
            codec.pack([message], message.start, message.stop)
    assert any(message is not None for message in some)


def test_samples_and_spikes_fit_the_stream():
    (segment,) = islice(examples(Segment, INFO, ()), 1)
    assert (segment.samples.shape, segment.samples.dtype) == ((3, 50), np.int32)
    windows = list(islice(examples(Spikes, INFO, ()), 3))
    assert len(windows[0].sample) > 0
    assert len(windows[2].sample) == 0
    assert set(windows[0].channel) <= {0, 1, 2}


def test_decisions_have_the_values_that_games_accept():
    values = {message.value for message in islice(examples(Decision, INFO, ("up", "down")), 100)}
    assert values == {"up", "down", None}


def test_a_type_of_another_package_has_no_example():
    class Own(Message):
        pass

    assert examples(Own, INFO, ()) is None
