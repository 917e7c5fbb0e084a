"""Streams of neuron data by sample index, in Redis, in memory or in a recording."""

from crepe.store.client import Store
from crepe.store.modus import DataModus
from crepe.store.stream import Stream

__all__ = ["DataModus", "Store", "Stream"]
