"""One result of a check of something outside: an instrument, a Redis server."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One result of a check; `is_well` is None where it could not be verified."""

    is_well: bool | None
    text: str
