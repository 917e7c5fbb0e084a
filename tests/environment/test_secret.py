"""A secret stays, and is nobody else's."""

import pytest

from crepe.environment.secret import chosen_secret, kept_secret
from crepe.errors import ConfigError


def test_a_secret_is_made_once_and_is_private(tmp_path):
    path = tmp_path / "secret"
    secret = kept_secret(path)
    assert len(secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_secret(path) == secret
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]
    assert kept_secret(tmp_path / "other") != secret


def test_of_two_programs_that_make_it_the_first_one_counts(tmp_path, monkeypatch):
    path = tmp_path / "secret"
    monkeypatch.setattr("secrets.token_hex", lambda n: path.write_text("a" * 64) and "b" * 64)
    assert kept_secret(path) == "a" * 64


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 64])
def test_a_file_without_a_secret_lets_nobody_in(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="remove it"):
        kept_secret(path)
    with pytest.raises(ConfigError, match="cannot be written"):
        kept_secret(tmp_path / "missing" / "secret")


def test_a_secret_of_the_environment_is_its_value_or_the_content_of_a_file(tmp_path, monkeypatch):
    path = tmp_path / "token"
    path.write_text("from a file\n")
    assert chosen_secret("CREPE_TOKEN") == ""
    monkeypatch.setenv("CREPE_TOKEN_FILE", str(path))
    assert chosen_secret("CREPE_TOKEN") == "from a file"
    monkeypatch.setenv("CREPE_TOKEN", "from a variable")
    with pytest.raises(ConfigError, match="CREPE_TOKEN is set as well; must be one of both"):
        chosen_secret("CREPE_TOKEN")
    monkeypatch.delenv("CREPE_TOKEN_FILE")
    assert chosen_secret("CREPE_TOKEN") == "from a variable"


def test_a_file_that_holds_no_secret_is_an_error_and_not_the_lack_of_one(tmp_path, monkeypatch):
    path = tmp_path / "token"
    monkeypatch.setenv("CREPE_TOKEN_FILE", str(path))
    with pytest.raises(ConfigError, match=r"CREPE_TOKEN_FILE: .*token: cannot be read"):
        chosen_secret("CREPE_TOKEN")
    path.write_text("\n")
    with pytest.raises(ConfigError, match="empty, must hold the secret"):
        chosen_secret("CREPE_TOKEN")
