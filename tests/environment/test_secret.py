"""A secret stays, and is nobody else's."""

import pytest

from crepe.environment.secret import kept_secret
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
