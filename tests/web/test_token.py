"""The token: required of every server that other machines can reach."""

import pytest

from crepe.errors import ConfigError
from crepe.web.token import check_token

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_alone_needs_no_token(host):
    assert check_token("sensor", host) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "lab-pc"])
def test_any_other_address_is_refused_without_a_good_token(host, monkeypatch):
    with pytest.raises(ConfigError, match="needs a token in CREPE_SENSOR_TOKEN"):
        check_token("sensor", host)
    monkeypatch.setenv("CREPE_SENSOR_TOKEN", "12345")
    with pytest.raises(ConfigError, match="5 characters, must have at least 16"):
        check_token("sensor", host)
    monkeypatch.setenv("CREPE_SENSOR_TOKEN", TOKEN)
    assert check_token("sensor", host) == TOKEN
