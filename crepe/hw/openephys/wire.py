"""The messages of Open Ephys' ZMQ interface, packed and unpacked; no sockets.

A message has two or three parts: an envelope that ends with a NUL byte, a JSON object, and
little-endian numbers (plugin of 2025-07, repository open-ephys-plugins/zmq-interface).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crepe.errors import DeviceError

DATA, EVENT = b"DATA\0", b"EVENT\0"
SIMULATED = "crepe_simulated"
_TTL = 3
_TTL_BYTES = 10  # line, state, and the word of all lines in 8


class Data(NamedTuple):
    """The samples of one channel in one block."""

    message_num: int
    stream: str
    channel: int
    name: str
    sample_num: int
    sampling_rate_hz: float
    samples: NDArray[np.float32]  # (n_samples,)
    is_simulated: bool = False  # a field of CREPE's own publisher; Open Ephys has none


class Ttl(NamedTuple):
    """An edge of a digital line."""

    message_num: int | None
    stream: str
    sample_num: int
    line: int  # from 0
    is_on: bool


class Other(NamedTuple):
    """A message that is only counted, such as a spike of Open Ephys' own detection."""

    message_num: int | None


def unpack(parts: Sequence[bytes]) -> Data | Ttl | Other:
    """Return the content of a message. Raises DeviceError for one of another format."""
    try:
        header = json.loads(parts[1])
        match header.get("type"):
            case "data":
                return _unpack_data(header, parts[2])
            case "event" if header["content"].get("type") == _TTL and header.get("data_size"):
                return _unpack_ttl(header, parts[2])
        return Other(_number(header))
    except (
        ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        begins = b" ".join(parts)[:80]
        raise DeviceError(
            f"{type(error).__name__}: {error}, in the message {begins!r}; is this the ZMQ "
            "interface of Open Ephys 0.6 or later?"
        ) from error


def _number(header: Mapping[str, Any]) -> int | None:
    number = header.get("message_num")
    return None if number is None else int(number)


def _unpack_data(header: Mapping[str, Any], payload: bytes) -> Data:
    content = header["content"]
    samples = np.frombuffer(payload, "<f4")
    if len(samples) != content["num_samples"]:
        raise ValueError(f"{len(samples)} samples, must be {content['num_samples']}")
    return Data(
        int(header["message_num"]),
        str(content["stream"]),
        int(content["channel_num"]),
        str(content["channel_name"]),
        int(content["sample_num"]),
        float(content["sample_rate"]),
        samples,
        bool(header.get(SIMULATED, False)),
    )


def _unpack_ttl(header: Mapping[str, Any], payload: bytes) -> Ttl:
    if len(payload) != _TTL_BYTES:
        raise ValueError(f"{len(payload)} bytes of a TTL event, must be {_TTL_BYTES}")
    content = header["content"]
    return Ttl(
        _number(header),
        str(content["stream"]),
        int(content["sample_num"]),
        payload[0],
        bool(payload[1]),
    )


def pack_data(data: Data, t_ms: int) -> list[bytes]:
    """Return the parts of a message with samples."""
    payload = data.samples.astype("<f4").tobytes()
    content = {
        "stream": data.stream,
        "channel_num": data.channel,
        "channel_name": data.name,
        "num_samples": len(data.samples),
        "sample_num": data.sample_num,
        "sample_rate": data.sampling_rate_hz,
    }
    header = {
        "message_num": data.message_num,
        "type": "data",
        "content": content,
        "data_size": len(payload),
        "timestamp": t_ms,
        **({SIMULATED: True} if data.is_simulated else {}),
    }
    return [DATA, json.dumps(header).encode(), payload]


def pack_ttl(ttl: Ttl, word: int, t_ms: int) -> list[bytes]:
    """Return the parts of a message with an edge; `word` has the state of all lines."""
    content = {
        "stream": ttl.stream,
        "source_node": 100,
        "type": _TTL,
        "sample_num": ttl.sample_num,
    }
    header = {
        "message_num": ttl.message_num,
        "type": "event",
        "content": content,
        "data_size": _TTL_BYTES,
        "timestamp": t_ms,
    }
    payload = bytes([ttl.line, ttl.is_on]) + word.to_bytes(8, "little")
    return [EVENT, json.dumps(header).encode(), payload]


def pack_heartbeat(application: str, uuid: str) -> bytes:
    """Return the request that lists a client in the plugin's editor."""
    return json.dumps({"application": application, "uuid": uuid, "type": "heartbeat"}).encode()
