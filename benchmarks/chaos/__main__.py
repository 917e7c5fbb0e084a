"""Random faults without a rest, and a count of everything afterwards.

    python -m benchmarks.chaos [MINUTES] [SEED] [HALF]

Half of the time the samples come from the generator, whose truth is known sample by sample; half of
it from the simulated culture, with trains of 3 s at the electrodes. HALF (`generator` or `culture`)
gives all of it to one. Programs, Redis, the culture, supervisord and all of them at once are killed
or frozen, the network misbehaves, and the generator's disk fills up, where that may be tried: on a
small one, as root. In between the session is ended in good order, or cut off and resumed. The exit
status is 0 only if every figure that must be 0 is.
"""

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

from benchmarks.chaos.count import Figures, of_culture, of_generator
from benchmarks.chaos.disk import small_disk
from benchmarks.chaos.faults import SILENCE_S, Chaos
from crepe.config.experiment import load_experiment, save_experiment

GENERATOR = """
[actors.acquire]
run = "crepe.actors.acquire:Acquire"
writes = ["data"]
device = "generator://?n_channels=8"

[actors.detect]
run = "crepe.actors.detect:Detect"
reads = ["data"]
writes = ["data:spikes"]

[actors.record]
run = "crepe.actors.record:Record"
reads = ["data", "data:spikes"]
spare_mb = 16
"""
HALVES = {"generator": of_generator, "culture": of_culture}
LONG_TRAINS = {
    "sensor": None,
    "simulated_sensor": None,
    "actors.game.reads": ["result", "control"],
    "actors.game.writes": ["result:game", "result:stimuli"],
    "actors.record.reads": [
        "data",
        "data:spikes",
        "result:game",
        "result:stimuli",
        "result:delivered",
    ],
    "actors.game.player": "script",
    "actors.game.n_trials": 100_000,
    "actors.game.rest_s": 0.3,
    "actors.game.stimulation_s": 3.0,
    "actors.game.rates_hz": dict.fromkeys(("rock", "paper", "scissors"), 20.0),
    "actors.stimulate.silence_s": SILENCE_S,
}


def run(minutes: float, seed: int, halves: Sequence[str] = tuple(HALVES)) -> Figures:
    """Return the figures of all halves."""
    figures: Figures = {}
    for half in halves:
        with ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="crepe-chaos-"))
            var = Path(directory)
            # What the culture's append-only file takes would need more memory than most have.
            fills_disk = half == "generator" and stack.enter_context(small_disk(var))
            os.environ["CREPE_VAR"] = directory
            chaos = Chaos(var, _experiment(var, half), Random(seed), fills_disk=fills_disk)
            chaos.run(60 * minutes / len(halves))
            print(f"{half}: {json.dumps(chaos.n_faults)}", flush=True)
            for what, value in {**chaos.figures(), **HALVES[half](chaos)}.items():
                print(f"    {value:12.2f}  {what}", flush=True)
                figures[f"{half}, {what}"] = value
    return figures


def _experiment(directory: Path, half: str) -> Path:
    if half == "culture":
        return save_experiment(load_experiment(changes=LONG_TRAINS), directory / "c.json").path
    path = directory / "generator.toml"
    path.write_text(GENERATOR, encoding="utf-8")
    return path


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    figures = run(minutes, seed, sys.argv[3:] or tuple(HALVES))
    sys.exit(any(value for what, value in figures.items() if "must be 0" in what))


if __name__ == "__main__":
    main()
