"""The token: chosen for a server that other machines can reach, kept for any other."""

import pytest

from crepe.errors import ConfigError
from crepe.web.token import check_token, chosen_token, required_token

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_for_this_machine_alone_no_token_has_to_be_chosen(host):
    check_token("sensor", host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "lab-pc"])
def test_any_other_address_is_refused_without_a_good_token(host, monkeypatch):
    with pytest.raises(ConfigError, match="needs a token in CREPE_SENSOR_TOKEN"):
        check_token("sensor", host)
    monkeypatch.setenv("CREPE_SENSOR_TOKEN", "12345")
    with pytest.raises(ConfigError, match="5 characters, must have at least 16"):
        check_token("sensor", host)
    monkeypatch.setenv("CREPE_SENSOR_TOKEN", TOKEN)
    check_token("sensor", host)


def test_a_token_that_nobody_has_chosen_is_kept_in_the_run_directory(tmp_path, monkeypatch):
    token = required_token("sensor", tmp_path)
    assert len(token) == 32
    assert required_token("sensor", tmp_path) == token
    assert required_token("dashboard", tmp_path) != token
    assert chosen_token("sensor") == ""
    monkeypatch.setenv("CREPE_SENSOR_TOKEN", TOKEN)
    assert required_token("sensor", tmp_path) == chosen_token("sensor") == TOKEN


def test_a_token_may_come_from_a_file(tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("CREPE_SENSOR_TOKEN_FILE", str(path))
    assert required_token("sensor", tmp_path) == chosen_token("sensor") == TOKEN
    check_token("sensor", "0.0.0.0")
