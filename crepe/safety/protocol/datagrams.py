"""The datagrams between stimulator, watchdog, `crepe stop` and `crepe arm`: packed and unpacked.

Each is a JSON object with its kind. Whatever else arrives is not one of them: `unpack` returns
None, and the receiver goes on.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from crepe.safety.protocol.announcement import Instrument

LARGEST = 16384  # bytes
_LONGEST = 200  # characters of the text in a latch
_TOLERANCE_NS = 1_000_000_000


class Latch(NamedTuple):
    """The latch of an emergency stop in memory: what stimulation was stopped by, and when.

    Watchdog and stimulator each have one, and send it to each other with every heartbeat, so it
    outlives the restart of either. The later of two states counts.
    """

    at_ns: int = 0  # by the clock since boot; 0: never set
    by: str = ""  # empty: released

    @property
    def is_closed(self) -> bool:
        """Whether it forbids stimulation."""
        return bool(self.by)

    def merged(self, other: "Latch", now_ns: int) -> "Latch":
        """Return the later of two states; of two at the same time the one that forbids.

        A release from the future is no release: it would outlast every stop until then.
        """
        if other.at_ns > now_ns + _TOLERANCE_NS:
            if not other.is_closed:
                return self
            other = Latch(now_ns, other.by)
        if other.at_ns == self.at_ns:
            return self if self.is_closed else other
        return max(self, other, key=lambda latch: latch.at_ns)


class Heartbeat(NamedTuple):
    """The stimulator is alive; sent to the watchdog."""

    instrument: Instrument
    is_pulsing: bool  # whether pulses may flow
    latch: Latch = Latch()


class Answer(NamedTuple):
    """The watchdog is alive; sent back to the stimulator."""

    stimulator: str  # whose heartbeat this answers; empty while the watchdog stops an instrument
    stopped: str  # the stimulator whose instrument the watchdog stopped last, or empty
    at_ns: int  # by the clock since boot
    process: str  # key of the watchdog's process
    latch: Latch = Latch()


class Order(NamedTuple):
    """Close the latch, release it, or only report it; sent to the watchdog and the stimulator."""

    by: str = ""  # what closes the latch
    releases: bool = False


class State(NamedTuple):
    """The watchdog's answer to an `Order`: its latch, and the instrument that it watches."""

    latch: Latch
    instrument: Instrument | None


Datagram = Heartbeat | Answer | Order | State


def pack(datagram: Datagram) -> bytes:
    """Return the bytes of a datagram."""
    fields: dict[str, Any]
    match datagram:
        case Heartbeat(instrument, is_pulsing, latch):
            fields = {"instrument": instrument.to_json(), "is_pulsing": is_pulsing, "latch": latch}
        case Answer():
            fields = datagram._asdict()
        case Order():
            fields = datagram._replace(by=datagram.by[:_LONGEST])._asdict()
        case State(latch, instrument):
            fields = {"latch": latch, "instrument": instrument and instrument.to_json()}
    return json.dumps({"kind": type(datagram).__name__, **fields}).encode()


def unpack(data: bytes) -> Datagram | None:
    """Return the datagram that bytes hold; None if they hold none."""
    try:
        content = json.loads(data)
        return _KINDS[content["kind"]](content)
    # What JSON can hold instead of a datagram: no object, no such field, another type, a depth
    # that no parser takes, a number that is no integer.
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


def _heartbeat(content: Mapping[str, Any]) -> Heartbeat:
    return Heartbeat(
        Instrument.from_json(content["instrument"]),
        _flag(content["is_pulsing"]),
        _latch(content["latch"]),
    )


def _answer(content: Mapping[str, Any]) -> Answer:
    return Answer(
        _text(content["stimulator"]),
        _text(content["stopped"]),
        _number(content["at_ns"]),
        _text(content["process"]),
        _latch(content["latch"]),
    )


def _order(content: Mapping[str, Any]) -> Order:
    return Order(_text(content["by"]), _flag(content["releases"]))


def _state(content: Mapping[str, Any]) -> State:
    instrument = content["instrument"]
    return State(_latch(content["latch"]), instrument and Instrument.from_json(instrument))


_KINDS: Mapping[str, Callable[[Mapping[str, Any]], Datagram]] = {
    "Heartbeat": _heartbeat,
    "Answer": _answer,
    "Order": _order,
    "State": _state,
}


def _latch(content: Any) -> Latch:
    at_ns, by = content
    return Latch(_number(at_ns), _text(by))


def _text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError(f"{content!r} is no text")
    return content


def _flag(content: Any) -> bool:
    if not isinstance(content, bool):
        raise TypeError(f"{content!r} is neither true nor false")
    return content


def _number(content: Any) -> int:
    if not isinstance(content, int) or isinstance(content, bool) or not 0 <= content < 1 << 63:
        raise TypeError(f"{content!r} is no number of ns")
    return content
