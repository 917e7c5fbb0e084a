"""Whatever dies or hangs in the middle of a train: the pulses cease, as counted in the dish."""

import os
import signal
from pathlib import Path

import pytest

from crepe.messages import Delivered
from crepe.redis_server.find_url import find_url
from crepe.store import Store
from crepe.store.redis_store import RedisStore

ROOT = Path(__file__).parent.parent.parent
ACTORS = ("acquire", "pipeline", "game", "stimulate")  # the programs of the loop

SECOND = 50_000  # ticks of the DSP's clock, 20 us each


@pytest.mark.timeout(240)
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_the_pulses_cease_because_somebody_stops_them(stack, tmp_path, number):
    """A train takes two seconds, so that pulses go on for more than one if nobody acts."""
    path = tmp_path / "long.toml"
    path.write_text(with_long_trains(), encoding="utf-8")
    stack.crepe("up", str(path), "--new")
    dish = stack.dish()
    with Store(patience_s=60) as store:
        for name in (*ACTORS, "watchdog", "redis"):
            pid = stack.wait(lambda name=name: stack.rows().get(name, {}).get("pid"))
            began = dish.in_a_train()
            stopped = stops(store, name)
            os.kill(pid, number)
            try:
                assert dish.end_of_train(began) - began <= SECOND, name
            finally:
                if number == signal.SIGSTOP:
                    os.kill(pid, signal.SIGCONT)
            stack.wait(lambda name=name, stopped=stopped: stops(store, name) > stopped)
    done = stack.crepe("stop")
    assert "verified" in done.stdout
    before = dish.pulses()[0]
    stack.wait(lambda: dish.pulses()[0] - before > 5 * SECOND)
    assert dish.pulses()[1][-1] < before


def with_long_trains():
    text = (ROOT / "config" / "rps.toml").read_text(encoding="utf-8")
    text = text[: text.index("[sensor]")] + text[text.index("[actors.acquire]") :]
    for old, new in (
        ('player = "sensor"', 'player = "script"\nrest_s = 1.0\nstimulation_s = 2.0'),
        ('writes = ["result:delivered"]', 'writes = ["result:delivered"]\nsilence_s = 0.5'),
        ("{ rock = 20.0, scissors = 30.3, paper = 40.0 }\nphases", "{ rock = 20.0 }\nphases"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


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
