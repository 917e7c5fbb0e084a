"""The hardware API, route by route: what clients of the original rely on, and its faults mended."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crepe.config.tables import SensorTable
from crepe.errors import StoreError
from crepe.messages import GameState
from crepe.sensor.input_tracker import InputTracker
from crepe.sensor.openapi import DOCUMENT
from crepe.sensor.routes import make_app
from crepe.web.access import Rate

WALL = [[18.0] * 8] * 8
FIST = [[18.0] * 4 + [30.0] * 4, *WALL[1:]]
HAND = [[18.0] * 4 + [30.0] * 4] * 4 + WALL[4:]
NO_LIMIT = 1e9
TOKEN = "0123456789abcdef"


class SensorGateway:
    """The application with a game that a test plays."""

    def __init__(self, rate=None, **settings):
        self.tracker = InputTracker("sensor")
        self.said = []
        self.app = make_app(
            self.tracker,
            SensorTable(**{"requests_per_s": NO_LIMIT, **settings}),
            self.said.append,
            sender="sensor",
            token=TOKEN,
            rate=rate,
        )

    def ask(self, verb, path, body=b"", headers=(), chunk=None):
        """Status, headers and body of the answer; the body in parts of `chunk` bytes."""
        return asyncio.run(self._ask(verb, path, body, dict(headers), chunk))

    async def _ask(self, verb, path, body, headers, chunk):
        path, _, query = path.partition("?")
        headers = {"authorization": f"Bearer {TOKEN}", **headers}
        scope = {
            "type": "http", "method": verb, "path": path, "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in headers.items() if v is not None],
            "client": ("10.0.0.1", 1), "server": ("127.0.0.1", 5000), "scheme": "http",
            "http_version": "1.1", "root_path": "",
        }  # fmt: skip
        size = chunk or max(1, len(body))
        parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
        sent = []

        async def receive():
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:])

    def get(self, path, **headers):
        status, _, body = self.ask("GET", path, headers=headers)
        return status, body.decode()

    def post(self, frame):
        status, _, body = self.ask("POST", "/hw-api/input/", json.dumps(frame).encode())
        assert status == 200
        return json.loads(body)

    def play(self, number, trial=1, decoded="rock"):
        def say(phase, **more):
            self.tracker.follow(GameState(0, 1, trial, phase, shown_by=f"sensor {number}", **more))

        say("stimulation")
        say("outcome", decoded=decoded, answer="paper", outcome="won")
        say("rest")


def test_the_greeting_is_the_originals():
    assert SensorGateway().get("/") == (200, "Hello, World!")
    assert SensorGateway().get("/hw-api/input/")[0] == 200


def test_a_frame_is_on_the_stream_with_what_it_was_classified_as():
    gateway = SensorGateway()
    number = gateway.post(FIST)["input"]
    (command,) = gateway.said
    assert (command.name, command.value, command.sender) == ("gesture", "rock", f"sensor {number}")
    assert command.frame == tuple(map(tuple, FIST))


def test_a_frame_without_a_hand_is_on_the_stream_and_no_gesture():
    gateway = SensorGateway()
    answer = gateway.post(WALL)
    assert (answer["gesture"], answer["state"]) == ("None", "unused")
    assert (gateway.said[0].name, gateway.said[0].value) == ("frame", "none")


def test_ready_is_true_exactly_while_the_result_is_there_however_often_it_is_read():
    gateway = SensorGateway()
    assert gateway.get("/hw-api/ready/") == (200, "False")
    number = gateway.post(FIST)["input"]
    assert gateway.get("/hw-api/ready/") == (200, "False")
    gateway.play(number)
    for _ in range(3):
        assert gateway.get("/hw-api/ready/") == (200, "True")
        assert gateway.get("/hw-api/output/") == (200, "Rock")
    gateway.post(HAND)
    assert gateway.get("/hw-api/ready/") == (200, "False")
    assert gateway.get("/hw-api/output/") == (204, "")


def test_no_result_yet_differs_from_the_gesture_none():
    gateway = SensorGateway()
    assert gateway.get("/hw-api/output/") == (204, "")
    gateway.play(gateway.post(FIST)["input"], decoded=None)
    assert gateway.get("/hw-api/output/") == (200, "None")


def test_the_original_form_always_gives_the_last_gesture():
    gateway = SensorGateway()
    assert gateway.get("/hw-api/output/?form=original") == (200, "None")
    gateway.play(gateway.post(FIST)["input"], decoded="scissors")
    gateway.post(FIST)
    assert gateway.get("/hw-api/output/?form=original") == (200, "Scissor")
    assert gateway.get("/hw-api/output/?form=modern")[0] == 400


def test_each_client_can_ask_for_its_own_input():
    gateway = SensorGateway()
    mine = gateway.post(FIST)["input"]
    theirs = gateway.post(HAND)["input"]
    assert gateway.get(f"/hw-api/output/?input={mine}")[0] == 410
    status, text = gateway.get(f"/hw-api/ready/?input={mine}")
    assert (status, json.loads(text)["reason"]) == (410, "another gesture was shown after it")
    assert gateway.get(f"/hw-api/output/?input={theirs}") == (204, "")
    assert gateway.get(f"/hw-api/ready/?input={theirs}") == (200, "False")
    gateway.play(theirs, decoded="paper")
    assert gateway.get(f"/hw-api/ready/?input={theirs}") == (200, "True")
    status, text = gateway.get(f"/hw-api/output/?input={theirs}", accept="application/json")
    assert json.loads(text)["decoded"] == "Paper"
    gateway.play(gateway.post(FIST)["input"], trial=2)
    assert gateway.get(f"/hw-api/output/?input={theirs}") == (200, "Paper")
    assert gateway.get("/hw-api/output/?input=nonsense")[0] == 404


def test_echo_gives_back_the_last_frame_that_was_accepted():
    gateway = SensorGateway()
    assert gateway.get("/hw-api/echo/") == (200, "None")
    gateway.ask("POST", "/hw-api/input/", b"nonsense")
    assert gateway.get("/hw-api/echo/") == (200, "None")
    gateway.post(FIST)
    assert json.loads(gateway.get("/hw-api/echo/")[1]) == FIST


@pytest.mark.parametrize("name", ["input", "output", "ready", "echo"])
def test_the_slash_at_the_end_may_be_left_out_and_nothing_is_redirected(name):
    for verb in ("GET", "POST"):
        bare, slash = (SensorGateway().ask(verb, f"/hw-api/{name}{end}")[0] for end in ("", "/"))
        assert bare == slash
        assert not 300 <= bare < 400


@pytest.mark.parametrize("content_type", ["", "application/json", "application/x-www-form-urlencoded"])  # fmt: skip
def test_a_posts_content_type_does_not_matter(content_type):
    body = json.dumps(FIST).encode()
    headers = {"content-type": content_type} if content_type else {}
    status, _, answer = SensorGateway().ask("POST", "/hw-api/input", body, headers)
    assert (status, json.loads(answer)["gesture"]) == (200, "Rock")


def test_other_verbs_are_405_and_other_paths_404():
    status, headers, _ = SensorGateway().ask("POST", "/hw-api/ready/")
    assert status == 405
    assert "GET" in headers["allow"]
    assert SensorGateway().ask("DELETE", "/hw-api/input/")[0] == 405
    assert SensorGateway().get("/hw-api/")[0] == 404
    assert SensorGateway().ask("HEAD", "/hw-api/ready/")[0] == 200


@given(st.binary() | st.text().map(str.encode) | st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()))  # fmt: skip
def test_whatever_is_posted_is_answered_and_the_next_good_frame_works(body):
    gateway = SensorGateway()
    status, _, answer = gateway.ask("POST", "/hw-api/input/", body)
    assert status in (200, 400)
    assert status == 200 or json.loads(answer)["reason"]
    assert status == 200 or not gateway.said
    gateway.play(gateway.post(FIST)["input"])
    assert gateway.get("/hw-api/output/") == (200, "Rock")


def test_an_unreachable_store_is_503_and_the_input_does_not_count():
    gateway = SensorGateway()

    def lost(command):
        raise StoreError("unix://redis.sock: no Redis server answers")

    gateway.app = make_app(gateway.tracker, SensorTable(), lost, sender="sensor", token=TOKEN)
    status, _, answer = gateway.ask("POST", "/hw-api/input/", json.dumps(FIST).encode())
    assert status == 503
    assert "no Redis server answers" in json.loads(answer)["reason"]
    assert gateway.get("/hw-api/echo/") == (200, "None")


@pytest.mark.parametrize("chunk", [None, 100])
@pytest.mark.parametrize("says_length", [True, False])
def test_a_body_beyond_the_limit_is_413(chunk, says_length):
    gateway = SensorGateway(largest_body_bytes=1000)
    headers = {"content-length": "1001"} if says_length else {}
    status, found, _ = gateway.ask("POST", "/hw-api/input/", b" " * 1001, headers, chunk)
    assert status == 413
    assert found["connection"] == "close"
    body = json.dumps(FIST).encode().ljust(1000)
    assert gateway.ask("POST", "/hw-api/input/", body, chunk=chunk)[0] == 200


def test_too_many_requests_are_429_until_time_has_passed():
    now_s = [0.0]
    rate = Rate(2.0, lambda: now_s[0])
    gateway = SensorGateway(rate=rate)
    assert [gateway.get("/")[0] for _ in range(4)] == [200, 200, 429, 429]
    assert gateway.ask("GET", "/")[1]["retry-after"] == "1"
    assert rate.allows("another address")
    now_s[0] = 0.5
    assert [gateway.get("/")[0] for _ in range(2)] == [200, 429]
    for tenth in range(6, 11):  # who asks too often gets what is allowed, not nothing
        now_s[0] = tenth / 10
        assert gateway.get("/")[0] == (200 if tenth == 10 else 429)
    now_s[0] = 100.0
    assert [gateway.get("/")[0] for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 401), ("", 401), ("Bearer", 401), (TOKEN, 401), (f"Basic {TOKEN}", 401),
        (f"Bearer {TOKEN}x", 401), ("Bearer \xe9", 401),
        (f"Bearer {TOKEN}", 200), (f"bearer  {TOKEN}", 200),
    ],
)  # fmt: skip
def test_a_token_is_required_of_every_client(header, status):
    for path in ("/", "/hw-api/ready/", "/openapi.json"):
        answer = SensorGateway().ask("GET", path, headers={"authorization": header})
        assert answer[0] == status
    headers = {"authorization": header}
    gateway = SensorGateway()
    body = json.dumps(FIST).encode()
    assert gateway.ask("POST", "/hw-api/input/", body, headers)[0] == status
    assert len(gateway.said) == (status == 200)


@pytest.mark.parametrize("length", ["\xb2", "-1", "", "x", "9" * 5000, "0" * 5000])
def test_a_length_that_is_no_number_harms_nothing(length):
    gateway = SensorGateway()
    body = json.dumps(FIST).encode()
    headers = {"content-length": length}
    is_too_long = length.startswith("9")
    assert gateway.ask("POST", "/hw-api/input/", body, headers)[0] == (413 if is_too_long else 200)


def test_a_web_page_may_not_post():
    body = json.dumps(FIST).encode()
    assert (
        SensorGateway().ask("POST", "/hw-api/input/", body, {"origin": "http://evil.example"})[0]
        == 403
    )


def test_the_openapi_document_lists_the_routes_and_their_verbs():
    described = {
        (verb.upper(), path) for path, verbs in DOCUMENT["paths"].items() for verb in verbs
    }
    served = {("GET", "/openapi.json"), ("GET", "/"), ("POST", "/hw-api/input/")}
    served |= {("GET", f"/hw-api/{name}/") for name in ("input", "output", "ready", "echo")}
    assert described == served
    for verb, path in described:
        assert SensorGateway().ask(verb, path)[0] in (200, 204, 400)
    assert json.loads(SensorGateway().get("/openapi.json")[1]) == DOCUMENT


def test_statuses_are_in_the_openapi_document():
    for verb, path, statuses in [
        ("post", "/hw-api/input/", {"200", "400", "401", "403", "413", "429", "503"}),
        ("get", "/hw-api/output/", {"200", "204", "400", "401", "404", "410", "429"}),
        ("get", "/hw-api/ready/", {"200", "401", "404", "410", "429"}),
    ]:
        assert set(DOCUMENT["paths"][path][verb]["responses"]) == statuses
