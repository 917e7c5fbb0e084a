"""Over TCP a client only reads the culture's keys; the owner's socket does all."""

import subprocess
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
import redis

from crepe.environment import paths
from crepe.environment.secret import kept_secret
from crepe.messages import StreamInfo
from crepe.redis_server.find_url import find_url
from crepe.redis_server.prompt import cli
from crepe.redis_server.server import running_server
from crepe.redis_server.users import (
    PASSWORD_FILE,
    acl_lines,
    machine_password_file,
    owners_account,
    write_acl_file,
)
from crepe.store import Store
from crepe.store.contract import Entry
from crepe.store.redis_store import RedisStore
from tests.conftest import Server
from tests.redis_server.test_server import StartServer, client_of, start, var

__all__ = ["start", "var"]  # its fixtures

KEY = "crepe:data"
ALLOWED = [
    ["XRANGE", KEY, "-", "+", "COUNT", "1"],
    ["XREVRANGE", KEY, "+", "-", "COUNT", "1"],
    ["XREAD", "STREAMS", KEY, "0"],
    ["XLEN", KEY],
    ["XINFO", "STREAM", KEY],
    ["HGETALL", "crepe:data:info"],
    ["TYPE", KEY],
    ["PING"],
    ["HELLO", "2"],
    ["CLIENT", "SETNAME", "somebody"],
]
REFUSED = [
    ["XADD", KEY, "*", "a", "1"],
    ["XADD", "crepe:result:stimuli", "*", "data", "x"],
    ["XTRIM", KEY, "MAXLEN", "0"],
    ["XDEL", KEY, "1-0"],
    ["XGROUP", "CREATE", KEY, "group", "0"],
    ["DEL", KEY],
    ["UNLINK", KEY],
    ["RENAME", KEY, "crepe:other"],
    ["EXPIRE", KEY, "1"],
    ["HSET", "crepe:lease", "session", "mine"],
    ["SET", "other", "1"],
    ["FLUSHALL"],
    ["EVAL", "return redis.call('DEL', KEYS[1])", "1", KEY],
    ["CONFIG", "SET", "maxmemory", "1"],
    ["CONFIG", "GET", "*"],
    ["ACL", "LIST"],
    ["ACL", "SETUSER", "default", "+@all"],
    ["SHUTDOWN", "NOSAVE"],
    ["CLIENT", "LIST"],
    ["CLIENT", "KILL", "TYPE", "normal"],
    ["CLIENT", "PAUSE", "1000"],
    ["REPLICAOF", "127.0.0.1", "1"],
    ["MONITOR"],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["MULTI"],
    ["WATCH", KEY],
    ["PUBLISH", "crepe:a", "b"],
    ["XRANGE", "other", "-", "+"],
    ["XREAD", "STREAMS", KEY, "other", "0", "0"],
    ["HGETALL", "other:info"],
    ["TYPE", "crepe"],
    ["AUTH", "crepe", "crepe"],
    ["AUTH", "crepe", ""],
]


def test_over_tcp_the_keys_of_the_culture_can_be_read_and_nothing_else(
    var: Path, start: StartServer
) -> None:
    with client_of(var, start()) as owner:
        owner.xadd(KEY, {"m": b"1"}, id="1-0")
        owner.hset("crepe:data:info", "session", "s")
        owner.xadd("other", {"m": b"1"}, id="1-0")
        port = running_server(var)["port"]
        with redis.Redis(port=port) as stranger:
            for command in ALLOWED:
                stranger.execute_command(*command)
            for command in REFUSED:
                with pytest.raises((redis.ResponseError, redis.AuthenticationError)):
                    stranger.execute_command(*command)
                    pytest.fail(f"{command} was allowed")
            assert stranger.xrange(KEY) == [(b"1-0", {b"m": b"1"})]
        assert sorted(owner.keys()) == [b"crepe:data", b"crepe:data:info", b"other"]
        assert owner.config_get("maxmemory")["maxmemory"] == str(64 << 20)


def test_the_socket_without_the_password_reads_only(var: Path, start: StartServer) -> None:
    with client_of(var, start()) as owner:
        assert owner.ping()
        path = running_server(var)["socket"]
        assert Path(path).stat().st_mode & 0o077 == 0
        with (
            redis.Redis(unix_socket_path=path) as other,
            pytest.raises(redis.ResponseError, match="no permissions|NOPERM"),
        ):
            other.xadd(KEY, {"m": b"1"})


def test_the_owners_programs_write_by_the_url_that_is_found(
    var: Path, start: StartServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv("CREPE_VAR", str(var))
    with client_of(var, start()):
        assert cli(["XADD", KEY, "5-0", "m", "1"], find_url()) == 0
        assert cli(["XADD", KEY, "5-0", "m", "1"], find_url()) == 1  # and an error is an answer
        with Store() as store:
            store.send_command("note", "heard")
            password = (paths.run_directory(var) / PASSWORD_FILE).read_text().strip()
            assert password not in find_url() + repr(store) + "".join(capsys.readouterr())


def test_a_restarted_server_lets_the_same_clients_in(var: Path, start: StartServer) -> None:
    first = start()
    with client_of(var, first) as owner:
        owner.xadd(KEY, {"m": b"1"})
        first.kill()
        first.wait()
        with client_of(var, start()):
            assert owner.xlen(KEY) == 1


def test_the_password_is_in_one_private_file_only(var: Path, start: StartServer) -> None:
    process = start()
    with client_of(var, process) as owner:
        assert owner.ping()
    run = paths.run_directory(var)
    password = (run / PASSWORD_FILE).read_text().strip()
    seen = psutil.Process(process.pid)
    assert password not in " ".join([*seen.cmdline(), *seen.environ().values()])
    assert password not in acl_lines("crepe", password)
    assert run.stat().st_mode & 0o077 == 0
    for path in run.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
        if path.is_file() and path.name != PASSWORD_FILE:
            assert password not in path.read_text(), path
    process.terminate()
    assert password not in process.communicate()[0]


def test_port_zero_closes_the_port(var: Path, start: StartServer) -> None:
    process: subprocess.Popen[str] = start(port=0)
    with client_of(var, process) as owner:
        assert owner.config_get("port")["port"] == "0"
        listening = psutil.Process(process.pid).net_connections("inet")
        assert listening == []
    process.terminate()
    assert "redis-cli -p" not in process.communicate()[0]


def test_the_keys_are_those_of_the_culture() -> None:
    assert "%R~left\\\\x:*" in acl_lines("left\\x", "p")


def test_only_the_socket_of_a_server_of_our_own_has_an_account(tmp_path: Path) -> None:
    path = tmp_path / "100 %" / "redis.sock"
    path.parent.mkdir()
    url = f"unix://{quote(str(path))}"
    assert owners_account(url) == {}
    password = kept_secret(path.with_name(PASSWORD_FILE))
    assert owners_account(url) == {"username": "crepe", "password": password}
    for other in (f"unix://me:mine@{quote(str(path))}", "redis://127.0.0.1", "rediss://lab:1"):
        assert owners_account(other) == {}


MACHINES = {"B": "b" * 32}


def test_a_further_machine_writes_into_the_culture_and_does_nothing_else(
    own_server: Server, tmp_path: Path
) -> None:
    acl = tmp_path / "acl"
    acl.write_text(acl_lines("crepe", "o" * 32, MACHINES, is_open=True))
    own_server.start_bare("--aclfile", str(acl), "--loglevel", "warning")
    url = f"{own_server.url}?username=machine-B&password={MACHINES['B']}"
    store = RedisStore(url, patience_s=20)
    store.declare("data:spikes", StreamInfo(session="s"))
    store.append([("data:spikes", Entry(0, 100, b"x"))])
    store.close()
    with redis.Redis.from_url(url) as machine:
        for command in (["FLUSHALL"], ["CONFIG", "SET", "maxmemory", "1"], ["ACL", "LIST"]):
            with pytest.raises(redis.ResponseError, match="permissions"):
                machine.execute_command(*command)
        with pytest.raises(redis.ResponseError, match="permissions"):
            machine.set("other:data", "1")
    with (
        redis.Redis(unix_socket_path=str(own_server.socket)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):  # `default` is off where other machines reach the port
        stranger.xrange("crepe:data:spikes")


def test_each_machine_has_a_password_of_its_own_that_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = write_acl_file(tmp_path, "crepe", ["B", "C"])
    secrets = [machine_password_file(tmp_path, name).read_text().strip() for name in "BC"]
    assert len(set(secrets)) == 2
    before = path.read_text()
    assert not any(secret in before for secret in secrets)
    assert write_acl_file(tmp_path, "crepe", ["B", "C"]).read_text() == before
