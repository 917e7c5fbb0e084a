"""Messages of the ZMQ interface, packed, unpacked and damaged."""

import json

import numpy as np
import pytest

from crepe.errors import DeviceError
from crepe.hw.openephys.wire import Data, Other, Ttl, pack_data, pack_ttl, unpack

DATA = Data(7, "Rhythm", 3, "CH4", 1 << 40, 30_000.0, np.arange(5, dtype=np.float32))


def test_samples_come_back_as_they_were_packed():
    envelope, header, payload = pack_data(DATA, 0)
    assert envelope == b"DATA\0"
    unpacked = unpack([envelope, header, payload])
    assert unpacked[:-2] == DATA[:-2]
    assert np.array_equal(unpacked.samples, DATA.samples)


def test_an_edge_has_its_line_state_and_sample():
    ttl = Ttl(9, "Rhythm", 1234, 5, True)
    parts = pack_ttl(ttl, 0b100000, 0)
    assert parts[0] == b"EVENT\0"
    assert len(parts[2]) == 10
    assert unpack(parts) == ttl


@pytest.mark.parametrize(
    "header",
    [
        {"message_num": 5, "type": "spike", "spike": {"electrode": "e", "sample_num": 1}},
        {"message_num": 5, "type": "event", "content": {"type": 5}, "data_size": 4},
        {
            "message_num": 5,
            "type": "event",
            "content": {"type": 3, "sample_num": 1},
            "data_size": 0,
        },
    ],
)
def test_spikes_and_other_events_are_only_counted(header):
    assert unpack([b"EVENT\0", json.dumps(header).encode(), b"1234"]) == Other(5)


@pytest.mark.parametrize(
    "parts",
    [
        [b"DATA\0", b"{"],
        [b"DATA\0", b"[" * 100_000],
        [b"DATA\0"],
        [b"DATA\0", b"[1]", b""],
        [b"DATA\0", b'{"message_num": 1, "type": "data"}', b""],
        [*pack_data(DATA, 0)[:2], b"1234"],
        [*pack_ttl(Ttl(9, "Rhythm", 1, 5, True), 0, 0)[:2], b"12"],
    ],
)
def test_what_is_no_message_of_the_plugin_is_refused_and_shown(parts):
    with pytest.raises(DeviceError, match="in the message b'.*is this the ZMQ interface"):
        unpack(parts)
