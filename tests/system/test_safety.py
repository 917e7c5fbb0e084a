"""Whatever dies or hangs in the middle of a train: the pulses cease, as counted in the dish."""

import os
import signal

import pytest

from crepe.messages import Delivered
from crepe.redis_server.find_url import find_url
from crepe.store import Store
from crepe.store.redis_store import RedisStore
from tests.system.conftest import SECOND, changed

ACTORS = ("acquire", "pipeline", "game", "stimulate")  # the programs of the loop

LONG_TRAINS = {
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


def stops(store, name):
    """How often a train was stopped for cause by whoever has to when this program is gone."""
    control = RedisStore(find_url(60), patience_s=60)
    entries = control.wait({"control": "0-0"}, 0.01, count=1000)
    control.close()
    n = sum(b"the watchdog stopped the instrument" in item.payload for _, item in entries)
    if name == "stimulate":
        return n  # dead or hung it can stop nothing
    given = store["result:delivered"]
    delivered = given.messages(given.first, len(given))
    return n + sum(m.state == "stopped" for m in delivered if isinstance(m, Delivered))
