"""The way of a further machine to the session's server: the password is in one private file only."""

import pytest

from crepe.environment import paths
from crepe.errors import ConfigError
from crepe.redis_server.find_url import find_place
from crepe.redis_server.main_server import FILE, MainServer, main_server

SECRET = "p@ss:w/ord-of-this-machine"


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


def way(password, address="rediss://lab:6380", ca_file=""):
    return MainServer.of("B", "dish", address, password_file=str(password), ca_file=str(ca_file))


def test_the_url_has_the_machines_user_its_password_and_the_authority(password, tmp_path):
    authority = tmp_path / "ca.pem"
    authority.write_text("PEM")
    url = way(password, ca_file=authority).url
    assert url.startswith(
        "rediss://machine-B:p%40ss%3Aw%2Ford-of-this-machine@lab:6380?ssl_ca_certs="
    )
    assert way(password, "redis://someone@127.0.0.1:1").url.startswith("redis://someone:p%40ss")


def test_programs_find_it_through_the_run_directory_which_does_not_hold_the_password(
    password, tmp_path, monkeypatch
):
    monkeypatch.setenv("CREPE_VAR", str(tmp_path / "v"))
    way(password).remember(tmp_path / "v")
    assert find_place() == (way(password).url, "dish")
    content = (paths.run_directory(tmp_path / "v") / FILE).read_text()
    assert str(password) in content
    assert SECRET not in content
    assert main_server(tmp_path / "another") is None


def test_a_password_that_others_can_read_is_refused_and_not_shown(password):
    password.chmod(0o640)
    with pytest.raises(ConfigError, match=r"mode 0640, must be 0600") as raised:
        _ = way(password).url
    assert SECRET not in str(raised.value)


def test_a_missing_or_empty_password_or_authority_is_refused(password, tmp_path):
    with pytest.raises(ConfigError, match=r"ca_file: .*no such file"):
        _ = way(password, ca_file=tmp_path / "none.pem").url
    password.write_text("\n")
    with pytest.raises(ConfigError, match="empty, must hold the password"):
        _ = way(password).url
    with pytest.raises(ConfigError, match="cannot be read as text"):
        _ = way(tmp_path / "none").url
