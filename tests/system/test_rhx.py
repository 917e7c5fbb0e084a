"""Rock-Paper-Scissors through a simulated RHX: whatever dies in a train, only a pattern's rest plays."""

import os
import signal
import subprocess
from contextlib import contextmanager

import pytest

from crepe.environment import paths
from crepe.errors import DeviceError
from crepe.simulator.rhx.control import ask
from tests.system.conftest import CREPE, changed

SUB_TRAIN_S = 1.0
PAUSE_S = 0.15  # longer than between two pulses at 20 Hz
ACTORS = ("acquire", "pipeline", "game", "stimulate", "watchdog", "redis")
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


@contextmanager
def simulated_rhx(stack):
    """`crepe simulate rhx` in the run directory of the stack."""
    process = subprocess.Popen(
        [*CREPE, "simulate", "rhx", "--port", "0"],
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        stack.wait((paths.run_directory(stack.var) / "rhx-simulator.json").exists)
        yield Dish(stack)
    finally:
        process.terminate()
        process.wait()


class Dish:
    """The pulses at the electrodes, by the simulator's clock."""

    def __init__(self, stack):
        self._stack = stack

    def look(self):
        tally = ask(paths.run_directory(self._stack.var))
        return tally["now_s"], sorted({round(at_s, 4) for at_s, *_ in tally["pulses"]})

    def in_a_train(self):
        """Wait for a sub-train that has just begun; the present time."""

        def has_begun():
            now_s, times = self.look()
            recent = [at_s for at_s in times if now_s - at_s < 0.8]
            is_new = len(times) > len(recent) or not times or times[0] > now_s - 0.8
            return now_s if 3 <= len(recent) < 10 and is_new and now_s - recent[-1] < 0.1 else 0

        return self._stack.wait(has_begun)

    def last_after(self, began_s):
        """Wait for the end of the pulses; the time of the last one."""

        def end():
            now_s, times = self.look()
            last_s = began_s
            for at_s in times:
                if last_s < at_s < last_s + PAUSE_S:
                    last_s = at_s
            return last_s if now_s - last_s > 2 * PAUSE_S else 0

        return self._stack.wait(end)


def test_whatever_is_killed_in_a_train_only_the_rest_of_a_pattern_plays(stack, tmp_path):
    with simulated_rhx(stack) as dish:
        stack.crepe("up", changed(tmp_path, "rps-rhx.toml", LONG_TRAINS), "--new")
        for name in ACTORS:
            pid = stack.wait(lambda name=name: stack.rows().get(name, {}).get("pid"))
            began_s = dish.in_a_train()
            os.kill(pid, signal.SIGKILL)
            assert dish.last_after(began_s) - began_s <= 2 * SUB_TRAIN_S, name
        began_s = dish.in_a_train()
        os.kill(stack.rows()["rhx"]["pid"], signal.SIGKILL)
        # nothing can stop it any more: what remains is the rest of the pattern
        assert dish.last_after(began_s) - began_s <= SUB_TRAIN_S + PAUSE_S
        n_pulses = len(dish.look()[1])
        stopped = stack.crepe("stop", check=False)
        assert stopped.returncode == 1
        assert "NOT VERIFIED" in stopped.stdout
        assert "press Stop on the RHX computer" in stopped.stdout
        assert len(dish.look()[1]) == n_pulses
        assert stack.rows()["rhx"]["state"] == "exited"  # and is not started again
        assert ask(paths.run_directory(stack.var))["is_hardware_running"]
        stack.crepe("down")


def test_a_stop_in_the_middle_of_the_game_stops_and_is_reported_as_not_verified(stack, tmp_path):
    with simulated_rhx(stack) as dish:
        stack.crepe("up", changed(tmp_path, "rps-rhx.toml", LONG_TRAINS), "--new")
        dish.in_a_train()
        stopped = stack.crepe("stop", check=False)
        assert stopped.returncode == 1
        assert "NOT VERIFIED: the instrument reports that it has stopped" in stopped.stdout
        n = len(dish.look()[1])
        # recording goes on, in another run, without patterns
        stack.wait(lambda: ask(paths.run_directory(stack.var))["is_hardware_running"])
        assert len(dish.look()[1]) == n
        stack.crepe("arm")
        stack.wait(lambda: len(dish.look()[1]) > n)
        stack.crepe("down")
    with pytest.raises(DeviceError):
        dish.look()
