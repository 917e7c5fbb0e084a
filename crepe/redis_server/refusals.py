"""What to do about an error reply of a Redis server, by its first word."""

from collections.abc import Mapping

from crepe.redis_server.address import without_arguments

_EXECABORT = "EXECABORT Transaction discarded because of: "

_ADVICE: Mapping[str, str] = {
    "NOAUTH": "the server requires a password: write it in the URL, redis://USER:PASSWORD@HOST",
    "WRONGPASS": "user or password is wrong: mend the URL; special characters in it are % codes",
    "NOPERM": "the user lacks a right: `crepe check --redis` prints the ACL line with all of them",
    "READONLY": "this server is a replica: name its primary in the URL",
    "MASTERDOWN": "this server is a replica without its primary: name the primary in the URL",
    "NOREPLICAS": "the server writes only with replicas (min-replicas-to-write): bring them back",
    "MISCONF": "the server cannot save to its disk and refuses to write: make room on that disk, "
    "or switch its snapshots off with CONFIG SET save ''",
    "OOM": "the server is at its maxmemory: raise it, or remove other data",
    "LOADING": "the server still loads its data: wait until it is ready",
    "BUSY": "another client's script occupies the server: end it with SCRIPT KILL",
    "MOVED": "this server belongs to a Redis Cluster: give the user the right +cluster|slots, by "
    "which CREPE finds the node that has the culture",
    "CROSSSLOT": "this server belongs to a Redis Cluster: give the user the right +cluster|slots, "
    "by which CREPE puts a culture into one slot",
    "CLUSTERDOWN": "the cluster has no node for this culture: bring one back, or wait until a "
    "replica has taken over",
    "ASK": "the culture moves to another node: end that with CLUSTER SETSLOT SLOT NODE ID",
    "TRYAGAIN": "the culture moves to another node: end that with CLUSTER SETSLOT SLOT NODE ID",
    "WRONGTYPE": "another program uses this key: give the experiment another `name`",
}


def reason_of(reply: str) -> str:
    """Return the text of an error reply from the word that names its reason."""
    return without_arguments(reply.removeprefix(_EXECABORT)).removesuffix(".")


def code_of(reply: str) -> str:
    """Return the word that names the reason of an error reply, such as NOPERM."""
    return reason_of(reply).partition(" ")[0]


def advice_on(reply: str) -> str:
    """Return what to do about an error reply; empty where that does not follow from it."""
    if "unknown command" in reply:
        return "the server has renamed or removed this command, or is older than 7.0"
    return _ADVICE.get(code_of(reply), "")


def with_advice(reply: str) -> str:
    """Return an error reply, and what to do about it."""
    advice = advice_on(reply)
    return f"{reason_of(reply)}; {advice}" if advice else reason_of(reply)
