"""Whatever dies or hangs in the middle of a train: the pulses cease, as counted in the dish."""

import os
import signal
from collections import Counter

import pytest

from benchmarks.cluster_nodes import running_cluster
from crepe.messages import Delivered, Stimulus
from crepe.redis_server.find_url import find_url
from crepe.store import Store
from crepe.store.redis_store import RedisStore
from tests.system.conftest import LIGHT, SECOND, changed

ACTORS = ("acquire", "pipeline", "game", "stimulate")  # the programs of the loop

LONG_TRAINS = {
    **LIGHT,
    **dict.fromkeys(
        ("dashboard", "sensor", "simulated_sensor", "actors.annotate", "actors.channels")
    ),
    "chains.pipeline.actors": ["filter", "detect", "decode"],
    "actors.record.reads": ["data", "result:game", "result:delivered"],
    "actors.game.reads": ["result", "control"],
    "actors.game.writes": ["result:game", "result:stimuli"],
    "actors.game.player": "script",
    "actors.game.rest_s": 0.3,
    "actors.game.stimulation_s": 3.0,
    "actors.game.rates_hz": dict.fromkeys(("rock", "paper", "scissors"), 20.0),
    "actors.stimulate.silence_s": 0.5,
}


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_the_pulses_cease_because_somebody_stops_them(stack, tmp_path, number):
    """A train takes three seconds, so that pulses go on for more than two if nobody acts."""
    stack.crepe("up", changed(tmp_path, "rps.toml", LONG_TRAINS), "--new")
    dish = stack.dish()
    with Store(patience_s=60) as store:
        for name in (*ACTORS, "watchdog", "redis"):
            pid = stack.wait(lambda name=name: stack.rows().get(name, {}).get("pid"))
            began = dish.in_a_train()
            stopped = stops(store, name)
            os.kill(pid, number)
            try:
                assert dish.end_of_train(began) - began <= 2 * SECOND, name
            finally:
                if number == signal.SIGSTOP:
                    os.kill(pid, signal.SIGCONT)
            stack.wait(lambda name=name, stopped=stopped: stops(store, name) > stopped)
    done = stack.crepe("stop")
    assert "stop proved" in done.stdout
    before = dish.pulses()[0]
    stack.wait(lambda: dish.pulses()[0] - before > 5 * SECOND)
    assert dish.pulses()[1][-1] < before


def test_a_train_ends_with_the_master_of_a_cluster_and_the_game_goes_on_at_its_replica(
    stack, tmp_path, monkeypatch
):
    with running_cluster(tmp_path) as cluster:
        master = cluster.master_of("crepe")
        named = next(node for node in cluster.nodes if node is not master)
        stack.environment["CREPE_REDIS"] = named.url
        monkeypatch.setenv("CREPE_REDIS", named.url)
        reads = {"actors.record.reads": ["data", "result:stimuli", "result:delivered"]}
        stack.crepe("up", changed(tmp_path, "rps.toml", LONG_TRAINS | reads), "--new")
        dish = stack.dish()
        began = dish.in_a_train()
        master.kill()
        assert dish.end_of_train(began) - began <= 2 * SECOND
        dish.in_a_train()
        stack.crepe("down")
    with Store("last") as recording:
        asked = {m.number for m in messages_of(recording, "result:stimuli", Stimulus)}
        given = messages_of(recording, "result:delivered", Delivered)
        answers = Counter(m.number for m in given if m.state != "intended")
        assert answers == Counter(asked)  # one each
        assert "stopped" in {m.state for m in given}


def messages_of(store, name, kind):
    stream = store[name]
    kept = stream.messages(stream.first, len(stream))
    return [m for m in kept if isinstance(m, kind)]


def stops(store, name):
    """How often a train was stopped for cause by whoever has to when this program is gone."""
    control = RedisStore(find_url(60), patience_s=60)
    entries = control.wait({"control": "0-0"}, 0.01, count=1000)
    control.close()
    n = sum(b"the watchdog stopped the instrument" in item.payload for _, item in entries)
    if name == "stimulate":
        return n  # dead or hung it can stop nothing
    delivered = messages_of(store, "result:delivered", Delivered)
    return n + sum(m.state == "stopped" for m in delivered)
