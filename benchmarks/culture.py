"""The simulated culture: its share of a core, and the time to create one."""

import time

from crepe.culture.culture import Culture
from crepe.electrodes.layouts import grid_labels
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.settings import SimulatorSettings

SECONDS = 20


def run() -> dict[str, float]:
    """Return CPU time per second of the culture, at 10 kHz; 100 is a whole core."""
    settings = SimulatorSettings(seed=1)
    meame = SimulatedMeame(settings)
    meame.advance(1000)
    began_s = time.process_time()
    for _ in range(10 * SECONDS):
        meame.advance(1000)
    figures = {"instrument, 1000 cells, 60 electrodes: % of a core": _percent(began_s, SECONDS)}
    for n_electrodes, n_cells in ((60, 1000), (1024, 4000), (4096, 4000)):
        for stdp in (False, True) if n_electrodes == 60 else (False,):
            changed = settings.model_copy(update={"n_cells": n_cells, "stdp": stdp})
            began_s = time.process_time()
            culture = Culture(changed, grid_labels(n_electrodes), 10_000.0)
            made_ms = 1000 * (time.process_time() - began_s)
            seconds = SECONDS if n_electrodes == 60 else SECONDS // 4
            began_s = time.process_time()
            for _ in range(1000 * seconds):
                culture.block([])
            what = f"{n_cells} cells, {n_electrodes} electrodes{' with STDP' if stdp else ''}"
            figures[f"{what}: % of a core"] = _percent(began_s, seconds)
            figures[f"{what}: ms to make it"] = made_ms
    return figures


def _percent(began_s: float, seconds: float) -> float:
    return 100 * (time.process_time() - began_s) / seconds
