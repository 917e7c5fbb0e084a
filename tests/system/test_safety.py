"""Whatever dies or hangs in the middle of a train: the pulses cease, as counted in the dish."""

import json
import os
import signal
from pathlib import Path

import pytest
import urllib3

ROOT = Path(__file__).parent.parent.parent
SECOND = 50_000  # ticks of the DSP's clock, 20 us each
PAUSE = 5000  # longer than between two pulses, or two bursts, of a train of 20 Hz
ACTORS = ("acquire", "filter", "detect", "decode", "game", "stimulate")

pytestmark = pytest.mark.timeout(240)


class Dish:
    """What reaches the electrodes of the simulated culture."""

    def __init__(self, stack):
        self._stack = stack
        stack.wait((stack.var / "run" / "simulator.json").exists)
        self._port = json.loads((stack.var / "run" / "simulator.json").read_text())["http_port"]

    def pulses(self):
        """The present tick, and those of the pulses of the last seconds."""
        url = f"http://127.0.0.1:{self._port}/simulator/pulses"
        found = json.loads(urllib3.request("GET", url, retries=False).data)
        return found["now"], [tick for tick, *_ in found["pulses"]]

    def in_a_train(self):
        """Wait for a train that has just begun; the present tick."""

        def has_begun():
            now, ticks = self.pulses()
            recent = [tick for tick in ticks if now - tick < SECOND]
            return now if 3 <= len(recent) < 12 and now - recent[-1] < 5000 else 0

        return self._stack.wait(has_begun)

    def end_of_train(self, began):
        """Wait for the end of the train that was under way at a tick; the last pulse's tick."""

        def end():
            now, ticks = self.pulses()
            last = began
            for tick in ticks:
                if tick > last and tick - last < PAUSE:
                    last = tick
            return last if now - last > PAUSE else 0

        return self._stack.wait(end)


def test_the_pulses_cease_whatever_hangs_and_come_back_with_it(stack, tmp_path):
    text = (ROOT / "config" / "rps.toml").read_text(encoding="utf-8")
    text = text[: text.index("[sensor]")] + text[text.index("[actors.acquire]") :]
    for old, new in (
        ('player = "sensor"', 'player = "script"\nrest_s = 1.5\nstimulation_s = 5.0'),
        ("{ rock = 20.0, scissors = 30.3, paper = 40.0 }\nphases", "{ rock = 20.0 }\nphases"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "long.toml"
    path.write_text(text, encoding="utf-8")
    stack.crepe("up", str(path), "--new")
    dish = Dish(stack)
    hung = [(name, signal.SIGSTOP) for name in (*ACTORS, "watchdog", "redis")]
    killed = [(name, signal.SIGKILL) for name in ("game", "stimulate", "watchdog", "redis")]
    for name, number in [*hung, *killed]:
        pid = stack.wait(lambda name=name: stack.rows().get(name, {}).get("pid"))
        began = dish.in_a_train()
        os.kill(pid, number)
        try:
            assert dish.end_of_train(began) - began <= SECOND, (name, number)
        finally:
            if number == signal.SIGSTOP:
                os.kill(pid, signal.SIGCONT)
    done = stack.crepe("stop")
    assert "verified" in done.stdout
    before = dish.pulses()[0]
    stack.wait(lambda: dish.pulses()[0] - before > 5 * SECOND)
    assert dish.pulses()[1][-1] < before


def test_the_watchdogs_word_is_on_a_stream(stack):
    stack.crepe("up", "--new")
    dish = Dish(stack)
    pid = stack.wait(lambda: stack.rows().get("stimulate", {}).get("pid"))
    dish.in_a_train()
    os.kill(pid, signal.SIGKILL)
    stack.wait(
        lambda: (
            "the watchdog stopped the instrument"
            in stack.crepe("redis-cli", "XRANGE", "crepe:control", "-", "+").stdout
        )
    )
