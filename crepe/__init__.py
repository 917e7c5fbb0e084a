"""CREPE: closed-loop experiments with neuron cultures on multi-electrode arrays."""

from importlib.metadata import version
from typing import Any

__version__ = version("crepe")


def __getattr__(name: str) -> Any:
    """`from crepe import CREPE`, without loading supervisord for those who only read streams."""
    if name == "CREPE":
        from crepe.stream_service import CREPE

        return CREPE
    raise AttributeError(f"module 'crepe' has no attribute {name!r}")
