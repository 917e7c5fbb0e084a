"""A recorded session through its actors again: identical, or the first difference by name."""

import json
from types import SimpleNamespace

import h5py
import pytest
from typer.testing import CliRunner

from crepe.cli.app import app
from crepe.config.experiment import load_experiment
from crepe.environment.paths import project_directory
from crepe.environment.session import course_of
from crepe.errors import ConfigError
from crepe.messages import Command, StreamInfo
from crepe.recording.reader import Recording
from crepe.runtime.batch import Batch
from crepe.runtime.loop import Loop
from crepe.runtime.verify import _experiment, verify

CONFIG = project_directory() / "config"
SESSIONS = {
    "rps": {"actors.game.n_trials": 1, "actors.game.rest_s": 0.2, "actors.game.player": "script"},
    "pong": {"actors.game.session_s": 2.0, "actors.game.waits_for_start": True},
    "cartpole": {"actors.game.session_s": 2.0, "actors.game.unpredictable_s": 0.4},
}
DECIDES = {"rps": "result", "pong": "result:court", "cartpole": "result:steps"}


def record(name, directory):
    sensor = {"simulated_sensor": None, "sensor": None} if name == "rps" else {}
    experiment = load_experiment(CONFIG / f"{name}.toml", {**SESSIONS[name], **sensor})
    loop = Loop(experiment, directory, kept=("result:game",), session=name)
    # In a live session a command reaches the game and the annotator at different samples.
    send_at = {20: "game", 35: "annotate"} if name == "pong" else {}
    for window, _ in enumerate(loop.steps()):
        if receiver := send_at.get(window):
            send(loop, receiver, Command(0, 1, "start", ""))
        if loop.store.last("result:game").is_end:
            break
    loop.close()
    return directory / f"{name}.h5"


def send(loop, name, command):
    (host,) = (host for host in loop._chain.hosted if host.spec.name == name)
    loop._keep(loop._chain.spread(host.feed(Batch("control", 0, 0, (command,), command_id="1-0"))))


@pytest.fixture(scope="module")
def pong(tmp_path_factory):
    return record("pong", tmp_path_factory.mktemp("recordings"))


@pytest.mark.parametrize("name", ["rps", "cartpole"])
def test_a_session_of_one_process_is_identical(name, tmp_path):
    _check(record(name, tmp_path), DECIDES[name])


def test_pong_is_identical_with_a_command_that_was_annotated_later_than_the_game_received_it(pong):
    _check(pong, DECIDES["pong"])
    with Recording(pong) as recording:
        received, annotated = (
            recording.messages(stream, 0, 20_000)
            for stream in ("result:commands", "result:control")
        )
    assert [command.name for command in received] == ["start"]
    assert received[0].start < annotated[0].start


def _check(path, stream):
    result = verify(path, path.parent)
    assert result.difference is None
    assert {stream, "data:spikes", "result:game", "result:stimuli"} <= result.n_compared.keys()
    assert result.n_compared[stream] > 20
    assert result.n_compared["result:stimuli"] > 0
    assert result.fed == ["data", "result:delivered"]


@pytest.mark.parametrize(
    ("own", "origin_t_ns", "course"), [("", 1, course_of("s")), ("", 0, 0), ("course = 7\n", 1, 7)]
)
def test_it_draws_as_the_session_did(own, origin_t_ns, course, tmp_path):
    recording = SimpleNamespace(
        experiment=own + (CONFIG / "pong.toml").read_text(encoding="utf-8"),
        seed=1,
        session="s",
        streams=lambda: {"data": StreamInfo(origin_t_ns=origin_t_ns)},
    )
    assert _experiment(recording, tmp_path).course == course


def edited(path, tmp_path, edit):
    copy = tmp_path / "copy.h5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, "r+") as file:
        edit(file)
    return copy


def test_a_changed_setting_is_found_where_it_first_acts(pong, tmp_path):
    def edit(file):
        table = json.loads(file["CREPE/experiment"][()])
        table["actors"]["game"]["rates_hz"] = [8, 40]
        file["CREPE/experiment"][()] = json.dumps(table)

    difference = verify(edited(pong, tmp_path, edit), tmp_path).difference
    assert difference.stream == "result:stimuli"
    assert difference.index == 1  # the first pulse is at once, whatever the rate
    assert difference.text.startswith("start recorded ")


def test_a_changed_message_is_named(pong, tmp_path):
    def edit(file):
        group = file["CREPE/streams/result:court"]
        row = group["messages"][7]
        row["paddle_y"] += 1e-12
        group["messages"][7] = row

    path = edited(pong, tmp_path, edit)
    difference = verify(path, tmp_path).difference
    assert (difference.stream, difference.index) == ("result:court", 7)
    assert difference.text.startswith("paddle_y recorded ")
    result = CliRunner().invoke(app, ["replay", str(path), "--verify", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["difference"]["index"] == 7


def test_an_experiment_that_is_nested_without_end_is_refused(pong, tmp_path):
    def edit(file):
        del file["CREPE/experiment"]
        file["CREPE/experiment"] = '{"a":' * 100_000

    with pytest.raises(ConfigError, match=r"pong\.json: "):
        verify(edited(pong, tmp_path, edit), tmp_path)


def test_the_command_says_identical_and_needs_to_be_told_what_to_do(pong):
    result = CliRunner().invoke(app, ["replay", str(pong), "--verify"])
    assert result.exit_code == 0
    assert result.stdout.endswith("session pong: identical\n")
    with pytest.raises(ConfigError, match="give --verify"):
        CliRunner().invoke(app, ["replay", str(pong)], catch_exceptions=False)
