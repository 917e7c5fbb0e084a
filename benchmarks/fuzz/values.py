"""Values that make no sense, and bytes with faults in them."""

import math
from random import Random
from typing import Any

import msgpack
import numpy as np

ODD: tuple[Any, ...] = (
    math.nan, math.inf, -math.inf, -0.0, 0, -1, 1, 1e308, -1e308, 5e-324, 2**31, 2**63, -(2**63),
    2**64 - 1, 10**400, "", "1", "\x00", "48", "15", "x" * 1000, None, True, False, b"", b"x", (),
    [], {}, [[]], ((),), 1.5, "nan", np.float32(10), np.int64(200), np.nan, complex(1, 1),
)  # fmt: skip
"""Values of all types, near every limit."""


def odd(r: Random, depth: int = 0) -> Any:
    """Return an odd value, perhaps a nested one."""
    kind = r.randrange(10)
    if depth < 3 and kind == 0:
        return [odd(r, depth + 1) for _ in range(r.randrange(4))]
    if depth < 3 and kind == 1:
        return {odd_name(r): odd(r, depth + 1) for _ in range(r.randrange(4))}
    if kind == 2:
        return r.randrange(-(2**63), 2**63)
    if kind == 3:
        return r.uniform(-1e6, 1e6)
    return r.choice(ODD)


def odd_name(r: Random) -> Any:
    """Return a key of a mapping: of a message, of an array on the wire, or of neither."""
    names = (
        "window number start stop value name kind data shape type nd by at_ns instrument".split()
    )
    return r.choice([*names, b"nd", b"data", b"type", b"shape", b"kind", b"complex", 5, ""])


def damaged(r: Random, data: bytes) -> bytes:
    """Return bytes with some bits flipped, parts cut out, put in, repeated or cut off."""
    damaged_data = bytearray(data)
    for _ in range(r.choice((1, 1, 2, 5, 20))):
        if not damaged_data:
            break
        at = r.randrange(len(damaged_data))
        match r.randrange(5):
            case 0:
                damaged_data[at] ^= 1 << r.randrange(8)
            case 1:
                damaged_data[at] = r.choice(b"\x00\xff\x80\x90\xc0\xc4\xc6\xcb\xcf\xdb\xdd\xdf")
            case 2:
                del damaged_data[at : at + r.randrange(1, 8)]
            case 3:
                damaged_data[at:at] = r.randbytes(r.randrange(1, 8))
            case _:
                del damaged_data[at:]
    return bytes(damaged_data)


def packed(r: Random) -> bytes:
    """Return msgpack of odd values, or bytes that are none, deep or of a length they have not."""
    match r.randrange(8):
        case 0:
            return r.randbytes(r.randrange(60))
        case 1:
            return r.choice((b"\x91", b"\x81\xa1a", b"\xc8")) * r.choice((10, 2000)) + b"\xc0"
        case 2:
            return b"\xdd" + r.randbytes(4) + b"\xc0" * 10
    try:
        packed_value: bytes = msgpack.packb([odd(r)], default=str)
        return packed_value
    except (ValueError, OverflowError, TypeError):
        return b"\x90"
