"""The original CREPE's interface: `from crepe.stream_service import StreamService, DataModus`.

Names and meanings are those of 2019, implemented on Redis Streams. New code uses `crepe.store`.
"""

from crepe.legacy.experiment import CREPE
from crepe.legacy.iterators import StreamRowIterator, StreamSegmentIterator
from crepe.legacy.service import StreamService
from crepe.store import DataModus

__all__ = ["CREPE", "DataModus", "StreamRowIterator", "StreamSegmentIterator", "StreamService"]
