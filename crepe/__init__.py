"""CREPE: closed-loop experiments with neuron cultures on multi-electrode arrays."""

from importlib import import_module
from typing import Any

_PLACES = {
    "CREPE": "crepe.stream_service",
    "DataModus": "crepe.store",
    "Store": "crepe.store",
    "StreamRowIterator": "crepe.stream_service",
    "StreamSegmentIterator": "crepe.stream_service",
    "StreamService": "crepe.stream_service",
}


def __getattr__(name: str) -> Any:
    """What takes time to load, imported when it is asked for: the names above, `__version__`."""
    if name == "__version__":
        from importlib.metadata import version

        return version("crepe")
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'crepe' has no attribute {name!r}")
