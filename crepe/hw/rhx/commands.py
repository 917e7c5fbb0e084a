"""The command language of RHX: pure functions from values to text, and from replies to values.

A command ends in `;`. Neither direction has frames: RHX parses whatever one read returns, and its
replies have no terminator. So one command is sent at once, and one `get` is outstanding at a time.
"""

import re
from math import isfinite, isnan

from crepe.errors import DeviceError

LONGEST = 1000  # bytes of a command; RHX must get it whole in one read
_REPLY = re.compile(r"Return: (?P<name>\S+) ?(?P<value>.*)", re.DOTALL)
_FORBIDDEN = re.compile(r"[;\r\n]|[^\x20-\x7e]")
_TOLERANCE = 1e-5  # RHX prints six digits

Value = bool | int | float | str


def command(*parts: str) -> bytes:
    """Return the bytes of a command such as `get type`. Raises ValueError where it cannot be one.

    The word `set` alone would end RHX, so that a command has two words at least.
    """
    text = " ".join(parts)
    if len(parts) < 2 or not all(part.strip() for part in parts) or _FORBIDDEN.search(text):
        raise ValueError(f"command {text!r}: must be two words or more of printable ASCII, no ';'")
    if len(text) >= LONGEST:
        raise ValueError(f"command {text[:40]!r}...: {len(text)} bytes, must be under {LONGEST}")
    return f"{text};".encode("ascii")


def text_of(value: Value) -> str:
    """Return a value as RHX reads it. Raises ValueError for a number that is not finite."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        if not isfinite(value):
            raise ValueError(f"{value}: must be finite")
        return f"{value:.10g}"
    return value


def is_same(text: str, value: Value) -> bool:
    """Return whether a reply's text is this value: numbers with a tolerance, text in any case."""
    if isinstance(value, bool):
        return text.lower() == text_of(value)
    if isinstance(value, int | float):
        try:
            number = float(text)
        except ValueError:
            return False
        # NaN is an amplitude that RHX accepts; it equals nothing here.
        return not isnan(number) and abs(number - value) <= _TOLERANCE * max(1.0, abs(value))
    return text.strip().lower() == value.lower()


class Reply:
    """The text since a `get` was sent: errors of commands before it, then its value.

    Attributes
    ----------
    value
        None until it has begun to come.
    errors
        All text before the value.
    """

    def __init__(self, parameter: str, text: str) -> None:
        begin = text.rfind("Return: ")
        self.value: str | None = None
        self.errors = text[:begin] if begin >= 0 else text
        match = _REPLY.fullmatch(text[begin:]) if begin >= 0 else None
        # RHX answers in its own spelling and without the channel.
        if match and _last(match["name"]) == _last(parameter):
            self.value = match["value"]
        elif match:
            raise DeviceError(
                f"RHX: asked for {parameter!r}, answered {text[-80:]!r}; another program may use "
                "the same connection"
            )


def _last(name: str) -> str:
    return name.lower().rpartition(".")[2]
