"""An actor's private state is read as often as any attribute, so that it must cost as little."""

import pytest
from pydantic import PrivateAttr

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


def test_private_state_is_looked_up_once(monkeypatch):
    counter = Counter()
    counter.step(None)

    def fail(_, name):
        raise AssertionError(name)

    monkeypatch.setattr(Counter, "__getattr__", fail)
    assert counter.n == 1
    counter.step(None)
    assert counter.n == 2


def test_private_state_is_no_setting():
    counter = Counter()
    counter.step(None)
    assert (counter.model_dump(), repr(counter), dict(counter)) == ({}, "Counter()", {})
    assert counter != Counter()


def test_private_state_that_was_deleted_is_gone():
    counter = Counter()
    counter.step(None)
    del counter._n
    with pytest.raises(AttributeError, match="'Counter' object has no attribute '_n'"):
        counter.step(None)


def test_private_state_belongs_to_one_actor():
    first, second = Counter(), Counter()
    first.step(None)
    assert (first.n, second.n, first.model_copy().n) == (1, 0, 1)
    copied = first.model_copy()
    copied.step(None)
    assert (first.n, copied.n) == (1, 2)


@pytest.mark.parametrize("name", ["_opened", "_unknown", "unknown"])
def test_state_that_was_not_set_is_an_attribute_error(name):
    with pytest.raises(AttributeError, match=f"'Counter' object has no attribute '{name}'"):
        getattr(Counter(), name)
    with pytest.raises(AttributeError):
        getattr(Counter.__new__(Counter), name)
