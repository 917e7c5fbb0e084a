"""The sign of life of a further machine: a hash whose time to live is renewed once a second.

The age of a sign is what the server has counted down since, so that no two clocks are compared.
"""

# Decision 38: why a time to live is watched.

import os
import secrets
import socket
import sys
from time import sleep
from typing import NamedTuple, Self

from crepe.errors import LeaseError
from crepe.store.redis_fields import pairs
from crepe.store.redis_store import RedisStore

SILENT_S = 3.0
"""A machine whose last sign is older is shown as one that gives none."""

_OVER_S = 10.0  # without a renewal another process may be the machine
_KEPT_MS = 24 * 3600 * 1000
_LOOK_S = 0.2

_SIGN = """
-- ARGV: ms to live, token, field, value, ...  A full server does PEXPIRE, but no HSET.
local token = redis.call('HGET', KEYS[1], 'token')
if token and token ~= ARGV[2] then
  return redis.call('HGETALL', KEYS[1])
end
if not token then
  redis.call('HSET', KEYS[1], unpack(ARGV, 3))
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {}
"""
_LOOK = "return {redis.call('PTTL', KEYS[1]), redis.call('HGETALL', KEYS[1])}"
_LEAVE = """
if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
"""


class Presence(NamedTuple):
    """A supervisord that runs the programs of a further machine."""

    machine: str
    token: str
    host: str
    var: str
    pid: int

    @classmethod
    def new(cls, machine: str, var: str) -> Self:
        """Return the presence of this process."""
        return cls(machine, secrets.token_hex(8), socket.gethostname(), var, os.getpid())

    def __str__(self) -> str:
        return f"machine {self.machine} on host {self.host} (supervisord has pid {self.pid})"

    def sign(self, store: RedisStore) -> "Presence | None":
        """Give a sign of life; return the process that is the machine instead, if there is one."""
        fields = (text for pair in self._asdict().items() for text in map(str, pair))
        other = store.run_script(_SIGN, _key(self.machine), _KEPT_MS, self.token, *fields)
        return _presence(other) if other else None

    def leave(self, store: RedisStore) -> None:
        """Remove the sign, unless it is of another process."""
        store.run_script(_LEAVE, _key(self.machine), self.token)


class Look(NamedTuple):
    """The last sign of a machine."""

    presence: Presence
    age_s: float  # by the server's clock


def look(store: RedisStore, machine: str) -> Look | None:
    """Return the last sign of a machine; None if it has not joined, or has left."""
    left_ms, fields = store.run_script(_LOOK, _key(machine))
    return Look(_presence(fields), max(0.0, (_KEPT_MS - left_ms) / 1000)) if fields else None


def wait_until_free(store: RedisStore, machine: str, var: str) -> None:
    """Wait until no living process is a machine; remove the sign of one that is gone.

    `var` is this directory: its programs do not run, so that its own sign is an old one. Raises
    LeaseError as soon as another process gives a sign.
    """
    last = look(store, machine)
    # Looks are counted, not seconds: a frozen server does not mean that the machine is silent.
    for n in range(round(_OVER_S / _LOOK_S)):
        if last is None or (last.presence.host, last.presence.var) == (socket.gethostname(), var):
            break
        if n == round(2 / _LOOK_S):
            text = f"gave its last sign {last.age_s:.0f} s ago; waiting until it is over"
            print(f"{last.presence}: {text}", file=sys.stderr, flush=True)
        sleep(_LOOK_S)
        before, last = last, look(store, machine)
        if last is not None and last.age_s < before.age_s + _LOOK_S / 2:
            raise LeaseError(
                f"{last.presence} runs already; stop it with `crepe down` there, or give this "
                "machine a table [machines.NAME] of its own"
            )
    if last is not None:
        last.presence.leave(store)


def _key(machine: str) -> str:
    return f"machine:{machine}"


def _presence(fields: list[bytes]) -> Presence:
    values = {name.decode(): value.decode() for name, value in pairs(fields).items()}
    return Presence(
        values["machine"], values["token"], values["host"], values["var"], int(values["pid"])
    )
