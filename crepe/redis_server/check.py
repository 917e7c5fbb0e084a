"""Whether a Redis server that others run can do all that CREPE needs; tried before a start."""

# Decision 60: why commands are tried, and which policy of eviction is refused.

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from uuid import uuid4

import hiredis

from crepe.environment.finding import Finding
from crepe.errors import StoreError, StoreUnavailableError
from crepe.redis_server.address import without_password
from crepe.redis_server.cluster import CultureLogin, ask, first_part, slot_of
from crepe.redis_server.login import ConnectionLostError
from crepe.redis_server.refusals import advice_on, code_of, reason_of, with_advice

_REPLY_S = 2.0
_POLL_S = 0.1
_KEPT_S = 60
_MANY = 8
_TESTED = (7, 0)
_SET_POLICY = (
    "keys of the experiment; an administrator prevents that with "
    "CONFIG SET maxmemory-policy noeviction, or CREPE gets a server of its own"
)
_SCRIPT = """
redis.call('HSET', KEYS[2], 'a', '1')
redis.call('HGET', KEYS[2], 'a')
redis.call('HGETALL', KEYS[2])
redis.call('HDEL', KEYS[2], 'a')
redis.call('PEXPIRE', KEYS[2], 1000)
redis.call('PTTL', KEYS[2])
redis.call('UNLINK', KEYS[1])
return redis.call('DEL', KEYS[2])
"""
"""The commands of CREPE's scripts, on two keys as they have them."""

COMMANDS = tuple(
    """
    ping select client|setname hset hget hmget hgetall hvals hdel expire pexpire pttl del unlink
    xadd xrange xrevrange xread xtrim eval watch unwatch multi exec
    """.split()
)
"""Commands that CREPE needs; `select` only if the URL names a database."""

OPTIONAL = {
    "cluster|slots": "the node of a cluster that has the culture",
    "asking": "keys that are on their way to another node of a cluster",
    "client|list": "whether the writer of a stream is connected, so that two cannot take turns",
    "config|get": "the memory ceiling, of which streams may use half; without it, 512 MB",
    "info": "eviction, replica and version, which `crepe check --redis` looks at",
}
"""Commands that CREPE can do without, and what each is for."""


def acl_line(culture: str, user: str = "crepe") -> str:
    """Return the command by which an administrator gives a user the rights that CREPE needs."""
    return f"ACL SETUSER {user} on >PASSWORD resetkeys {rights(culture)}"


def rights(culture: str) -> str:
    """Return the part of a user's ACL that lets CREPE's programs do all that they need."""
    commands = " ".join(f"+{command}" for command in (*COMMANDS, *OPTIONAL))
    keys = " ".join(f"~{first_part(culture, is_cluster=both)}:*" for both in (False, True))
    return f"{keys} resetchannels -@all {commands}"


def check_server(url: str, culture: str, patience_s: float = 5.0) -> list[Finding]:
    """Try all that CREPE needs of a server, on keys of the culture that are removed again.

    Raises StoreUnavailableError if no server answers within `patience_s`, and StoreError if it does
    not let CREPE in.
    """
    with _connected(url, culture, patience_s) as trial:
        info = _info(trial.call("INFO"))
        if kind := _wrong_kind(info, is_cluster=trial.login.shard is not None):
            return [Finding(False, kind)]  # all else follows from it
        findings = [*_refused(_refusals(trial, culture), culture), *_looked_at(trial, info)]
        if not findings:
            findings = [Finding(True, "has all that CREPE needs")]
        return [*_of_cluster(trial.login, culture), *findings]


def must_fit(url: str, culture: str, patience_s: float = 5.0) -> list[str]:
    """Return what an administrator should know of a server that can be used.

    Raises StoreError with all that is wrong with one that cannot be, and as `check_server` does.
    """
    findings = check_server(url, culture, patience_s)
    place = without_password(url)
    if wrong := [finding.text for finding in findings if finding.is_well is False]:
        raise StoreError("\n".join(f"{place}: {text}" for text in wrong))
    return [f"{place}: {finding.text}" for finding in findings if finding.is_well is None]


class _Trial:
    """A connection on which an error reply is a value."""

    def __init__(self, login: CultureLogin) -> None:
        self.login = login
        self._socket = login.open(_REPLY_S)

    def call(self, *arguments: str | int) -> object:
        """Return the reply to a command. Raises OSError if none comes."""
        return ask(self._socket, *arguments)


@contextmanager
def _connected(url: str, culture: str, patience_s: float) -> Iterator[_Trial]:
    """Yield a connection to a server that is ready, on a cluster to the culture's node."""
    deadline_s = time.monotonic() + patience_s
    place = without_password(url)
    login = CultureLogin(url, culture)
    while True:
        try:
            with closing(login):
                trial = _Trial(login)
                reply = trial.call("PING")
                code = code_of(str(reply)) if isinstance(reply, StoreError) else ""
                reason = with_advice(str(reply))
                if code == "NOAUTH":
                    raise StoreError(f"{place}: {reason}")
                if code != "LOADING":
                    yield trial
                    return
        except (ConnectionLostError, OSError) as error:
            reason = f"no Redis server answers ({error})"
        except hiredis.HiredisError as error:
            raise StoreError(f"{place}: no Redis server ({error})") from error
        if time.monotonic() > deadline_s:
            raise StoreUnavailableError(f"{place}: {reason}")
        time.sleep(_POLL_S)


def _trials(first: str) -> Iterator[tuple[str | int, ...]]:
    """Yield every command that CREPE needs, with arguments that work in this order."""
    stream = f"{first}:check-{uuid4().hex[:12]}"
    info = f"{stream}:info"
    yield ("PING",)
    yield "CLIENT", "SETNAME", "crepe-check"
    yield "HSET", info, "a", "1", "b", "2"
    yield "EXPIRE", info, _KEPT_S  # they go, too, where UNLINK is refused
    yield "XADD", stream, "MINID", "~", "0-0", "1-0", "data", "x"
    yield "PEXPIRE", stream, 1000 * _KEPT_S
    for command in ("HGETALL", "HVALS", "PTTL"):
        yield command, info
    for command in ("HGET", "HMGET", "HDEL"):
        yield command, info, "a"
    yield "XRANGE", stream, "-", "+", "COUNT", 1
    yield "XREVRANGE", stream, "+", "-", "COUNT", 1
    yield "XREAD", "COUNT", 1, "BLOCK", 1, "STREAMS", stream, "0-0"
    yield "XTRIM", stream, "MINID", "~", "0-0", "LIMIT", 10
    yield "EVAL", _SCRIPT, 2, stream, info
    yield "DEL", info
    yield "UNLINK", stream, info
    yield "WATCH", stream
    yield ("UNWATCH",)
    # Last, since a MULTI without its EXEC would take all that follows.
    yield ("MULTI",)
    yield ("EXEC",)


def _refusals(trial: _Trial, culture: str) -> Mapping[str, str]:
    """Return the error reply to each command that the server refuses, by the command's name."""
    refusals: dict[str, str] = {}
    first = first_part(culture, is_cluster=bool(trial.login.is_cluster))
    for command in _trials(first):
        name = str(command[0])
        reply = trial.call(*command)
        # EXEC has no other error of its own, and follows from a refused MULTI.
        if isinstance(reply, StoreError) and not (name == "EXEC" and "MULTI" in refusals):
            refusals[name] = str(reply)
    return refusals


def _refused(refusals: Mapping[str, str], culture: str) -> Iterator[Finding]:
    """Yield one finding for each kind of refusal."""
    names: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for name, reply in refusals.items():
        advice = advice_on(reply) or reason_of(reply)
        names.setdefault(advice, []).append(name)
        texts.setdefault(advice, reply)
    for advice, refused in names.items():
        which = "all commands" if len(refused) > _MANY else ", ".join(refused)
        code = code_of(texts[advice])
        if code == "NOPERM":
            rights = f"an administrator gives the rights with: {acl_line(culture)}"
            text = f"NOPERM: the user may not use {which} on keys of {culture!r}; {rights}"
        else:
            text = f"{which}: {with_advice(texts[advice])}"
        # A server may be full of the streams of this culture, whose writers make room.
        yield Finding(None if code == "OOM" else False, text)


def _wrong_kind(info: Mapping[str, str], *, is_cluster: bool) -> str:
    """Return what is wrong with a server that cannot be written to; empty for another."""
    if info.get("cluster_enabled") == "1" and not is_cluster:
        return advice_on("MOVED")
    if info.get("role") == "slave":
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        return f"this server is a replica of {primary}: name that one in the URL"
    return ""


def _of_cluster(login: CultureLogin, culture: str) -> Iterator[Finding]:
    """Yield where a cluster has the culture."""
    if login.shard is None:
        return
    master, *replicas = map(str, login.shard.nodes)
    place = f"a cluster: slot {slot_of(culture)}, that of culture {culture!r}, is on {master}"
    if replicas:
        yield Finding(True, f"{place}, with replicas on {', '.join(replicas)}")
    else:
        yield Finding(None, f"{place} without a replica: if it ends, the experiment waits for it")


def _looked_at(trial: _Trial, info: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the server's own description shows."""
    settings = info or _settings(trial.call("CONFIG", "GET", "maxmemory*"))
    policy, maxmemory = settings.get("maxmemory_policy", ""), int(settings.get("maxmemory", 0))
    version = info.get("redis_version", "")
    if not policy:
        unknown = "whether the server evicts keys: it answers neither INFO nor CONFIG GET"
        yield Finding(None, f"{unknown}; see that its maxmemory-policy is noeviction")
    elif policy.startswith("allkeys") and maxmemory:
        yield Finding(False, f"maxmemory-policy is {policy}: the server removes {_SET_POLICY}")
    elif policy != "noeviction":
        yield Finding(
            None, f"maxmemory-policy is {policy}: near maxmemory it removes {_SET_POLICY}"
        )
    if version and tuple(map(int, version.split(".")[:2])) < _TESTED:
        yield Finding(None, f"is version {version}; CREPE is tested with 7.0 and newer")
    if isinstance(trial.call("CLIENT", "LIST"), StoreError):
        yield Finding(None, f"CLIENT LIST is refused: it shows {OPTIONAL['client|list']}")


def _info(reply: object) -> dict[str, str]:
    """Return the fields of a reply to INFO; empty if it is refused."""
    if not isinstance(reply, bytes):
        return {}
    lines = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
    return {name: value for name, separator, value in lines if separator}


def _settings(reply: object) -> dict[str, str]:
    """Return the settings of a reply to CONFIG GET, named as in INFO; empty if it is refused."""
    texts = [text.decode() for text in reply] if isinstance(reply, list) else []
    return {
        name.replace("-", "_"): value for name, value in zip(texts[::2], texts[1::2], strict=True)
    }
