"""The server runs on its sockets, keeps what it acknowledged, and is told from strangers."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis

from crepe.environment import paths
from crepe.environment.process import SUPERVISOR
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import StoreError
from crepe.redis_server.server import (
    forget_server,
    report_change,
    run_server,
    running_server,
    stop_server,
    watch,
)
from crepe.redis_server.users import owners_account

RUN = """
import json, sys
from pathlib import Path
from crepe.redis_server import server
server.USUAL_PORT = int(sys.argv[4]) or server.USUAL_PORT
server.run_server(sys.argv[2] == "aof", 64, json.loads(sys.argv[3]), Path(sys.argv[1]), "crepe")
"""
PARENT = "import subprocess, sys; subprocess.run(sys.argv[1:])"
StartServer = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clone = tmp_path_factory.mktemp("s") / "100 % é"  # short: the sockets are to be in it
    clone.mkdir()
    return clone / "var"


@pytest.fixture
def start(var: Path) -> Iterator[StartServer]:
    """Runs the server as `crepe run redis` does, and waits until it answers."""
    started = []

    def one(
        durability: str = "aof", port: int | None = None, usual_port: int = 0
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(var), durability, json.dumps(port), str(usual_port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(var.parent)},
        )
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def client_of(var: Path, process: "subprocess.Popen[str]") -> "redis.Redis":
    """A client on the server's unix socket, once it has loaded its file."""
    path = paths.run_directory(var) / "redis.json"
    while process.poll() is None:
        found = paths.read_json(path)
        if found and found["pid"] == process.pid:
            client = redis.Redis.from_url(found["url"], **owners_account(found["url"]))
            try:
                client.ping()
                return client
            except redis.RedisError:
                client.close()
        time.sleep(0.01)  # polling a process, not timing it
    raise AssertionError(process.communicate()[0])


def until_written(client: "redis.Redis") -> None:
    """Until the server holds nothing back from its file; it does so while the disk is busy."""
    while client.info("persistence")["aof_buffer_length"]:
        time.sleep(0.01)  # polling a process, not timing it


def test_the_server_runs_as_its_settings_say(var: Path, start: StartServer) -> None:
    process = start()
    with client_of(var, process) as client:
        found = paths.read_json(paths.run_directory(var) / "redis.json")
        assert found is not None
        assert found["socket"] == str(var / "run" / "redis.sock")
        assert ProcessIdentity.read(found).is_running  # proven: start, command line and all
        assert client.info()["process_id"] == process.pid  # the program itself, nobody between
        for name, value in {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory": str(64 << 20),
            "maxmemory-policy": "noeviction",
            "bind": "127.0.0.1",
            "protected-mode": "yes",
            "port": str(found["port"]),
            "unixsocketperm": "700",
            "save": "",
            "dir": str(var / "redis"),
        }.items():
            assert client.config_get(name)[name] == value, name
    with redis.Redis(port=found["port"]) as by_port:
        assert by_port.ping()
    assert (var / "redis").stat().st_mode & 0o077 == 0


def test_written_entries_survive_a_killed_server(var: Path, start: StartServer) -> None:
    process = start()
    payload = os.urandom(1000)
    with client_of(var, process) as client:
        for stop in range(1, 501):
            client.xadd("crepe:data", {"m": payload}, id=f"{stop}-0")
        until_written(client)
    process.kill()
    process.wait()
    with client_of(var, start()) as client:
        entries = client.xrange("crepe:data")
    assert [entry[0] for entry in entries] == [f"{n}-0".encode() for n in range(1, 501)]
    assert all(entry[1] == {b"m": payload} for entry in entries)


def test_half_a_command_at_the_end_of_the_file_is_left_out(var: Path, start: StartServer) -> None:
    process = start()
    with client_of(var, process) as client:
        client.set("whole", "1")
        client.set("half", "x" * 100)
        until_written(client)
    process.kill()
    process.wait()
    (file,) = (var / "redis").rglob("*.incr.aof")
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size - 50)
    with client_of(var, start()) as client:
        assert client.keys() == [b"whole"]


def test_without_append_only_a_killed_server_forgets(var: Path, start: StartServer) -> None:
    process = start("memory")
    with client_of(var, process) as client:
        client.set("a", 1)
    process.kill()
    process.wait()
    with client_of(var, start("memory")) as client:
        assert client.dbsize() == 0


def test_forget_leaves_nothing_for_the_next_session(var: Path, start: StartServer) -> None:
    process = start()
    with client_of(var, process) as client:
        client.set("a", 1)
    process.kill()
    process.wait()
    forget_server(var)
    with client_of(var, start()) as client:
        assert client.dbsize() == 0


def test_a_taken_usual_port_means_the_next_one_and_the_line_that_finds_it(
    var: Path, start: StartServer
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:  # others come and go at 6379
        usual_port = stranger.getsockname()[1]
        process = start(usual_port=usual_port)
        with client_of(var, process) as client:
            port = int(client.config_get("port")["port"])
            assert port > usual_port
        process.terminate()
        said, _ = process.communicate()
        assert f"redis-cli -p {port}\n" in said


def test_a_taken_port_that_was_asked_for_is_an_error(var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(StoreError, match=f"port {port}: taken"):
            run_server(True, 64, port, var, "crepe")


def test_a_second_server_in_the_same_place_is_refused(var: Path, start: StartServer) -> None:
    first = start()
    with client_of(var, first) as client:
        with pytest.raises(StoreError, match=f"already \\(pid {first.pid}\\)"):
            run_server(True, 64, None, var, "crepe")
        assert client.ping()


def test_stop_ends_a_server_that_was_left_behind(var: Path, start: StartServer) -> None:
    process = start()
    with client_of(var, process):
        pass
    stop_server(var)
    assert process.wait() == 0
    assert running_server(var) is None


def test_stop_kills_a_server_that_is_frozen(var: Path, start: StartServer) -> None:
    process = start()
    with client_of(var, process):
        pass
    process.send_signal(signal.SIGSTOP)
    stop_server(var)
    assert process.wait() == -signal.SIGKILL


def test_stop_leaves_a_stranger_alone_that_has_the_pid_of_a_server(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = paths.run_directory(var) / "redis.sock"
    content = {"socket": str(path), "url": f"unix://{quote(str(path))}"}
    monkeypatch.setattr("crepe.redis_server.server._END_S", 0.0)
    with socket.socket(socket.AF_UNIX) as frozen, subprocess.Popen(["sleep", "1000"]) as stranger:
        frozen.bind(str(path))
        frozen.listen()
        server = ProcessIdentity.own()._replace(pid=stranger.pid)._asdict()
        paths.write_json(path.with_name("redis.json"), {**content, **server})
        with pytest.raises(StoreError, match=f"pid {stranger.pid}.* did not end"):
            stop_server(var)
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("parent", [{"start": "1"}, {"namespace": "pid:[1]"}, {}])
def test_a_server_is_replaced_only_if_what_started_it_is_proven_to_have_ended(
    var: Path, start: StartServer, parent: dict[str, str]
) -> None:
    first = start()
    with client_of(var, first):
        pass
    path = paths.run_directory(var) / "redis.json"
    content = paths.read_json(path)
    assert content is not None
    paths.write_json(path, {**content, "parent": {**content["parent"], **parent}})
    second = start()
    if "start" in parent:
        with client_of(var, second):
            assert first.wait() == 0
    else:
        assert f"already (pid {first.pid})" in second.communicate()[0]
        assert first.poll() is None


def test_a_server_whose_supervisord_died_meanwhile_does_not_start(
    var: Path, start: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SUPERVISOR, "999999999:1")
    process = start()
    assert process.wait() == 1
    assert process.stdout is not None
    assert process.stdout.read() == "supervisord is gone\n"
    assert running_server(var) is None
    watch("unix:///nobody")  # nor is one of others watched


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal is Linux's")
def test_the_server_ends_when_its_parent_is_killed(var: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, sys.executable, "-c", RUN, str(var), "aof", "null", "0"],
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(var.parent)},
    )
    while (found := running_server(var) if var.is_dir() else None) is None:
        assert parent.poll() is None
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    server = ProcessIdentity.read(found)
    while not server.is_gone:  # the test's time limit is the bound
        time.sleep(0.01)


def test_loss_and_return_of_somebody_elses_server_are_logged_once_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Client:
        answers = True

        def ping(self) -> bool:
            if not self.answers:
                raise redis.ConnectionError("refused")
            return True

    client, answered = Client(), None
    with caplog.at_level(logging.INFO, "redis"):
        for answers in (True, True, False, False, False, True, True):
            client.answers = answers
            answered = report_change(client, "redis://lab", answered)  # type: ignore[arg-type]
    assert [record.message for record in caplog.records] == [
        "redis://lab: answers",
        "redis://lab: does not answer (refused); waiting for it",
        "redis://lab: answers again",
    ]
