"""No text shows a password, whole or in part, also not that of a URL that cannot be read."""

import logging
import traceback

import pytest

from crepe.errors import StoreError
from crepe.redis_server.address import check_address, chosen_url, nodes_of, without_password
from crepe.redis_server.choice import choose
from crepe.redis_server.find_url import find_url
from crepe.redis_server.login import login_to
from crepe.redis_server.prompt import cli
from crepe.store import Store

UNREADABLE = [
    "redis://:abc/def@127.0.0.1:7103",
    "redis://:abc?def@127.0.0.1:7103",
    "redis://:abc#def@127.0.0.1:7103",
    "redis://:p@abc:w/def#1@127.0.0.1:7103",
    "redis://lab:12?abc@127.0.0.1:7103",
    "redis://lab:12/abc@def@127.0.0.1:7103",
    "redis://lab:[abc@127.0.0.1:7103",
    "redis://lab:abc",
    "redis://:12",
    "redis://127.0.0.1/0?password=abc@def",
    "unix://:abc/def@/run/redis.sock",
    "unix://:abc@/def@/run/redis.sock",
    "unix://abc",
    "redis://lab:1,home:abc",
    "redis://lab:1,",
    "http://lab:abc@127.0.0.1",
    "lab:abc@127.0.0.1",
    "abc",
]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rediss://me:se@cret@lab:6380/0", "rediss://lab:6380/0"),
        ("redis://:ab%2Fcd%40@[::1]:6379/2", "redis://[::1]:6379/2"),
        ("unix:///run/lab@home.sock?password=secret", "unix:///run/lab@home.sock"),
        ("unix://me:secret@/run/lab.sock", "unix:///run/lab.sock"),
        ("redis://lab?password=secret", "redis://lab"),
        ("redis://lab", "redis://lab"),
        ("redis://me:se,cret@a:1,b:2", "redis://a:1,b:2"),
    ],
)
def test_a_log_shows_the_place_and_no_password(url: str, shown: str) -> None:
    check_address(url)
    assert without_password(url) == shown


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis://a:1,b:2", ["redis://a:1", "redis://b:2"]),
        ("rediss://me:x,y@a,[::1]:2?z=1", ["rediss://me:x,y@a?z=1", "rediss://me:x,y@[::1]:2?z=1"]),
        ("unix:///run/a,b.sock", ["unix:///run/a,b.sock"]),
        ("redis://lab", ["redis://lab"]),
    ],
)
def test_a_url_may_name_several_nodes(url: str, nodes: list[str]) -> None:
    check_address(url)
    assert nodes_of(url) == nodes


@pytest.mark.parametrize("url", UNREADABLE)
def test_a_url_that_cannot_be_read_is_refused_without_any_part_of_it(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CREPE_REDIS", url)
    calls = (choose, lambda: login_to(url), lambda: cli(["PING"], url))
    for call in (*calls, *([lambda: Store(url)] if "://" in url else [])):
        with pytest.raises(StoreError) as refused:
            call()
        text = "".join(traceback.format_exception(refused.value)) + caplog.text
        # The sources of the trace have these letters, too, but not as the text of an error.
        shown = [line for line in text.splitlines() if not line.startswith("  ")]
        assert not any(part in line for line in shown for part in ("abc", "def@", "12"))


def test_the_message_names_the_percent_codes() -> None:
    with pytest.raises(StoreError, match=r"%40 for @.*%2F for /"):
        check_address("redis://:a/b@lab")


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("redis://crepe@lab:6379/2", "redis://crepe:a%2Fb%40@lab:6379/2"),
        ("rediss://lab", "rediss://:a%2Fb%40@lab"),
    ],
)
def test_the_password_may_stand_beside_the_url(
    url: str, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREPE_REDIS", url)
    assert choose().url == chosen_url() == url
    monkeypatch.setenv("CREPE_REDIS_PASSWORD", "a/b@")
    assert choose().url == find_url() == whole
    check_address(whole)
    monkeypatch.delenv("CREPE_REDIS")
    assert chosen_url() == ""


@pytest.mark.parametrize(
    "url", ["unix:///run/lab.sock", "redis://me:secret@lab", "redis://lab?password=secret"]
)
def test_a_second_password_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREPE_REDIS", url)
    monkeypatch.setenv("CREPE_REDIS_PASSWORD", "other")
    with pytest.raises(StoreError, match="without a password") as refused:
        chosen_url()
    assert "secret" not in str(refused.value)
    assert "other" not in str(refused.value)
