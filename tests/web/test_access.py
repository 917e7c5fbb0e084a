"""Rules of access, without an application behind them."""

import pytest
from starlette.datastructures import Headers

from crepe.web.access import Attempts, HostNames, Rate, SignedCookie, has_bearer_token, is_json

ROLES = ("operator", "spectator")


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("127.0.0.1:80", True),
        ("LOCALHOST", True),
        ("[::1]:9000", True),
        ("evil.example", False),
        ("127.0.0.1:80:80", False),
        ("", False),
    ],
)
def test_a_server_of_this_machine_has_the_names_of_this_machine(host, is_allowed):
    assert HostNames("127.0.0.1").allow(host) is is_allowed


def test_the_origin_of_a_public_url_is_the_servers_own():
    names = HostNames("127.0.0.1", "https://lab.example.org")
    assert names.is_own_origin(Headers({"host": "127.0.0.1", "origin": "https://lab.example.org"}))
    assert not names.is_own_origin(Headers({"host": "127.0.0.1", "origin": "https://a.example"}))
    assert not names.is_own_origin(Headers({"host": "127.0.0.1"}))
    assert not names.is_own_origin(Headers({"host": "127.0.0.1", "origin": "http://["}))


def test_a_cookie_holds_a_role_for_one_token_and_one_port():
    cookie = SignedCookie("page", 8080, "a token")
    headers = Headers({"cookie": f"page_8080={cookie.value('spectator')}"})
    assert cookie.role_in(headers, ROLES) == "spectator"
    assert SignedCookie("page", 8080, "another").role_in(headers, ROLES) is None
    assert SignedCookie("page", 8081, "a token").role_in(headers, ROLES) is None
    assert cookie.role_in(Headers({"cookie": "page_8080=operator.00"}), ROLES) is None


def test_a_token_is_sent_as_a_bearer():
    assert has_bearer_token(Headers({"authorization": "bearer abc"}), "abc")
    assert not has_bearer_token(Headers({"authorization": "Basic abc"}), "abc")
    assert not has_bearer_token(Headers({}), "abc")


def test_json_is_declared_by_its_media_type():
    assert is_json(Headers({"content-type": "Application/JSON; charset=utf-8"}))
    assert not is_json(Headers({"content-type": "text/plain"}))
    assert not is_json(Headers({}))


def test_attempts_are_counted_for_each_address():
    attempts = Attempts(2, within_s=1e9)
    for _ in range(2):
        assert attempts.are_left("a")
        attempts.add_failure("a")
    assert not attempts.are_left("a")
    assert attempts.are_left("b")


def test_few_addresses_are_remembered():
    rate = Rate(1.0, lambda: 0.0)
    for number in range(5000):
        assert rate.allows(str(number))
    assert len(rate._left) == 1000
