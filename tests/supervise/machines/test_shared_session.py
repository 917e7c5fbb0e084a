"""A session is read from the server as it was written, and clocks are compared through it."""

import time

import pytest

from crepe.environment import session
from crepe.store.redis_store import RedisStore
from crepe.supervise.machines import shared_session
from crepe.supervise.machines.shared_session import ClockReading, Phase, SharedSession


@pytest.fixture
def store(redis_url, request):
    store = RedisStore(redis_url, culture=request.node.name)
    yield store
    store.close()


SHARED = SharedSession(
    "20270101-000000-abcd", "2027-01-01T00:00:00.000+00:00", "f00", 3, session.FORMAT, "lab",
    -0.25, 0.001, 'title = "ä"',
)  # fmt: skip


def test_a_session_is_read_as_it_was_written_and_its_phase_is_changed_alone(store):
    assert shared_session.read(store) is None
    shared_session.publish(store, SHARED)
    assert shared_session.read(store) == SHARED
    shared_session.set_phase(store, Phase.ENDED)
    assert shared_session.read(store) == SHARED._replace(phase=Phase.ENDED)


def test_a_machine_has_the_session_of_the_main_one_in_its_own_file():
    now = SHARED.local("/there/experiment.json", "dish")
    assert (now.id, now.seed, now.culture, now.state) == (SHARED.session, 3, "dish", "running")
    assert now.experiment_digest == SHARED.digest
    assert now.obstacle == ""
    assert SHARED._replace(format=session.FORMAT + 1).local("", "dish").obstacle


@pytest.mark.parametrize("ahead_s", [-3600.0, 0.0, 5.0])
def test_a_clock_is_as_far_ahead_of_the_servers_as_it_was_set(store, monkeypatch, ahead_s):
    monkeypatch.setattr(shared_session, "time", lambda: time.time() + ahead_s)
    reading = ClockReading.take(store)
    assert abs(reading.ahead_s - ahead_s) <= reading.error_s + 0.001
