"""CREPE: closed-loop experiments with neuron cultures on multi-electrode arrays."""

from typing import Any


def __getattr__(name: str) -> Any:
    """What takes time to load, when it is asked for: `CREPE` and `__version__`."""
    if name == "__version__":
        from importlib.metadata import version

        return version("crepe")
    if name == "CREPE":
        from crepe.stream_service import CREPE

        return CREPE
    raise AttributeError(f"module 'crepe' has no attribute {name!r}")
