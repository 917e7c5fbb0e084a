"""Servers of others, as they are found in the field: known before anything starts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from benchmarks.cluster_nodes import free_ports, until
from crepe.cli.app import app
from crepe.errors import ExitCode, StoreError, StoreUnavailableError
from crepe.messages import StreamInfo
from crepe.redis_server.check import COMMANDS, acl_line, check_server, must_fit
from crepe.redis_server.refusals import advice_on, with_advice
from crepe.store.lease import Holder, Lease
from crepe.store.redis_store import RedisStore
from tests.conftest import Server
from tests.store.test_faults import INFO, append

PASSWORD = "hunter2"


@pytest.fixture
def client(own_server: Server) -> Iterator[redis.Redis]:
    own_server.start()
    with redis.Redis.from_url(own_server.url) as connected:
        yield connected


def url_of(server: Server, user: str) -> str:
    return server.url.replace("unix://", f"unix://{user}:{PASSWORD}@")


def texts(server: Server) -> list[str]:
    return [finding.text for finding in check_server(server.url, "crepe")]


def test_an_ordinary_server_fits_and_is_left_as_it_was(own_server, client):
    assert [finding.is_well for finding in check_server(own_server.url, "crepe")] == [True]
    assert client.dbsize() == 0


def test_the_printed_rights_suffice_for_all_that_a_session_does(own_server, client):
    client.execute_command(*acl_line("crepe").replace("PASSWORD", PASSWORD).split())
    url = url_of(own_server, "crepe")
    assert must_fit(url, "crepe") == []
    store = RedisStore(url, patience_s=0)
    lease = Lease(store, Holder("s", "lab", "me", 1, "today"))
    lease.take()
    lease.renew()
    store.declare("data", INFO, keep_s=0.5)
    append(store, 0, 20_000)
    store.register("data", "record", 20_000)
    store.append_unclocked("input", b"rock")
    store.forget("input", "1-0")
    store.beat("acquire", {"state": "running"})
    assert (store.beats(), store.streams()) == ({"acquire": {"state": "running"}}, ["data"])
    assert store.last("data").stop == 20_000
    assert store.first("data") is not None
    assert store.wait({"data": 19_900}, 0.1)
    assert store.entries("data", 19_800, 20_000, 5)
    second = RedisStore(url, patience_s=0)
    second.declare("data", INFO, takes_over=True)
    store._make_room()
    store.delete("data")
    lease.release()
    for each in (store, second):
        each.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_each_missing_right_is_named_with_the_line_that_gives_it(own_server, client, command):
    if command in ("ping", "select"):
        pytest.skip("redis-py needs it to log in, and reports it itself")
    line = acl_line("crepe").replace("PASSWORD", PASSWORD)
    client.execute_command(*line.split(), f"-{command}")
    with pytest.raises(StoreError, match="NOPERM") as refused:
        must_fit(url_of(own_server, "crepe"), "crepe")
    assert command.partition("|")[0].upper() in str(refused.value)
    assert acl_line("crepe") in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_the_documents_have_the_rights_that_the_check_prints():
    page = Path(__file__).parents[2] / "docs/how-to/several-experiments-on-one-machine.md"
    assert acl_line("crepe") in page.read_text(encoding="utf-8").splitlines()


def test_the_command_prints_the_rights_and_what_is_wrong(own_server, client, monkeypatch, capfd):
    monkeypatch.setenv("CREPE_REDIS", url_of(own_server, "crepe"))
    client.execute_command(*acl_line("crepe").replace("PASSWORD", PASSWORD).split())
    client.config_set("maxmemory", "100mb")
    client.config_set("maxmemory-policy", "allkeys-lfu")
    result = CliRunner().invoke(app, ["check", "--redis"])
    assert result.exit_code == ExitCode.FAILED
    assert acl_line("crepe") in result.output.replace("\n", "")
    assert "WRONG" in result.output
    assert "allkeys-lfu" in result.output
    assert PASSWORD not in result.output + capfd.readouterr().err


def test_rights_on_other_keys_do_not_suffice(own_server, client):
    client.execute_command(*acl_line("other").replace("PASSWORD", PASSWORD).split())
    with pytest.raises(StoreError, match="NOPERM.*keys of 'crepe'.*~crepe:"):
        must_fit(url_of(own_server, "crepe"), "crepe")


def test_a_user_without_dangerous_commands_can_run_an_experiment(own_server, client):
    rights = ["+@all", "-@dangerous", "-@admin"]
    client.acl_setuser(
        "lab", enabled=True, passwords=f"+{PASSWORD}", keys=["crepe:*"], commands=rights
    )
    notes = must_fit(url_of(own_server, "lab"), "crepe")
    assert "maxmemory-policy is noeviction" in notes[0]
    assert "CLIENT LIST" in notes[1]


@pytest.mark.parametrize(
    ("policy", "maxmemory", "is_well"),
    [
        ("noeviction", "100mb", True),
        ("allkeys-lru", "0", None),
        ("allkeys-lru", "100mb", False),
        ("allkeys-random", "100mb", False),
        ("volatile-ttl", "100mb", None),
    ],
)
def test_eviction_is_known_before_it_removes_samples(
    own_server, client, policy, maxmemory, is_well
):
    client.config_set("maxmemory", maxmemory)
    client.config_set("maxmemory-policy", policy)
    (finding,) = check_server(own_server.url, "crepe")
    assert finding.is_well is is_well
    assert is_well or (policy in finding.text and "noeviction" in finding.text)


def test_eviction_is_known_also_where_only_config_may_be_read(own_server, client):
    client.config_set("maxmemory", "100mb")
    client.config_set("maxmemory-policy", "allkeys-lru")
    line = acl_line("crepe").replace("PASSWORD", PASSWORD)
    client.execute_command(*line.split(), "-info")
    with pytest.raises(StoreError, match="allkeys-lru"):
        must_fit(url_of(own_server, "crepe"), "crepe")


def test_a_full_server_is_no_refusal_since_writers_make_room(own_server, client):
    client.config_set("maxmemory", "1mb")
    (note,) = must_fit(own_server.url, "crepe")
    assert "OOM" in note


def test_renamed_commands_are_named(own_server):
    own_server.start_bare("--rename-command", "EVAL", "run", "--rename-command", "MULTI", "")
    with pytest.raises(StoreError, match="EVAL, MULTI: .*unknown command .*renamed or removed"):
        must_fit(own_server.url, "crepe")


def test_a_replica_is_refused_with_the_place_of_its_primary(own_server):
    own_server.start_bare("--replicaof", "127.0.0.1", "1")
    with pytest.raises(StoreError, match=r"replica of 127\.0\.0\.1:1: name that one"):
        must_fit(own_server.url, "crepe")


def test_a_replica_that_hides_its_role_is_refused_all_the_same(own_server):
    own_server.start_bare("--replicaof", "127.0.0.1", "1", "--rename-command", "INFO", "")
    with pytest.raises(StoreError, match="(READONLY|MASTERDOWN).*primary"):
        must_fit(own_server.url, "crepe")


def test_a_cluster_fits_and_says_where_the_culture_is(own_server):
    port, bus_port = map(str, free_ports(2))
    own_server.start_bare("--cluster-enabled", "yes", "--port", port, "--cluster-port", bus_port)
    with pytest.raises(StoreUnavailableError, match="its cluster has no slots"):
        must_fit(own_server.url, "crepe", patience_s=0.2)
    with redis.Redis.from_url(own_server.url) as client:
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
    until(lambda: must_fit(own_server.url, "crepe"))
    (place, rest) = check_server(own_server.url, "crepe")
    assert (place.is_well, rest.is_well) == (None, True)
    assert "slot 7378, that of culture 'crepe'" in place.text
    assert "without a replica" in place.text


def test_a_server_that_cannot_save_is_refused(own_server, client):
    client.config_set("save", "3600 1")
    (own_server.directory / "dump.rdb" / "in-the-way").mkdir(parents=True)
    client.set("another", "1")
    client.bgsave()
    while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
        pass
    with pytest.raises(StoreError, match="MISCONF.*make room on that disk"):
        must_fit(own_server.url, "crepe")
    own_server.kill()  # without a way to save, it does not end by itself


def test_a_missing_password_and_a_wrong_one_are_told_apart(own_server, client):
    client.config_set("requirepass", PASSWORD)
    with pytest.raises(StoreError, match="NOAUTH.*requires a password"):
        must_fit(own_server.url, "crepe")
    with pytest.raises(StoreError, match="user or password is wrong") as refused:
        must_fit(own_server.url.replace("unix://", "unix://:wrong-one@"), "crepe")
    assert "wrong-one" not in str(refused.value)


def test_an_auth_that_the_server_does_not_have_shows_no_password(own_server):
    own_server.start_bare("--rename-command", "AUTH", "")
    with pytest.raises(StoreError, match="unknown command 'AUTH'") as refused:
        must_fit(url_of(own_server, "lab"), "crepe")
    assert PASSWORD not in str(refused.value)


def test_no_server_is_no_mistake_of_its_administrator(tmp_path: Path):
    with pytest.raises(StoreUnavailableError, match="no Redis server answers"):
        must_fit(f"unix://{tmp_path}/redis.sock", "crepe", patience_s=0)


def test_foreign_keys_are_never_looked_at(own_server, client):
    client.config_resetstat()
    store = RedisStore(own_server.url)
    store.declare("data", StreamInfo(labels=("a",), session="s", is_live=True))
    store.beat("acquire", {"state": "running"})
    assert store.beats() == {"acquire": {"state": "running"}}
    assert store.streams() == ["data"]
    used = {name.removeprefix("cmdstat_") for name in client.info("commandstats")}
    assert used.isdisjoint({"keys", "scan", "randomkey", "dbsize"})
    store.close()


@pytest.mark.parametrize(
    "reply",
    [
        "LOADING Redis is loading the dataset in memory",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "MOVED 3999 127.0.0.1:6381",
        "EXECABORT Transaction discarded because of: MISCONF Errors writing to the AOF file",
        "NOREPLICAS Not enough good replicas to write.",
        "BUSY Redis is busy running a script.",
    ],
)
def test_each_refusal_of_the_field_has_a_sentence_that_says_what_to_do(reply):
    assert ":" in advice_on(reply)
    assert advice_on(reply) in with_advice(reply)


def test_an_unknown_refusal_stays_as_it_is():
    assert with_advice("ERR syntax error") == "ERR syntax error"
