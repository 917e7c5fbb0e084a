"""CREPE's own Redis server: start, watch, stop.

The server replaces the Python process that chose it (exec), so that supervisord watches, stops and
kills the server itself. It writes `redis.json` into the run directory for the clients.
"""

# Decision 2: persistence and eviction.

import ctypes
import logging
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from crepe.environment import paths
from crepe.environment.process import end_if_orphan, is_orphan
from crepe.environment.process_identity import ProcessIdentity, command_line
from crepe.errors import StoreError
from crepe.redis_server.address import nodes_of, without_arguments, without_password
from crepe.redis_server.choice import choose
from crepe.redis_server.users import owners_account, write_acl_file
from crepe.web.token import is_loopback

if TYPE_CHECKING:
    import redis  # slow to import: only a stop and the watch of another's server need it

USUAL_PORT = 6379
LOOPBACK = "127.0.0.1"
_PORTS_TRIED = 100
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_END_S = 10.0  # in which a server must end
_REWRITE_BYTES = 4 << 30  # of the append-only file: then a shorter one is written

log = logging.getLogger("redis")


def run_server(
    append_only: bool,
    maxmemory_mb: int,
    port: int | None,
    var: Path,
    culture: str,
    *,
    host: str = LOOPBACK,
    machines: Iterable[str] = (),
) -> None:
    """Become the server, in the foreground; watch it if others run it.

    Parameters
    ----------
    port
        By default 6379, or the next free one; 0 closes it.
    culture
        Its keys can be read over the port, if `host` is this machine only.
    host
        The address that the port listens on.
    machines
        Further machines of the session: each has a user, who may write.

    Raises
    ------
    StoreError
        The given port is taken, or a server runs in `var` already.
    """
    chosen = choose()
    run_directory = paths.run_directory(var)
    if chosen.binary is None:
        # Clients must not find in it an earlier server of this directory.
        (run_directory / "redis.json").unlink(missing_ok=True)
        watch(str(chosen.url))
        return
    other = running_server(var)
    if other and not ProcessIdentity.read(other["parent"]).is_gone:
        raise StoreError(
            f"{other['socket']}: a server runs already ({ProcessIdentity.read(other)}); "
            "stop it with `crepe down`"
        )
    stop_server(var)  # one that survived its supervisord
    bound = _free_port(port, host)
    unix_socket = run_directory / "redis.sock"
    unix_socket.unlink(missing_ok=True)
    directory = paths.private(var / "redis")
    acl_file = write_acl_file(run_directory, culture, machines, is_open=not is_loopback(host))
    settings = server_settings(append_only, maxmemory_mb, bound, unix_socket, directory, host=host)
    command = [chosen.binary.name, *settings, "--aclfile", str(acl_file)]
    _end_with_parent()
    own = ProcessIdentity.own()._replace(command=command_line(command))  # the command after exec
    parent = ProcessIdentity.of(os.getppid()) or ProcessIdentity(0)
    content = {
        "url": f"unix://{quote(str(unix_socket))}",
        "socket": str(unix_socket),
        "port": bound,
        "culture": culture,
        **own._asdict(),
        "parent": parent._asdict(),
        "server": str(chosen.binary),
    }
    # Before the exec, which keeps the pid: afterwards no Python runs.
    paths.write_json(run_directory / "redis.json", content)
    paths.announce(var)
    if bound not in (USUAL_PORT, 0):
        taken = f"port {USUAL_PORT} is taken by another program; " if port is None else ""
        print(f"{taken}inspect this server with: redis-cli -p {bound}")
    sys.stdout.flush()  # exec drops what is buffered
    os.execv(chosen.binary, command)


def server_settings(
    append_only: bool,
    maxmemory_mb: int,
    port: int,
    unix_socket: Path,
    directory: Path,
    *,
    host: str = LOOPBACK,
) -> list[str]:
    """Return the server's command-line arguments; comments give the reason of unusual ones."""
    settings = {
        "bind": host,
        "port": str(port),
        "protected-mode": "yes",
        "unixsocket": str(unix_socket),
        "unixsocketperm": "700",
        "dir": str(directory),
        "maxmemory": f"{maxmemory_mb}mb",
        "maxmemory-policy": "noeviction",  # samples are trimmed by their writer, never dropped
        "save": "",  # a snapshot forks, and each fork stalls the server
        "appendonly": "yes" if append_only else "no",
        "appendfsync": "everysec",
        "aof-load-truncated": "yes",  # a killed server leaves half a command at the end
        "aof-use-rdb-preamble": "no",  # plain commands load in any server from 7.0 on
        # A rewrite forks: 23 to 36 ms of standstill per GB held. At 4 GB it comes about once in
        # a quarter of an hour at 5 MB/s, and a file of that size loads in seven seconds.
        "auto-aof-rewrite-percentage": "100",
        "auto-aof-rewrite-min-size": str(_REWRITE_BYTES),
        "lazyfree-lazy-user-del": "yes",  # DEL of a full stream takes 78 ms, UNLINK 4 ms
        "lazyfree-lazy-expire": "yes",
        "lua-time-limit": "1000",  # CREPE's scripts take microseconds; a stuck one can be killed
        "set-proc-title": "no",  # the command line is what proves the process to be this server
        "daemonize": "no",
        "loglevel": "notice",
        "logfile": "",
    }
    return [argument for name, value in settings.items() for argument in (f"--{name}", value)]


def append_only_bytes(maxmemory_mb: int) -> float:
    """Return the most that the append-only file takes on the disk.

    It is rewritten at twice the size of its last rewrite, and the old and the new file exist side
    by side until the new one, which has what is in memory, is whole.
    """
    memory = maxmemory_mb * 2.0**20
    return max(_REWRITE_BYTES, 2 * memory) + memory


def watch(url: str) -> None:
    """Watch a server that others run: log when it is lost and when it is back.

    Return when supervisord is gone.
    """
    client = _client(nodes_of(url)[0])
    answers: bool | None = None
    while not is_orphan():
        answers = report_change(client, without_password(url), answers)
        time.sleep(1.0)


def report_change(client: "redis.Redis", name: str, answered: bool | None) -> bool:
    """Ping the server and log a change; `answered` is None before the first call."""
    import redis

    try:
        client.ping()
    except redis.RedisError as error:
        if answered is not False:
            reason = without_arguments(str(error))
            log.error("%s: does not answer (%s); waiting for it", name, reason)
        return False
    if answered is None:
        log.info("%s: answers", name)
    elif not answered:
        log.warning("%s: answers again", name)
    return True


def running_server(var: Path) -> dict[str, Any] | None:
    """Return the run file of our own server of `var`, if it still answers on its socket."""
    content = paths.read_json(paths.run_directory(var) / "redis.json")
    if content is None or not content.get("socket"):
        return None
    try:
        with socket.socket(socket.AF_UNIX) as trial:
            trial.connect(content["socket"])
    except OSError:
        return None
    return content


def stop_server(var: Path) -> None:
    """Stop the server of `var` if it still runs; its streams stay in the append-only file.

    Raises StoreError if it does not end.
    """
    server = running_server(var)
    if server is None:
        return
    import redis

    process = ProcessIdentity.read(server)
    try:
        _client(server["url"]).shutdown(nosave=True)
    except redis.RedisError:  # frozen, or busy in a script
        process.kill()
    deadline = time.monotonic() + _END_S
    while running_server(var) is not None or (process.is_visible and not process.is_gone):
        if time.monotonic() > deadline:
            raise StoreError(
                f"{server['socket']}: its server ({process}) did not end within {_END_S:g} s and "
                "cannot be killed from here; stop it by hand"
            )
        time.sleep(0.05)


def forget_server(var: Path) -> None:
    """Remove the append-only file of earlier sessions; no program may run in `var`."""
    stop_server(var)
    shutil.rmtree(var / "redis", ignore_errors=True)


def _free_port(port: int | None, host: str) -> int:
    if port is not None:
        if port and _is_taken(port, host):
            raise StoreError(
                f"port {port}: taken by another program; free it, choose another, or leave "
                "`port` out of the experiment's [redis] table"
            )
        return port
    for free in range(USUAL_PORT, USUAL_PORT + _PORTS_TRIED):
        if not _is_taken(free, host):
            return free
    raise StoreError(
        f"ports {USUAL_PORT} to {USUAL_PORT + _PORTS_TRIED - 1}: all taken, one must be free"
    )


def _is_taken(port: int, host: str) -> bool:
    with socket.socket() as trial:  # macOS lets one bind beside a listener on 0.0.0.0
        trial.settimeout(1.0)
        if trial.connect_ex((host, port)) == 0:
            return True
    with socket.socket() as trial:
        # Without it old connections in TIME_WAIT would make a free port look taken.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError:
            return True
    return False


def _end_with_parent() -> None:
    """Have the kernel stop this process when its parent dies; it stays so across exec.

    Linux only: elsewhere the next start, or `crepe down`, stops a server left behind.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    end_if_orphan()  # supervisord may have died before the call took effect


def _client(url: str) -> "redis.Redis":
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    retry = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(url, **owners_account(url), socket_timeout=5.0, retry=retry)
