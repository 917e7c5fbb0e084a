"""The closed loop of the default experiment, from a segment acquired to a stimulus handed over."""

import os
import tempfile
import time

import numpy as np

from crepe.cli.scoreboard import latencies_ms
from crepe.config.overrides import prepare
from crepe.messages import Delivered
from crepe.supervise.start import running

N_GAMES = 3


def run() -> dict[str, float]:
    """Return medians over games of 6 trials; a stimulus's fixed delay is part of its figure."""
    games = [game() for _ in range(N_GAMES)]
    return {name: float(np.nanmedian([figures[name] for figures in games])) for name in games[0]}


def game() -> dict[str, float]:
    """Return p50 and p99 over one game."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CREPE_VAR"] = directory
        with running(prepare(None, rounds=6)) as store:
            cursors: dict[str, int] = {}
            decided: list[float] = []
            time.sleep(2)
            latencies_ms(store, "data", "result", cursors)
            while "result:game" not in store or not store["result:game"].is_ended:
                time.sleep(0.5)
                decided += latencies_ms(store, "data", "result", cursors)
            arrived = dict(store["data"].times_ns(0, len(store["data"])))
            delivered = store["result:delivered"]
            requested = {m.number: m.stop for m in store["result:stimuli"].messages(0, 10**12)}
            handed = [
                (m.t_ns - arrived[-(-requested[m.number] // 100) * 100]) / 1e6
                for m in delivered.messages(0, 10**12)
                if isinstance(m, Delivered) and m.state == "delivered"
            ]
    handed = handed or [float("nan")]  # a busy machine may refuse all: they came too late
    return {
        "acquired to decided p50 ms": float(np.percentile(decided, 50)),
        "acquired to decided p99 ms": float(np.percentile(decided, 99)),
        "request to stimulus handed over p50 ms (50 of them the fixed delay)": float(
            np.percentile(handed, 50)
        ),
        "request to stimulus handed over p99 ms": float(np.percentile(handed, 99)),
    }
