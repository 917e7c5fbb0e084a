"""`crepe redis-cli` answers as redis-cli does."""

import io
import json

import pytest
import redis

from crepe.errors import ConfigError, StoreError
from crepe.redis_server.prompt import cli, text_of


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"OK", "OK"),
        (b'a"b\\c\n\x00\xff', r'"a\"b\\c\n\x00\xff"'),
        (12, "(integer) 12"),
        (None, "(nil)"),
        ([], "(empty array)"),
        ([b"a", [b"b", None]], '1) "a"\n2) 1) "b"\n   2) (nil)'),
        ([b"x"] * 10, "\n".join(f'{n:>2}) "x"' for n in range(1, 11))),
        ([redis.ResponseError("ERR no")], "1) (error) ERR no"),
    ],
)
def test_replies_look_as_in_redis_cli(reply: object, text: str) -> None:
    assert text_of(reply) == text


def test_one_command_is_answered(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["set", "crepe:cli", "a b"], redis_url) == 0
    assert cli(["get", "crepe:cli"], redis_url) == 0
    assert cli(["type", "crepe:cli"], redis_url) == 0
    assert capsys.readouterr().out == 'OK\n"a b"\nstring\n'


def test_a_reply_is_printed_as_json(redis_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli(["DEL", "crepe:cli:stream"], redis_url)
    cli(["XADD", "crepe:cli:stream", "100-0", "data", "é"], redis_url)
    capsys.readouterr()
    assert cli(["XRANGE", "crepe:cli:stream", "-", "+"], redis_url, as_json=True) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == [["100-0", ["data", "é"]]]
    assert err == ""
    assert cli(["NOSUCH"], redis_url, as_json=True) == 1
    assert capsys.readouterr().out == ""
    with pytest.raises(ConfigError, match="--json"):
        cli(["MONITOR"], redis_url, as_json=True)


def test_a_stream_reads_as_nested_indices(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cli(["DEL", "crepe:cli:stream"], redis_url)
    cli(["XADD", "crepe:cli:stream", "100-0", "start", "0"], redis_url)
    capsys.readouterr()
    cli(["XRANGE", "crepe:cli:stream", "-", "+", "COUNT", "1"], redis_url)
    assert capsys.readouterr().out == '1) 1) "100-0"\n   2) 1) "start"\n      2) "0"\n'


def test_a_refused_command_is_exit_status_1(
    redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["NOSUCH"], redis_url) == 1
    assert capsys.readouterr().out.startswith("(error) unknown command")


def test_the_prompt_takes_lines_until_exit(
    redis_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("ping\n\necho 'a b'\necho 'a\nexit\nping\n"))
    assert cli([], redis_url) == 0
    assert capsys.readouterr().out == 'PONG\n"a b"\n(error) No closing quotation\n'


def test_no_server_is_an_error_that_names_the_place() -> None:
    with pytest.raises(StoreError, match=r"/nowhere\.sock.*is CREPE running"):
        cli(["PING"], "unix:///nowhere.sock")
