"""A further machine is one process at a time, and its sign of life ages by the server's clock."""

from dataclasses import dataclass

import pytest

from crepe.errors import LeaseError
from crepe.store.redis_store import RedisStore
from crepe.supervise.machines import presence
from crepe.supervise.machines.presence import Presence, look, wait_until_free


@pytest.fixture
def store(redis_url, request):
    store = RedisStore(redis_url, culture=request.node.name)
    yield store
    store.close()


def aged(store, machine, seconds):
    """Let the last sign of a machine be as old as that."""
    key = store._key(f"machine:{machine}")
    store._retry("PEXPIRE", key, presence._KEPT_MS - round(seconds * 1000))


def test_a_sign_is_seen_with_its_age_until_the_machine_leaves(store):
    own = Presence.new("B", "/var/b")
    assert look(store, "B") is None
    assert own.sign(store) is None
    aged(store, "B", 12.0)
    last = look(store, "B")
    assert last is not None
    assert last.presence == own
    assert 12.0 <= last.age_s < 20.0
    own.sign(store)
    assert look(store, "B").age_s < 12.0
    own.leave(store)
    assert look(store, "B") is None


def test_a_second_process_neither_signs_nor_removes_the_first_ones_sign(store):
    first, second = Presence.new("B", "/var/b"), Presence.new("B", "/var/c")
    first.sign(store)
    assert second.sign(store) == first
    second.leave(store)
    assert look(store, "B").presence == first


@dataclass
class Signing:
    """What happens between two looks."""

    store: RedisStore
    presence: Presence
    looks: int = 0

    def renew(self, _):
        self.looks += 1
        self.presence.sign(self.store)

    def age(self, _):
        self.looks += 1
        aged(self.store, "B", 1.0 + 0.2 * self.looks)


def test_a_machine_that_lives_is_not_replaced(store, monkeypatch):
    first = Presence.new("B", "/var/b")
    first.sign(store)
    aged(store, "B", 0.9)
    monkeypatch.setattr(presence, "sleep", Signing(store, first).renew)
    with pytest.raises(LeaseError, match=r"machine B on host .* runs already; stop it with"):
        wait_until_free(store, "B", "/var/c")


def test_one_without_signs_for_ten_seconds_is_over(store, monkeypatch):
    first = Presence.new("B", "/var/b")
    first.sign(store)
    silence = Signing(store, first)
    monkeypatch.setattr(presence, "sleep", silence.age)
    wait_until_free(store, "B", "/var/c")
    assert silence.looks == 50
    assert look(store, "B") is None


def test_the_same_directory_need_not_wait_since_nothing_runs_there(store, monkeypatch):
    Presence.new("B", "/var/b").sign(store)
    monkeypatch.setattr(presence, "sleep", lambda _: pytest.fail("waited"))
    wait_until_free(store, "B", "/var/b")
    assert look(store, "B") is None
