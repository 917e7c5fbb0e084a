"""Streams of a recording that were not recorded: they are computed from one that was."""

# Decision 70: which streams are recorded, and which are computed.

import json
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from crepe.messages import Message, Segment, StreamInfo
from crepe.processing.filter import BandPassDesign, Design, NotchDesign

# By what `run` names in the experiment file. A filter of a third party may change between versions
# of a package that the recording does not know, so it is not computed.
_DESIGNS: Mapping[str, type[BandPassDesign | NotchDesign]] = {
    "crepe.actors.filter:BandPass": BandPassDesign,
    "crepe.actors.filter:Notch": NotchDesign,
}
_WIRING = ("run", "reads", "writes", "feedback", "shards")


@dataclass(frozen=True)
class Computation:
    """The way from one stream to another."""

    source: str  # name of the stream that is filtered
    design: Design

    def warmup_samples(self, info: StreamInfo) -> int:
        """Return how many samples before a window make its values what they were."""
        return ceil(self.design.settle_s * info.sampling_rate_hz)

    def messages(self, segments: Iterable[Message], info: StreamInfo) -> list[Message]:
        """Return consecutive segments of the source filtered, as the actor published them."""
        kernel = self.design.filter(info)
        return [kernel.apply(s) for s in segments if isinstance(s, Segment)]


def computations(experiment: str, streams: Collection[str]) -> dict[str, Computation]:
    """Return how the streams of an experiment follow from those that were recorded, by name.

    Those that come first are the source of others. A stream that was recorded is not computed.
    """
    candidates = dict(_filters(experiment_tables(experiment).get("actors")))
    computed: dict[str, Computation] = {}
    is_growing = True
    while is_growing:
        is_growing = False
        for name, computation in candidates.items():
            is_new = name not in streams and name not in computed
            if is_new and (computation.source in streams or computation.source in computed):
                computed[name] = computation
                is_growing = True
    return computed


def left_to_readers(experiment: str, streams: Collection[str]) -> dict[str, str]:
    """Return those of a recorder's streams that it need not record, and what each follows from.

    Whatever cannot be computed from the others is not among them.
    """
    filters = dict(_filters(experiment_tables(experiment).get("actors")))
    origins = {name: _origin(name, filters, streams) for name in streams}
    return {name: origin for name, origin in origins.items() if name != origin}


def _origin(name: str, filters: Mapping[str, Computation], streams: Collection[str]) -> str:
    """Return the first of `streams` in the row of filters that ends with `name`."""
    origin, seen = name, set[str]()
    while name in filters and name not in seen:
        seen.add(name)
        name = filters[name].source
        if name in streams:
            origin = name
    return origin


def _filters(actors: Any) -> Iterable[tuple[str, Computation]]:
    """Yield the streams that CREPE's filters write; whatever is no such filter is passed over."""
    for table in actors.values() if isinstance(actors, dict) else ():
        if not isinstance(table, dict):
            continue
        kind = _DESIGNS.get(str(table.get("run")))
        reads, writes = (_names(table.get(key)) for key in ("reads", "writes"))
        settings = {name: value for name, value in table.items() if name not in _WIRING}
        if kind is None or len(reads) != 1 or len(writes) != 1:
            continue
        if _fits(kind, settings):
            yield writes[0], Computation(reads[0], kind(**settings))


def _fits(kind: type[Any], settings: Mapping[str, Any]) -> bool:
    """Return whether a filter of today can have the settings: a file may be older, or damaged."""
    return settings.keys() <= kind.__dataclass_fields__.keys() and all(
        type(value) in (int, float) and np.isfinite(value) and (value > 0 or name == "n_harmonics")
        for name, value in settings.items()
    )


def _names(value: Any) -> list[str]:
    """Return the streams of `reads` or `writes`, which may be one name without brackets."""
    names = value if isinstance(value, list) else [value]
    return [name for name in names if isinstance(name, str) and name]


def experiment_tables(text: str) -> dict[str, Any]:
    """Return the tables of an experiment file; empty if it is neither JSON nor TOML."""
    for read in (json.loads, tomllib.loads):
        try:
            tables = read(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(tables, dict):
            return tables
    return {}
