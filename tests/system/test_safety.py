"""Whatever dies or hangs in the middle of a train: the pulses cease, as counted in the dish."""

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ACTORS = ("acquire", "filter", "detect", "decode", "game", "stimulate")

SECOND = 50_000  # ticks of the DSP's clock, 20 us each

pytestmark = pytest.mark.timeout(240)


def test_the_pulses_cease_whatever_hangs_and_come_back_with_it(stack, dish, tmp_path):
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
    dish = dish()
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


def test_the_watchdogs_word_is_on_a_stream(stack, dish):
    stack.crepe("up", "--new")
    dish = dish()
    pid = stack.wait(lambda: stack.rows().get("stimulate", {}).get("pid"))
    dish.in_a_train()
    os.kill(pid, signal.SIGKILL)
    stack.wait(
        lambda: (
            "the watchdog stopped the instrument"
            in stack.crepe("redis-cli", "XRANGE", "crepe:control", "-", "+").stdout
        )
    )
