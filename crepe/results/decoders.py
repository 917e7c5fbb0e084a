"""What the decoders of a recorded experiment read, for people who read its results."""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from crepe.actors.actor import Actor


def decided_by(actors: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return `decides_by` of each decoder in an experiment's `[actors.NAME]` tables, by name.

    A recording may come from anywhere, so its import paths load no code but CREPE's own actors. A
    module that is imported already counts, too.
    """
    texts = {}
    for name, table in actors.items():
        module_name, _, class_name = str(table.get("run", "")).partition(":")
        try:
            is_own = module_name.startswith("crepe.actors.")
            module = import_module(module_name) if is_own else sys.modules.get(module_name)
        except ImportError:  # of another version
            continue
        kind = getattr(module, class_name, None)
        if isinstance(kind, type) and issubclass(kind, Actor) and kind.decides_by:
            texts[name] = kind.decides_by
    return texts
