"""Access to the page; each test but the first few tries to get around it."""

import json

import pytest
from starlette.responses import JSONResponse

from crepe.dashboard.access import PageAccess, Role
from crepe.web.links import links, spectator_key

TOKEN = "a-token-of-twenty-ch"
ORIGIN = ("origin", "http://127.0.0.1:8080")
OURS = (ORIGIN, ("x-crepe", "1"), ("content-type", "application/json"))


async def echo_role(scope, receive, send):
    """Answers with the role and the size of the body."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    body = (await receive()).get("body", b"") if scope["method"] == "POST" else b""
    await JSONResponse({"role": scope["role"], "n": len(body)})(scope, receive, send)


def page(token=TOKEN, host="127.0.0.1"):
    return PageAccess(echo_role, host=host, token=token)


@pytest.fixture
def cookie(ask):
    """An operator's cookie, which every page with this token takes."""
    return enter(ask, page(), TOKEN)


def cookie_of(answer):
    return ("cookie", answer.headers["set-cookie"].partition(";")[0])


def enter(ask, app, token):
    return cookie_of(ask(app, query=f"token={token}"))


def test_on_this_machine_too_a_browser_without_the_cookie_gets_a_sentence_and_nothing_else(ask):
    for path in ("/", "/live", "/api/sessions", "/static/main.js"):
        answer = ask(page(), path=path)
        assert answer.status == 401
        assert b"`crepe status` prints it again" in answer.body
    answer = ask(page(), "POST", "/api/stop", OURS, (b"{}",))
    assert answer.status == 401
    assert "needs a token" in json.loads(answer.body)["reason"]


def test_an_operators_browser_may_stop(ask, cookie):
    assert ask(page(), "POST", "/api/stop", (cookie, *OURS), (b"{}",)).status == 200


def test_the_link_with_the_token_sets_a_cookie_and_leaves_the_address_bar(ask):
    app = page(TOKEN)
    answer = ask(app, path="/replay/x", query=f"token={TOKEN}")
    assert answer.status == 303
    assert answer.headers["location"] == "/replay/x"
    said = answer.headers["set-cookie"]
    assert TOKEN not in said
    assert "HttpOnly" in said
    assert "samesite=strict" in said.lower()
    assert b"operator" in ask(app, headers=[cookie_of(answer)]).body


def test_the_read_only_link_looks_and_does_nothing(ask):
    app = page(TOKEN)
    cookie = enter(ask, app, spectator_key(TOKEN))
    assert b"spectator" in ask(app, headers=[cookie]).body
    assert ask(app, "POST", "/api/arm", (cookie, *OURS), (b"{}",)).status == 403
    assert ask(app, headers=[cookie, ORIGIN], kind="websocket").status == 101


def test_the_links_are_those_that_let_in(ask):
    app = page(TOKEN)
    for link, role in zip(links("", TOKEN), (Role.OPERATOR, Role.SPECTATOR), strict=True):
        cookie = enter(ask, app, link.partition("token=")[2])
        assert role.encode() in ask(app, headers=[cookie]).body
    assert TOKEN not in links("", TOKEN).spectator


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_without_a_cookie_every_request_is_refused(ask, method):
    assert ask(page(TOKEN), method, "/api/sessions", OURS, (b"{}",)).status == 401


@pytest.mark.parametrize(
    "token", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "spectator", "operator"]
)
def test_a_wrong_token_is_refused(ask, token):
    answer = ask(page(TOKEN), query=f"token={token}")
    assert answer.status == 401
    assert "set-cookie" not in answer.headers


def test_many_wrong_tokens_are_too_many_even_if_the_right_one_follows(ask):
    app = page(TOKEN)
    for _ in range(20):
        assert ask(app, query="token=guess").status == 401
    assert ask(app, query=f"token={TOKEN}").status == 429


@pytest.mark.parametrize(
    "value",
    ["operator", "operator.", "operator.0000", "", '"', "spectator.x", "a;b", "operator.\xff"],
)
def test_a_cookie_that_was_made_up_is_none(ask, value):
    cookie = ("cookie", f"crepe_dashboard_8080={value}")
    assert ask(page(TOKEN), headers=[cookie]).status == 401


def test_a_cookie_outlives_a_restart_and_ends_with_its_token(ask, cookie):
    assert b"operator" in ask(page(), headers=[cookie]).body
    assert ask(page(TOKEN + "x"), headers=[cookie]).status == 401


def test_a_spectators_cookie_does_not_become_an_operators(ask):
    app = page(TOKEN)
    name, value = enter(ask, app, spectator_key(TOKEN))
    forged = (name, value.replace("spectator.", "operator."))
    assert ask(app, headers=[forged]).status == 401


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://127.0.0.1:8081",
        "http://127.0.0.1",
        "http://127.0.0.1:8080.evil.example",
        "http://evil@127.0.0.1:8080x",
        "file://127.0.0.1:8080",
        "http://[",
        "http://]x[",
        "",
    ],
)
def test_what_another_site_sends_is_refused(ask, cookie, origin):
    headers = [cookie, ("x-crepe", "1"), ("content-type", "application/json")]
    headers += [("origin", origin)] if origin is not None else []
    assert ask(page(), "POST", "/api/stop", headers, (b"{}",)).status == 403
    assert ask(page(), headers=headers, kind="websocket").status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_can_send_is_refused(ask, cookie, kind):
    headers = [cookie, ORIGIN, ("content-type", kind)]
    assert ask(page(), "POST", "/api/stop", headers, (b"{}",)).status == 403
    assert ask(page(), "POST", "/api/stop", [*headers, ("x-crepe", "1")], (b"{}",)).status == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example:8080",
        "127.0.0.1:80:80",
        "[127.0.0.1:8080",
        "",
        ":8080",
        "10.0.0.1:8080",
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(ask, host):
    headers = [("host", host), ("origin", f"http://{host}")]
    assert ask(page(), headers=headers).status == 421
    assert ask(page(), headers=headers, kind="websocket").status == 403


def test_a_page_on_all_addresses_answers_to_any_address_but_not_to_any_name(ask):
    app = page(TOKEN, host="0.0.0.0")
    assert ask(app, headers=[("host", "192.168.1.7:8080")]).status == 401
    assert ask(app, headers=[("host", "[fd00::7]:8080")]).status == 401
    assert ask(app, headers=[("host", "evil.example:8080")]).status == 421


def test_a_tunnel_may_change_the_port(ask, cookie):
    headers = [cookie, ("host", "localhost:9000"), ("origin", "http://localhost:9000")]
    assert ask(page(), headers=headers, kind="websocket").status == 101


@pytest.mark.parametrize("host", ["lab.example.org", "127.0.0.1:8080"])
def test_behind_a_proxy_the_public_url_is_ours_whatever_host_the_proxy_sends(ask, host):
    app = PageAccess(echo_role, host="127.0.0.1", token=TOKEN, public_url="https://lab.example.org")
    answer = ask(app, headers=[("host", host)], query=f"token={TOKEN}")
    assert ("secure" in answer.headers["set-cookie"].lower()) == (host == "lab.example.org")
    for origin, status in (("https://lab.example.org", 101), ("https://evil.example", 403)):
        headers = [("host", host), ("origin", origin), cookie_of(answer)]
        assert ask(app, headers=headers, kind="websocket").status == status


@pytest.mark.parametrize("token", ["q3+Zx/8vJm0PpY2+4hZr5w==", "abc&def#ghijklmno%41"])
def test_a_token_may_hold_any_character(ask, token):
    query = links("http://127.0.0.1:8080", token).operator.partition("?")[2]
    assert ask(page(token), query=query).status == 303


def test_a_page_for_others_answers_to_the_full_name_of_its_machine(ask, monkeypatch):
    monkeypatch.setattr("socket.getfqdn", lambda: "labpc.ntnu.example")
    for host in ("labpc.ntnu.example:8080", "labpc:8080"):
        assert ask(page(TOKEN, host="0.0.0.0"), headers=[("host", host)]).status == 401
        assert ask(page(TOKEN, host="192.168.1.7"), headers=[("host", host)]).status == 401
    assert links("http://0.0.0.0:8080", TOKEN).operator.startswith(
        "http://labpc.ntnu.example:8080/"
    )


def test_names_in_capitals_and_a_tls_proxy_are_let_in(ask, cookie):
    headers = [cookie, ("host", "LOCALHOST:8080"), ("origin", "https://localhost:8080")]
    assert ask(page(), headers=headers, kind="websocket").status == 101


def test_a_body_that_is_too_large_is_refused_whatever_it_says_of_itself(ask, cookie):
    bodies = [b"x" * 10_000] * 2
    headers = (cookie, *OURS, ("content-length", "5"))
    assert ask(page(), "POST", "/api/say", headers, bodies).status == 413


def test_a_websocket_needs_the_cookie_and_takes_no_token(ask):
    app = page(TOKEN)
    assert ask(app, headers=[ORIGIN], kind="websocket").status == 403
    assert ask(app, headers=[ORIGIN], kind="websocket", query=f"token={TOKEN}").status == 403


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", "///x"])
def test_the_link_leads_to_no_other_site(ask, path):
    answer = ask(page(TOKEN), path=path, query=f"token={TOKEN}")
    assert answer.headers["location"][:2] not in ("//", "/\\")


def test_every_answer_says_what_the_browser_may_load(ask, cookie):
    for headers in ([cookie], [], [("host", "x:1")]):
        answer = ask(page(), headers=headers)
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
