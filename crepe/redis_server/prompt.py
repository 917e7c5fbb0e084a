"""`crepe redis-cli`: one command, or a prompt, on the running server, with no redis-cli installed.

Replies look like those of redis-cli. redis-py does not distinguish status replies ("OK") from
strings, so the commands whose reply redis-cli prints without quotes are listed here.
"""

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import redis

from crepe.errors import ConfigError, ExitCode, StoreError
from crepe.redis_server.address import check_address, nodes_of, without_arguments, without_password
from crepe.redis_server.cluster import url_of_culture
from crepe.redis_server.find_url import CULTURE
from crepe.redis_server.login import ConnectionLostError
from crepe.redis_server.users import owners_account

_LOOK_S = 2.0
_STATUS = {b"OK", b"PONG", b"QUEUED"}
_BARE = {"INFO", "TYPE", "LOLWUT", "CLIENT", "BGREWRITEAOF"}
_ENDLESS = {"MONITOR", "SUBSCRIBE", "PSUBSCRIBE"}
_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 92: "\\\\"}


def cli(
    arguments: Sequence[str], url: str, culture: str = CULTURE, *, as_json: bool = False
) -> int:
    """Send one command, or those typed at a prompt; return the exit status.

    On a cluster they go to the node that has the culture.

    With `as_json` the reply of one command is printed as JSON: bytes that are no UTF-8 text are
    written as `\\xNN`. Raises StoreError if the server cannot be reached, ConfigError for
    `as_json` where replies have no end.
    """
    if as_json and (not arguments or arguments[0].upper() in _ENDLESS):
        raise ConfigError("--json: needs one command, whose reply has an end")
    check_address(url)
    node = nodes_of(url)[0]
    with suppress(ConnectionLostError, OSError):  # redis-py says so, too
        node = url_of_culture(url, culture, _LOOK_S)
    # No timeout: MONITOR and blocking commands wait for their replies.
    settings = {"protocol": 2, "socket_timeout": None, **owners_account(node)}
    pool = redis.ConnectionPool.from_url(node, **settings)
    connection: Any = pool.make_connection()
    try:
        connection.connect()
        if not arguments:
            return _prompt(connection)
        return _send(connection, arguments, as_json=as_json)
    except redis.ConnectionError as error:
        reason = without_arguments(str(error))
        raise StoreError(f"{without_password(url)}: {reason}; is CREPE running?") from None
    finally:
        connection.disconnect()


def text_of(reply: Any, is_bare: bool = False) -> str:
    """Return a reply as redis-cli prints it to a terminal."""
    return "\n".join(_lines(reply, is_bare))


def _send(connection: Any, arguments: Sequence[str], *, as_json: bool = False) -> int:
    name = arguments[0].upper()
    connection.send_command(*arguments)
    while True:
        try:
            reply = connection.read_response(disable_decoding=True)
        except redis.ResponseError as error:
            print(f"(error) {error}", file=sys.stderr if as_json else sys.stdout)
            return ExitCode.FAILED
        if as_json:
            print(json.dumps(_plain(reply), indent=2))
            return ExitCode.DONE
        print(text_of(reply, is_bare=name in _BARE), flush=True)
        if name not in _ENDLESS:
            return ExitCode.DONE


def _plain(reply: Any) -> Any:
    """Return a reply as JSON can hold it."""
    if isinstance(reply, bytes):
        return reply.decode(errors="backslashreplace")
    if isinstance(reply, list | tuple):
        return [_plain(item) for item in reply]
    return reply if reply is None or isinstance(reply, int | float) else str(reply)


def _prompt(connection: Any) -> int:
    while True:
        try:
            line = input("crepe> " if sys.stdin.isatty() else "")
            arguments = shlex.split(line)
        except EOFError:
            return 0
        except ValueError as error:
            print(f"(error) {error}")
            continue
        if arguments and arguments[0].lower() in ("exit", "quit"):
            return 0
        if arguments:
            _send(connection, arguments)


def _lines(reply: Any, is_bare: bool) -> Iterator[str]:
    if isinstance(reply, list | tuple):
        if not reply:
            yield "(empty array)"
        width = len(str(len(reply)))
        for number, item in enumerate(reply, 1):
            mark = f"{number:>{width}}) "
            for line in _lines(item, is_bare):
                yield mark + line
                mark = " " * len(mark)
    elif reply is None:
        yield "(nil)"
    elif isinstance(reply, int):
        yield f"(integer) {reply}"
    elif isinstance(reply, Exception):
        yield f"(error) {reply}"
    else:
        content = reply if isinstance(reply, bytes) else str(reply).encode()
        if is_bare or content in _STATUS:
            yield content.decode(errors="replace").rstrip("\r\n")
        else:
            yield f'"{"".join(map(_escaped, content))}"'


def _escaped(byte: int) -> str:
    return _ESCAPES.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}")
