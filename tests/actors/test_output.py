"""What a method returns is checked, and an exception in it becomes one sentence with its line."""

import inspect

import numpy as np
import pytest

from crepe.actors.actor import Actor
from crepe.actors.output import ErrorsOf, messages_in
from crepe.errors import ActorError, DeviceError
from crepe.hw.instrument import EndOfData
from crepe.messages import Decision, Spikes

DECISION = Decision(0, 100, "rock")


class Decoder(Actor[Spikes, Decision]):
    n: int = 0

    def step(self, spikes):
        return None


ERRORS = ErrorsOf("decode", Decoder)
PLACE = f"[actors.decode] {__name__}:Decoder: "


def messages(output):
    return list(messages_in(output, (Decision,), "step", ERRORS))


@pytest.mark.parametrize("output", [None, [], iter(())])
def test_nothing_is_no_message(output):
    assert messages(output) == []


@pytest.mark.parametrize("output", [DECISION, [DECISION], (DECISION,), iter([DECISION])])
def test_a_message_comes_alone_or_in_an_iterable(output):
    assert messages(output) == [DECISION]


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("rock", "'rock' (str)"),
        (b"rock", "b'rock' (bytes)"),
        (["rock"], "'rock' (str)"),
        ([DECISION, None], "None (NoneType)"),
        ({"value": "rock"}, "{'value': 'rock'} (dict)"),
        (1.5, "1.5 (float)"),
        (np.zeros(2), "np.float64(0.0) (float64)"),
        (Spikes.none(0, 100), "(Spikes)"),
    ],
)
def test_anything_else_is_refused_with_the_method_and_what_is_allowed(output, text):
    line = inspect.getsourcelines(Decoder.step)[1]
    with pytest.raises(ActorError) as refused:
        messages(output)
    assert str(refused.value).startswith(f"{PLACE}step ({__file__}, line {line}): returned ")
    assert str(refused.value).endswith(f"{text}, must be Decision, an iterable of them, or None")


@pytest.mark.parametrize(("start", "stop"), [(0.0, 0.1), (100, 0), (-1, 5), ("0", "100")])
def test_a_window_has_sample_indices(start, stop):
    with pytest.raises(ActorError, match="must be sample indices"):
        messages(Decision(start, stop, None))


def test_a_window_may_have_numpys_integers():
    assert len(messages(Decision(np.int64(0), np.int64(100), None))) == 1


def test_an_exception_is_named_with_the_line_of_the_author():
    with pytest.raises(ActorError) as refused, ERRORS:
        np.concatenate(3)
    line = inspect.currentframe().f_lineno - 1
    assert str(refused.value).startswith(f"{PLACE}{__file__}, line {line}: TypeError: ")


def test_a_setting_that_is_assigned_is_refused_with_what_to_do():
    with (
        pytest.raises(ActorError, match=r"assigns self.n, but settings cannot change.*`_n: int"),
        ERRORS,
    ):
        Decoder().n = 3


def test_a_method_that_is_missing_is_named():
    class Empty(Actor[Spikes, Decision]):
        pass

    expected = r"test_output.py, line \d+: has no method 'step'"
    with pytest.raises(ActorError, match=expected), ErrorsOf("decode", Empty):
        Empty().step_from("data:spikes", Spikes.none(0, 100))


@pytest.mark.parametrize("error", [DeviceError("lost"), EndOfData(), KeyboardInterrupt()])
def test_what_is_no_mistake_of_the_author_passes(error):
    with pytest.raises(type(error)), ERRORS:
        raise error
