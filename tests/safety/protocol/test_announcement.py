"""What a stimulator announces is read back as it was, or refused with its place."""

import re

import pytest

from crepe.environment import paths
from crepe.environment.process_identity import ProcessIdentity
from crepe.errors import ConfigError
from crepe.hw.remote_stop import Address
from crepe.safety.protocol.announcement import INSTRUMENT_FILE, Instrument, announce, announced

INSTRUMENT = Instrument(
    "7-abc", ProcessIdentity.own(), "192.0.2.7", 8888, "nonce", ("game (a)",), "rhx"
)
OLD = ("requesters", "stop")  # fields that older versions did not write


def test_an_announcement_is_read_as_it_was_written(tmp_path):
    assert announced(tmp_path) is None
    announce(tmp_path, INSTRUMENT)
    assert announced(tmp_path) == INSTRUMENT
    assert INSTRUMENT.address == Address("192.0.2.7", 8888, "nonce", "rhx")


def test_one_of_an_older_version_is_a_meame_that_serves_no_named_program():
    content = {name: value for name, value in INSTRUMENT.to_json().items() if name not in OLD}
    assert Instrument.from_json(content) == INSTRUMENT._replace(requesters=(), stop="meame")


@pytest.mark.parametrize("port", [0, 65_535])
def test_every_port_there_is_is_read(port):
    instrument = INSTRUMENT._replace(http_port=port)
    assert Instrument.from_json(instrument.to_json()) == instrument


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"http_port": -1}, "port -1, must be 0 to 65535"),
        ({"http_port": 65_536}, "port 65536, must be 0 to 65535"),
        ({"http_port": "8888"}, "port '8888', must be 0 to 65535"),
        ({"host": 7}, "7, must be text"),
        ({"stop": None}, "None, must be text"),
        ({"requesters": ["game", 7]}, "7, must be text"),
        ({"requesters": 7}, ""),
        ({"pid": "x"}, ""),
    ],
)
def test_an_announcement_that_is_none_is_refused_with_its_place(tmp_path, fields, reason):
    paths.write_json(tmp_path / INSTRUMENT_FILE, {**INSTRUMENT.to_json(), **fields})
    place = re.escape(str(tmp_path / INSTRUMENT_FILE))
    with pytest.raises(ConfigError, match=f"{place}: .*{reason}.*; remove it"):
        announced(tmp_path)


@pytest.mark.parametrize("name", ["stimulator", "host", "nonce", "http_port"])
def test_a_field_that_is_missing_is_named(tmp_path, name):
    content = INSTRUMENT.to_json()
    del content[name]
    paths.write_json(tmp_path / INSTRUMENT_FILE, content)
    with pytest.raises(ConfigError, match=f"no '{name}'; remove it"):
        announced(tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / INSTRUMENT_FILE).mkdir()
    with pytest.raises(ConfigError, match=f"{INSTRUMENT_FILE}: Is a directory"):
        announced(tmp_path)
