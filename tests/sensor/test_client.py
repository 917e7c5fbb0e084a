"""A sensor and a gateway over real HTTP, with a game that answers at once."""

import json
import socket
import threading
from contextlib import contextmanager

import pytest

from crepe.config.tables import InfraredSettings, SensorTable, SimulatedSensorTable
from crepe.environment import paths
from crepe.errors import ConfigError, DeviceError
from crepe.messages import GameState
from crepe.sensor.client import Answer, Gateway, GatewayClient, find_gateway
from crepe.sensor.frames import classify
from crepe.sensor.hand_frames import as_json
from crepe.sensor.input_tracker import InputTracker, State
from crepe.sensor.routes import make_app
from crepe.sensor.send import line, send_frames, send_gestures, send_recorded
from crepe.sensor.simulated import nth_gesture, play
from crepe.web.links import server_file

SETTINGS = InfraredSettings()
TOKEN = "0123456789abcdef"


def seen(gesture):
    n = next(
        n for n in range(1, 100) if classify(next(nth_gesture(n, SETTINGS, 0)), SETTINGS) == gesture
    )
    return nth_gesture(n, SETTINGS, 0)


class Game:
    """Plays a trial whenever a sensor waits a moment; decodes what it was shown."""

    def __init__(self, n_busy=0, n_trials=99):
        self.tracker = InputTracker("sensor")
        self.trial = 1
        self._senders = []
        self._n_busy = n_busy  # so many gestures are not taken at first
        self._n_trials = n_trials
        if n_busy:
            self._say("stimulation", "script")

    def say(self, command):
        if command.name == "gesture":
            self._senders.append((command.sender, command.value))

    def sleep(self, seconds):
        """For a sensor's `sleep`: what happens in the meantime."""
        self._n_busy -= 1
        if self._n_busy == 0:
            self._say("rest", "")
        elif self._n_busy < 0 and self._senders:
            sender, gesture = self._senders[-1]
            self._say("stimulation", sender, gesture=gesture)
            self._say("outcome", sender, decoded=gesture, answer="paper", outcome="won")
            self.trial += 1
            self._say("rest" if self.trial <= self._n_trials else "over", "")

    def _say(self, phase, by, **more):
        self.tracker.follow(GameState(0, 1, self.trial, phase, shown_by=by, **more))


@pytest.fixture
def meet(serve):
    def meet(game=None):
        game = game or Game()
        app = make_app(game.tracker, SensorTable(), game.say, sender="sensor", token=TOKEN)
        return game, serve(app)

    return meet


@pytest.fixture
def client():
    made = []

    def client(url, token=TOKEN, **more):
        made.append(GatewayClient(url, token, **more))
        return made[-1]

    yield client
    for each in made:
        each.close()


def test_a_frame_is_posted_once_and_its_own_answer_comes_back(meet, client):
    game, server = meet()
    gateway = client(server.url)
    first = send_frames(gateway, seen("scissors"), 10.0, sleep=game.sleep)
    assert (first.state, first.gesture, first.decoded) == (State.RESULT, "Scissor", "Scissor")
    assert send_frames(gateway, seen("rock"), 10.0, sleep=game.sleep).trial == 2
    assert gateway.state_of(first.number) == first
    assert len(game._senders) == 2


def test_frames_are_posted_until_one_begins_a_trial(meet, client):
    game, server = meet(Game(n_busy=3))
    assert (
        send_frames(client(server.url), seen("rock"), 10.0, sleep=game.sleep).state is State.RESULT
    )
    assert len(game._senders) == 4


def test_a_sensor_waits_no_longer_than_its_timeout(meet, client):
    _, server = meet()
    gateway = client(server.url)
    now_s = iter(range(1000))
    answer = gateway.wait(
        gateway.post(next(seen("rock"))), 5.0, sleep=lambda s: None, monotonic_s=lambda: next(now_s)
    )
    assert answer.state is State.WAITING


def test_gestures_are_answered_one_after_the_other_until_the_game_is_over(meet, client):
    game, server = meet(Game(n_trials=2))
    shown = ["none", "paper", "rock", "rock"]
    answers = list(send_gestures(client(server.url), shown, seed=3, sleep=game.sleep))
    assert [a.state for a in answers] == ["unused", "result", "result", "over"]
    assert [line(a) for a in answers] == [
        "shown None: no hand in the frame",
        "trial 1: shown Paper, decoded Paper, the culture plays Paper: won",
        "trial 2: shown Rock, decoded Rock, the culture plays Paper: won",
        "shown Rock: the game is over",
    ]
    with pytest.raises(ConfigError, match="'scisors' is no gesture; did you mean 'scissors'"):
        list(send_gestures(client(server.url), ["scisors"], seed=3))


def test_a_recording_is_shown_frame_by_frame(meet, client, tmp_path):
    game, server = meet()
    path = tmp_path / "frames.jsonl"
    path.write_bytes(b"\n".join(as_json(next(seen(g))) for g in (None, "rock", None, "paper") if g))
    answers = list(send_recorded(client(server.url), path, sleep=game.sleep))
    assert [a.gesture for a in answers] == ["Rock", "Paper"]


def test_the_hands_gestures_follow_from_the_seed():
    def shown(seed):
        return [classify(next(nth_gesture(n, SETTINGS, seed)), SETTINGS) for n in range(1, 20)]

    assert shown(7) == shown(7) != shown(8)
    assert set(shown(7)) == {"rock", "scissors", "paper"}


def test_the_simulated_sensor_shows_each_gesture_once_until_the_game_is_over(meet, client):
    game, server = meet(Game(n_trials=3))
    play(client(server.url), SimulatedSensorTable(), SETTINGS, 7, sleep=game.sleep)
    shown = [gesture for _, gesture in game._senders]
    # The last has found the game to be over.
    assert shown == [classify(next(nth_gesture(n, SETTINGS, 7)), SETTINGS) for n in (1, 2, 3, 4)]


def test_the_simulated_sensor_goes_on_once_the_gateway_answers_again(meet, client):
    game, server = meet(Game(n_trials=1))
    gateway = client(server.url)
    post, fails = gateway.post, iter([True, True])

    def posts(frame):
        if next(fails, False):
            raise DeviceError("503")
        return post(frame)

    gateway.post = posts
    play(gateway, SimulatedSensorTable(), SETTINGS, 7, sleep=game.sleep)
    assert len(game._senders) == 2  # the second has found the game to be over


def test_a_token_is_sent_and_a_wrong_one_is_an_error(meet, client):
    _, server = meet()
    assert client(server.url).post(next(seen("rock"))).gesture == "Rock"
    for token in ("wrong", ""):
        with pytest.raises(DeviceError, match=r"401 needs the header Authorization: Bearer TOKEN"):
            client(server.url, token=token).post(next(seen("rock")))


def test_a_gateway_that_is_down_or_no_gateway_is_an_error_with_its_address(serve, client):
    def answers(body):
        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        return app

    for body in (b"Hello", b"[" * 100_000):
        with pytest.raises(DeviceError, match="is no answer of a sensor gateway"):
            client(serve(answers(body)).url).post(next(seen("rock")))
    with pytest.raises(DeviceError, match=r"http://127.0.0.1:9: does not answer"):
        client("http://127.0.0.1:9").post(next(seen("rock")))
    with pytest.raises(ConfigError, match="must be http://HOST:PORT"):
        client("127.0.0.1:5000")


def test_two_gateways_take_different_ports_and_a_requested_port_is_kept_to(meet, serve):
    _, first = meet()
    _, second = meet()
    assert first.port != second.port
    with pytest.raises(DeviceError, match=f"port {first.port}: .*leave `port` out"):
        serve(None, port=first.port)
    with pytest.raises(DeviceError, match="192.0.2.1 port 5000"):
        serve(None, host="192.0.2.1", port=5000)


def test_a_running_gateway_is_found_and_a_stopped_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "announced", lambda _: [tmp_path / "b", tmp_path / "c"])
    monkeypatch.setattr(paths, "project_directory", lambda: tmp_path / "a")
    with pytest.raises(DeviceError, match="no sensor gateway runs"):
        find_gateway()
    with open_door(tmp_path / "b") as b:
        assert find_gateway() == b
        with open_door(tmp_path / "c") as c:
            monkeypatch.setenv("CREPE_VAR", str(tmp_path / "c"))
            assert find_gateway() == c
            monkeypatch.delenv("CREPE_VAR")
            with pytest.raises(DeviceError, match=r"several sensor gateways run .*CREPE_VAR"):
                find_gateway()
        assert find_gateway() == b  # c was killed and left its file
        monkeypatch.setenv("CREPE_VAR", str(tmp_path / "d"))
        with pytest.raises(DeviceError, match="no sensor gateway runs"):
            find_gateway()  # a program never goes to the gateway of another clone


@contextmanager
def open_door(var):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        said = {"url": f"http://127.0.0.1:{port}", "port": port, "token": TOKEN, "pid": 1}
        paths.write_json(paths.run_directory(var) / server_file("sensor"), said)
        yield Gateway(said["url"], TOKEN)


def test_the_file_exists_while_the_gateway_runs(meet, tmp_path):
    _, server = meet()
    found = json.loads((tmp_path / server_file("sensor")).read_text())
    assert found["url"] == server.url


def test_many_sensors_at_once_each_get_their_own_input(meet, client):
    _, server = meet()
    answers: list[Answer] = []
    hands = ("rock", "paper", "scissors") * 4

    def be_one(gesture):
        gateway = client(server.url)
        answers.append(gateway.post(next(seen(gesture))))

    threads = [threading.Thread(target=be_one, args=(g,)) for g in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({a.number for a in answers}) == len(hands)
    assert sorted(a.gesture for a in answers) == ["Paper"] * 4 + ["Rock"] * 4 + ["Scissor"] * 4
