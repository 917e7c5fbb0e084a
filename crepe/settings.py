"""The original's settings, made of the default experiment: RPCPORTS, STREAM_DIMENSION."""

from typing import Any

from crepe import config
from crepe.electrodes import MCS_60_LABELS

STREAM_DIMENSION = len(MCS_60_LABELS)
"""Channels of a stream: the electrodes of the default experiment's array."""

_FIRST_PORT = 18861

RPYC_CONFIG: dict[str, Any] = {
    "allow_pickle": False,
    "allow_public_attrs": False,
    "allow_all_attrs": False,
    "exposed_prefix": "exposed_",
}
"""For an RPC door: nothing but the calls that the original exposed."""


def services() -> dict[str, str]:
    """The stream behind each service's name."""
    written = [s for actor in config.load().actors.values() for s in actor.writes.values()]
    names = {"STREAM": "data", "RESULT": "result", "TESTING": "testing"}
    others = {stream.upper(): stream for stream in written if stream not in names.values()}
    return names | others


def __getattr__(name: str) -> Any:
    if name == "RPCPORTS":
        return {service: _FIRST_PORT + i for i, service in enumerate(services())}
    raise AttributeError(f"module 'crepe.settings' has no attribute {name!r}")
