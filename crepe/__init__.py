"""CREPE: closed-loop experiments with neuron cultures on multi-electrode arrays."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crepe.store import DataModus, Store
    from crepe.stream_service import (
        CREPE,
        StreamRowIterator,
        StreamSegmentIterator,
        StreamService,
    )

__version__ = "0.2.0"

__all__ = [
    "CREPE",
    "DataModus",
    "Store",
    "StreamRowIterator",
    "StreamSegmentIterator",
    "StreamService",
]

_MODULES = {
    "CREPE": "crepe.stream_service",
    "DataModus": "crepe.store",
    "Store": "crepe.store",
    "StreamRowIterator": "crepe.stream_service",
    "StreamSegmentIterator": "crepe.stream_service",
    "StreamService": "crepe.stream_service",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, which takes time."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'crepe' has no attribute {name!r}")
