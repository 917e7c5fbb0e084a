"""The original's settings: `RPCPORTS`, `STREAM_DIMENSION` and `RPYC_CONFIG`."""

from typing import Any

from crepe.legacy import settings

RPYC_CONFIG = settings.RPYC_CONFIG


def __getattr__(name: str) -> Any:
    """Read a setting that follows from the experiment, at its use."""
    if name == "STREAM_DIMENSION":
        return settings.n_channels()
    if name == "RPCPORTS":
        return settings.ports()
    raise AttributeError(f"module 'crepe.settings' has no attribute {name!r}")
