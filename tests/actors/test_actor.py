"""An actor's private state is read as often as any attribute, so that it must cost as little."""

import pytest
from pydantic import PrivateAttr
from pydantic.fields import ModelPrivateAttr

from crepe.actors.actor import Actor
from crepe.messages import Decision, Spikes


class Counter(Actor[Spikes, Decision]):
    _n: int = PrivateAttr(0)
    _opened: str = PrivateAttr()

    def step(self, spikes):
        self._n += 1

    @property
    def n(self):
        return self._n


def test_private_state_is_read_without_a_look_at_its_default(monkeypatch):
    counter = Counter()
    counter.step(None)

    def fail(_, name):
        raise AssertionError(name)

    monkeypatch.setattr(ModelPrivateAttr, "__getattr__", fail)
    assert counter.n == 1


def test_private_state_belongs_to_one_actor():
    first, second = Counter(), Counter()
    first.step(None)
    assert (first.n, second.n, first.model_copy().n) == (1, 0, 1)


@pytest.mark.parametrize("name", ["_opened", "_unknown", "unknown"])
def test_state_that_was_not_set_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=f"'Counter' object has no attribute '{name}'"):
        getattr(Counter(), name)
    with pytest.raises(AttributeError):
        getattr(Counter.__new__(Counter), name)
