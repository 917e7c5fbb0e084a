"""Streams of neuron data by sample index, in Redis, in memory or in a recording."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crepe.store.client import Store
    from crepe.store.modus import DataModus
    from crepe.store.stream import Stream

__all__ = ["DataModus", "Store", "Stream"]

_MODULES = {
    "DataModus": "crepe.store.modus",
    "Store": "crepe.store.client",
    "Stream": "crepe.store.stream",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: names of streams need neither numpy nor Redis."""
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'crepe.store' has no attribute {name!r}")
