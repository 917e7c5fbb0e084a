"""A stream of segments in microvolts."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from crepe.store.stream import Stream


class Microvolts:
    """A stream of segments, indexed and read in microvolts."""

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream

    def __repr__(self) -> str:
        return f"<Microvolts of {self._stream!r}>"

    def __getitem__(self, index: Any) -> NDArray[np.float64]:
        rows = index[0] if isinstance(index, tuple) else index
        return self._stream.scaled(self._stream[index], rows)

    def read(self, start: int, stop: int, *, fill: float | None = None) -> NDArray[np.float64]:
        """Return what `Stream.read` does, in microvolts."""
        return self._stream.scaled(self._stream.read(start, stop, fill=fill))
