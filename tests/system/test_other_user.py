"""Another user of the machine: reads the culture's streams over TCP, and can do nothing else."""

import codecs
import http.client
import json
import os
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crepe.dashboard.openapi import DOCUMENT as PAGE_API
from crepe.environment import paths
from crepe.redis_server.find_url import find_url
from crepe.redis_server.login import login_to
from crepe.safety import arming
from crepe.safety.protocol.datagrams import Order, pack
from crepe.safety.protocol.orders import STIMULATOR_SOCKET, WATCHDOG_SOCKET
from crepe.sensor.openapi import DOCUMENT as SENSOR_API
from crepe.store import Store
from tests.redis_server.test_users import ALLOWED, REFUSED

NOBODY = 65_534
MARK = "by-a-stranger"
PAGE_BODY = json.dumps(
    {"name": "note", "value": MARK, "minutes": 60, "client": MARK, "gesture": "rock"}
).encode()
FRAME = json.dumps([[18.0] * 4 + [30.0] * 4] * 8).encode()

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user for a test"
)


def reply(connected: socket.socket, *command: str) -> str:
    """The first line of the reply to a command."""
    parts = [f"${len(part.encode())}\r\n{part}\r\n" for part in command]
    connected.sendall(f"*{len(parts)}\r\n{''.join(parts)}".encode())
    return connected.recv(1 << 20).decode(errors="replace").splitlines()[0]


def status(url: str, verb: str, path: str, body: bytes = b"", **headers: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    with closing(connection):
        connection.request(verb, path, body, headers)
        return connection.getresponse().status


def refusal(act: Callable[[], object]) -> str:
    """The name of the error that the kernel raises for an act; empty if it lets it happen."""
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return ""


def send_to(path: Path, kind: socket.SocketKind, data: bytes) -> None:
    with socket.socket(socket.AF_UNIX, kind) as connected:
        connected.connect(str(path))
        connected.send(data)


def by_redis(port: int) -> Iterator[tuple[str, str]]:
    for command in (*ALLOWED, *REFUSED):
        with socket.create_connection(("127.0.0.1", port), 30) as connected:
            first = reply(connected, *command)
            yield f"redis {command}", first.partition(" ")[0] if first.startswith("-") else ""


def by_http(page: str, sensor: str) -> Iterator[tuple[str, str]]:
    forged = {"Origin": page, "X-CREPE": "1", "Content-Type": "application/json"}
    for path, verbs in {**PAGE_API["paths"], "/": {"get": {}}, "/live": {"get": {}}}.items():
        for verb in map(str.upper, verbs):
            yield f"page {verb} {path}", str(status(page, verb, path, PAGE_BODY, **forged))
    yield "page, a made-up token", str(status(page, "GET", "/?token=operator"))
    cookie = f"crepe_dashboard_{urlsplit(page).port}=operator.{'0' * 64}"
    yield "page, a made-up cookie", str(status(page, "GET", "/", Cookie=cookie))
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    key = {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    yield "page, a websocket", str(status(page, "GET", "/live", Origin=page, **upgrade, **key))
    for path, verbs in SENSOR_API["paths"].items():
        for verb in map(str.upper, verbs):
            yield f"sensor {verb} {path}", str(status(sensor, verb, path, FRAME))


def by_files(files: list[Path], sockets: list[Path], pids: list[int]) -> Iterator[tuple[str, str]]:
    order = pack(Order(releases=True))
    for path in files:
        yield f"read {path}", refusal(path.read_bytes)
        yield f"write {path}", refusal(lambda path=path: path.write_bytes(b""))
        yield f"remove {path}", refusal(path.unlink)
    for path in sockets:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            yield f"{kind} {path}", refusal(lambda path=path, kind=kind: send_to(path, kind, order))
    for pid in pids:
        yield f"signal {pid}", refusal(lambda pid=pid: os.kill(pid, 15))


def as_nobody(attempts: Callable[[], Iterator[tuple[str, str]]]) -> dict[str, str]:
    """The results of attempts by a process that has given up every right of this user."""
    codecs.lookup("idna")  # which a connection would load
    reading, writing = os.pipe()
    child = os.fork()  # after the imports, which another user may not be allowed
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            content = json.dumps(dict(attempts()))
        except Exception:  # noqa: BLE001 - whatever it is, this process must end here
            content = json.dumps({"the attempts ended": traceback.format_exc()})
        with os.fdopen(writing, "w") as file:
            file.write(content)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        content = file.read()
    os.waitpid(child, 0)
    results = json.loads(content)
    assert "the attempts ended" not in results, results["the attempts ended"]
    return results


@contextmanager
def open_to_all(var: Path) -> Iterator[None]:
    """Let other users come as far as `var`, so that only its own modes keep them out."""
    modes = {parent: parent.stat().st_mode for parent in var.parents}
    for parent, mode in modes.items():
        if not mode & 0o001:
            parent.chmod(mode | 0o001)
    try:
        yield
    finally:
        for parent, mode in modes.items():
            if not mode & 0o001:
                parent.chmod(mode)


def owners_view(store: Store) -> str:
    login = login_to(find_url())
    try:
        with login.open(30) as connected:
            kept = [reply(connected, "EXISTS", "crepe:data"), reply(connected, "EXISTS", "other")]
    finally:
        login.close()
    commands = [store[name].messages(0, len(store[name])) for name in ("result:control",)]
    return f"{kept} {commands}"


def test_another_user_reads_the_streams_and_can_do_nothing_else(shared_stack):
    run = paths.run_directory(shared_stack.var)
    page, sensor = shared_stack.server("dashboard")["url"], shared_stack.server("sensor")["url"]
    port = paths.read_json(run / "redis.json")["port"]
    files = [path for path in shared_stack.var.rglob("*") if path.is_file() or path.is_socket()]
    for name in (STIMULATOR_SOCKET, WATCHDOG_SOCKET, "redis.sock", "redis-password", "redis.json"):
        assert run / name in files
    assert run / "dashboard-token" in files
    sockets = [path for path in files if path.is_socket()]
    assert len(sockets) >= 3
    pids = [row["pid"] for row in shared_stack.rows().values()]
    armed = arming.armed_s(run)
    with Store(patience_s=30) as store:
        shared_stack.wait(lambda: "result:control" in store and "data" in store)
        with open_to_all(shared_stack.var):
            results = as_nobody(lambda: by_redis(port))
            assert {r for n, r in results.items() if n in {f"redis {c}" for c in ALLOWED}} == {""}
            refused = {n: r for n, r in results.items() if n in {f"redis {c}" for c in REFUSED}}
            assert len(refused) == len(REFUSED)
            assert {n: r for n, r in refused.items() if r not in ("-NOPERM", "-WRONGPASS")} == {}
            results = as_nobody(lambda: by_http(page, sensor))
            assert len(results) > 20
            assert {n: r for n, r in results.items() if r not in ("401", "403")} == {}
            results = as_nobody(lambda: by_files(files, sockets, pids))
            assert len(results) == 3 * len(files) + 2 * len(sockets) + len(pids)
            assert {n: r for n, r in results.items() if r != "PermissionError"} == {}
        assert MARK not in owners_view(store)
        assert owners_view(store).startswith("[':1', ':0']")
    assert arming.armed_s(run) <= armed
    assert not (run / arming.STOPPED_FILE).exists()
