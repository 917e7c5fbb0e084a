"""One session at a time has a culture; its lease outlives no session, and no server outlives it."""

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from crepe.environment import session
from crepe.errors import LeaseError
from crepe.store import lease
from crepe.store.lease import Holder, Lease, wait_until_free
from crepe.store.redis_store import RedisStore

LOOKS = 50  # at a lease that is not renewed, 0.2 s apart
LOOKS_AT_A_START = 300


@pytest.fixture
def culture() -> str:
    return f"test{uuid.uuid4().hex}:{{well-3}}"


@pytest.fixture
def store(redis_url: str, culture: str) -> Iterator[RedisStore]:
    store = RedisStore(redis_url, culture=culture)
    yield store
    store.close()


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What happens in the sleeps between two looks, first to last; in all others nothing does."""
    happens: list[Callable[[], None]] = []
    monkeypatch.setattr(lease, "sleep", lambda _: happens.pop(0)() if happens else None)
    return happens


def holder(name: str = "first") -> Holder:
    return Holder(name, "lab-pc", "anna", 4711, "2026-11-23T17:15:03.000+00:00")


def taken(store: RedisStore, name: str = "first", *, is_starting: bool = False) -> Lease:
    """A lease that a session took, and that its programs renewed, if it is not starting, a little
    while ago."""
    lease = Lease(store, holder(name))
    lease.take()
    if not is_starting:
        lease.renew()
    with redis.Redis.from_url(store.url) as client:
        key = f"{store.culture}:lease"
        client.pexpire(key, client.pttl(key) - 200)
    return lease


def session_of(store: RedisStore) -> str:
    with redis.Redis.from_url(store.url) as client:
        name = client.hget(f"{store.culture}:lease", "session")
    return name.decode() if name else ""


def nothing() -> None:
    pass


def test_a_session_that_lives_is_named_to_the_second_one_and_keeps_its_lease(store, sleeps, capsys):
    first = taken(store)
    sleeps += [nothing, first.renew]
    with pytest.raises(LeaseError) as refused:
        Lease(store, holder("second")).take()
    (text,) = str(refused.value).splitlines()
    assert "session first of anna on host lab-pc (supervisord has pid 4711, since 2026-" in text
    assert "`crepe down`" in text
    assert "--take-over" in text
    assert store.culture in text
    assert session_of(store) == "first"
    assert capsys.readouterr().err == ""


def test_a_session_whose_programs_are_gone_gives_way_after_a_printed_wait(store, sleeps, capsys):
    taken(store)
    sleeps += [nothing] * LOOKS
    taken(store, "second")
    assert session_of(store) == "second"
    (line,) = capsys.readouterr().err.splitlines()
    assert "session first of anna on host lab-pc" in line
    assert line.endswith("has been silent for 2 s and is over after 10 s; waiting")


@pytest.mark.parametrize(("is_starting", "looks"), [(False, LOOKS), (True, LOOKS_AT_A_START)])
def test_a_renewal_at_the_last_look_counts_and_one_after_it_finds_another(
    store, sleeps, is_starting, looks
):
    first = taken(store, is_starting=is_starting)
    sleeps += [nothing] * (looks - 1) + [first.renew]
    with pytest.raises(LeaseError, match="session first"):
        wait_until_free(store, "")
    sleeps.clear()
    assert wait_until_free(store, "") == ""
    assert session_of(store) == ""


def test_a_renewal_between_the_last_look_and_the_end_of_the_lease_keeps_it(
    store, sleeps, monkeypatch
):
    first = taken(store)
    run_script = store.run_script

    def run(script: str, name: str, *arguments: str) -> object:
        if script == lease._DROP:
            run_script(lease._RENEW, name, lease._KEPT_MS, *first._fields)
        return run_script(script, name, *arguments)

    monkeypatch.setattr(store, "run_script", run)
    with pytest.raises(LeaseError, match="session first"):
        wait_until_free(store, "")
    assert session_of(store) == "first"


def test_the_lease_of_the_directorys_own_last_session_is_replaced_at_once(store, sleeps):
    first = session.new(Path("config") / "rps.toml", "abc", 1)
    Lease(store, Holder.of(first, os.getpid())).take()
    sleeps += [pytest.fail]
    Lease(store, holder("second")).take(last=first.id)
    assert session_of(store) == "second"


def test_a_directory_that_is_shared_by_two_hosts_has_no_session_of_its_own(store, sleeps):
    first = taken(store)
    sleeps += [first.renew]
    with pytest.raises(LeaseError, match="lab-pc"):  # not the name of this host
        Lease(store, holder("first")).take(last="first")


def test_a_session_goes_on_with_the_lease_that_it_had(store, sleeps):
    first = session.new(Path("config") / "rps.toml", "abc", 1)
    Lease(store, Holder.of(first, 1)).take()
    resumed = Lease(store, Holder.of(first, 2))
    resumed.take(last=first.id)
    resumed.renew()
    with redis.Redis.from_url(store.url) as client:
        assert client.hget(f"{store.culture}:lease", "pid") == b"2"


def test_a_released_lease_is_gone_at_once_and_another_sessions_stays(store, sleeps):
    first = taken(store)
    first.release()
    sleeps += [pytest.fail]
    taken(store, "second")
    first.release()
    assert session_of(store) == "second"


def test_a_take_over_tells_the_first_session_which_one_has_the_culture(store, sleeps):
    first = taken(store)
    sleeps += [pytest.fail]
    Lease(store, holder("second")).take(take_over=True)
    with pytest.raises(LeaseError, match="session second of anna on host lab-pc.* taken it over"):
        first.renew()
    assert session_of(store) == "second"


def test_a_take_over_of_what_nothing_has_is_a_start(store):
    Lease(store, holder()).take(take_over=True)
    assert session_of(store) == "first"


def test_two_that_find_the_culture_free_do_not_both_get_it(store, sleeps, monkeypatch):
    monkeypatch.setattr(lease, "wait_until_free", lambda *_: "")
    taken(store)
    with pytest.raises(LeaseError, match="session first"):
        Lease(store, holder("second")).take()


def test_cultures_on_one_server_do_not_know_each_other(store, redis_url):
    taken(store)
    other = RedisStore(redis_url, culture=f"{store.culture}-2")
    taken(other, "second")
    other.close()
    assert session_of(store) == "first"


def test_a_restarted_server_has_the_lease_for_longer_than_any_outage(own_server, sleeps):
    own_server.start()
    store = RedisStore(own_server.url, patience_s=20)
    first = taken(store)
    own_server.stop()
    own_server.start()
    with redis.Redis.from_url(store.url) as client:
        assert client.ttl("crepe:lease") > 3600
    sleeps += [nothing, first.renew]
    with pytest.raises(LeaseError):
        wait_until_free(store, "")
    store.close()


def test_a_server_that_lost_everything_gets_the_lease_again(store):
    first = taken(store)
    with redis.Redis.from_url(store.url) as client:
        client.unlink(f"{store.culture}:lease")
    first.renew()
    assert session_of(store) == "first"
    first.renew()


def test_a_lease_is_renewed_on_a_server_at_its_memory_ceiling(own_server, sleeps):
    own_server.start()
    store = RedisStore(own_server.url)
    first = taken(store, is_starting=True)
    with redis.Redis.from_url(store.url) as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(redis.OutOfMemoryError):
            client.set("more", "than it holds")
    sleeps += [first.renew]
    with pytest.raises(LeaseError):
        wait_until_free(store, "")
    store.close()
