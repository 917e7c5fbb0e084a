"""The lease of a culture: on a server, one session at a time has the culture's streams.

The hash `crepe:lease` names the session that has the culture. supervisord takes the lease before it
touches any stream, every actor's program renews it with each heartbeat, and supervisord releases it
at the end. Renewing sets the hash's time to live, which works on a full server, too.

A start that finds the lease of another session watches the time to live. If it is renewed, that
session lives, and the start is refused. If it is not renewed for 10 s, that session is over. So no
clocks are compared, and a server that was frozen, restarted or asleep still has the lease when the
programs of the session are back.
"""

# Decision 38: why no expiry.

import getpass
import socket
import sys
from time import sleep
from typing import NamedTuple, Self

from crepe.environment.session import Session
from crepe.errors import LeaseError
from crepe.redis_server.address import without_password
from crepe.store.redis_fields import pairs
from crepe.store.redis_store import RedisStore

SILENT_S = 10.0
"""A session whose programs have not renewed its lease for so long is over."""

_NAME = "lease"
_STARTING_S = 60.0  # the same for a session none of whose programs has renewed its lease yet
_KEPT_MS = 24 * 3600 * 1000  # longer than any outage of a server
_LOOK_S = 0.2  # programs renew once a second
_PATIENT_LOOKS = 10  # before the wait is announced

_TAKE = """
-- ARGV: session that may be replaced, ms to live, then the holder: 'session', ID, field, value, ...
local session = redis.call('HGET', KEYS[1], 'session')
if session and session ~= ARGV[1] and session ~= ARGV[4] then
  return redis.call('HGETALL', KEYS[1])
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'is_starting', '1', unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {}
"""
_RENEW = """
-- ARGV: ms to live, then the holder as in TAKE.  A full server does HDEL and PEXPIRE, but no HSET.
local session = redis.call('HGET', KEYS[1], 'session')
if session and session ~= ARGV[3] then
  return redis.call('HGETALL', KEYS[1])
end
if not session then
  redis.call('HSET', KEYS[1], unpack(ARGV, 2))
end
redis.call('HDEL', KEYS[1], 'is_starting')
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {}
"""
_LOOK = "return {redis.call('PTTL', KEYS[1]), redis.call('HGETALL', KEYS[1])}"
_DROP = """
-- ARGV: session, and the ms to live above which its lease has been renewed and stays
local session = redis.call('HGET', KEYS[1], 'session')
if session == ARGV[1] and redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[2]) then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class Holder(NamedTuple):
    """The session that has a culture, and where it runs."""

    session: str
    host: str
    user: str
    pid: int  # of its supervisord
    since: str  # ISO 8601, UTC, by the clock of its host: for people

    @classmethod
    def of(cls, session: Session, pid: int) -> Self:
        """Return the holder for a session of this machine, whose supervisord has `pid`."""
        return cls(session.id, socket.gethostname(), _user(), pid, session.started_at)

    def __str__(self) -> str:
        return (
            f"session {self.session} of {self.user} on host {self.host} "
            f"(supervisord has pid {self.pid}, since {self.since})"
        )


class Lease:
    """A session's claim on the culture of a store."""

    def __init__(self, store: RedisStore, holder: Holder) -> None:
        self._store = store
        self._holder = holder
        self._fields = tuple(
            text for name, value in holder._asdict().items() for text in (name, str(value))
        )

    def take(self, *, last: str = "", take_over: bool = False) -> None:
        """Become the holder before any stream is touched.

        Parameters
        ----------
        last
            The previous session of the directory, of which no program runs any more.
        take_over
            Replace a living session, too.

        Raises LeaseError if another session lives.
        """
        replaced = _session(self._store) if take_over else wait_until_free(self._store, last)
        # Another start may have taken the lease since; the script checks it again.
        fields = self._store.run_script(_TAKE, _NAME, replaced, _KEPT_MS, *self._fields)
        if fields:
            raise _refusal(self._store, _holder(fields))

    def renew(self) -> None:
        """Renew the lease; set it again on a server that has lost it.

        Raises LeaseError if another session has the culture.
        """
        fields = self._store.run_script(_RENEW, _NAME, _KEPT_MS, *self._fields)
        if fields:
            raise LeaseError(f"{_place(self._store)}: {_holder(fields)} has taken it over")

    def release(self) -> None:
        """End the lease, unless another session has it."""
        # No time to live reaches twice _KEPT_MS: this session's lease goes, renewed or not.
        self._store.run_script(_DROP, _NAME, self._holder.session, 2 * _KEPT_MS)


def wait_until_free(store: RedisStore, last: str) -> str:
    """Wait until no living session has the culture; return the session to replace, or "".

    `last` is the previous session of this directory: none of its programs runs any more, so its
    lease may be replaced at once. Raises LeaseError as soon as another session renews its lease.
    """
    ttl_ms, fields = store.run_script(_LOOK, _NAME)
    if not fields:
        return ""
    holder = _holder(fields)
    # Hosts may share a directory: its last session may still run on another one.
    if (holder.session, holder.host) == (last, socket.gethostname()):
        return last
    silent_s = _STARTING_S if b"is_starting" in fields[::2] else SILENT_S
    # looks are counted, not seconds: a frozen server does not mean that the programs are silent
    for n in range(round(silent_s / _LOOK_S)):
        if n == _PATIENT_LOOKS:
            text = f"has been silent for {n * _LOOK_S:.0f} s and is over after {silent_s:.0f} s"
            print(f"{_place(store)}: {holder} {text}; waiting", file=sys.stderr, flush=True)
        sleep(_LOOK_S)
        ttl_before_ms, fields_before = ttl_ms, fields
        ttl_ms, fields = store.run_script(_LOOK, _NAME)
        if not fields:
            return ""
        if fields != fields_before or ttl_ms > ttl_before_ms:
            raise _refusal(store, _holder(fields))
    if not store.run_script(_DROP, _NAME, holder.session, ttl_ms):
        raise _refusal(store, holder)
    return ""


def _session(store: RedisStore) -> str:
    _, fields = store.run_script(_LOOK, _NAME)
    return _holder(fields).session if fields else ""


def _holder(fields: list[bytes]) -> Holder:
    values = {name.decode(): value.decode() for name, value in pairs(fields).items()}
    pid = int(values["pid"])
    return Holder(values["session"], values["host"], values["user"], pid, values["since"])


def _place(store: RedisStore) -> str:
    return f"culture {store.culture!r} at {without_password(store.url)}"


def _refusal(store: RedisStore, holder: Holder) -> LeaseError:
    return LeaseError(
        f"{_place(store)}: {holder} has it; stop that session with `crepe down` where it runs, "
        "give this experiment another `name`, or end the other session with --take-over "
        "(`crepe up`, `crepe play`; take_over=True in Python)"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user often has no name
        return "an unknown user"
