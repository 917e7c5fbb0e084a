"""DataModus: the three kinds of streams, and how streams are named."""

import re
from enum import Enum

from crepe.errors import ConfigError
from crepe.redis_server.find_url import CULTURE

_FIRST_TAKEN, _LAST_TAKEN = ("rates", "streams", "actors", "actor", "lease"), ("info", "readers")
"""Parts of keys that are no streams: `crepe:rates`, `crepe:actor:NAME`, `crepe:data:info`."""

_NAME = re.compile(r"[a-z0-9_-]+(:[a-z0-9_-]+)*")


class DataModus(Enum):
    """Kind of a stream; the values are those of the original CREPE."""

    DATA = 1
    RESULT = 2
    TESTING = 3

    @property
    def stream(self) -> str:
        """The stream's name, which follows the culture's in the key: `data`."""
        return self.name.lower()


def stream_name(stream: "DataModus | str", culture: str = CULTURE) -> str:
    """Return the name without the culture: `data:spikes` for `crepe:data:spikes`, `data` for DATA.

    Raises ConfigError for a text that cannot be a stream's name.
    """
    name = stream.stream if isinstance(stream, DataModus) else stream
    name = name.removeprefix(f"{culture}:")
    parts = name.split(":")
    if parts[0] in _FIRST_TAKEN or parts[-1] in _LAST_TAKEN:
        raise ConfigError(f"stream {name!r}: the store keeps something else under that key")
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"stream {name!r}: allowed are words of a-z, 0-9, _ and - joined by ':' (data:spikes)"
        )
    return name
