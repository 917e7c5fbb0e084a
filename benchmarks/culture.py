"""The simulated culture: its share of a core, and the time to create one."""

import time

from crepe.culture.culture import Culture
from crepe.electrodes.layouts import grid_labels
from crepe.simulator.meame.instrument import SimulatedMeame
from crepe.simulator.meame.settings import SimulatorSettings

SECONDS = 20


SIZES = ((60, 1000, 200.0), (1024, 10_000, 89.0), (4096, 10_000, 42.0))
"""Electrodes, cells, and the spacing in um: a 60MEA200; 1,024 of the electrodes of a MaxOne, spread
over its 3.85 x 2.1 mm; the 64 x 64 of Imfeld et al. 2008."""


def run() -> dict[str, float]:
    """Return CPU time per second of the culture, at 10 kHz; 100 is a whole core.

    In lock-step a core simulates 100 / this many seconds a second.
    """
    settings = SimulatorSettings(seed=1)
    meame = SimulatedMeame(settings)
    meame.advance(1000)
    began_s = time.process_time()
    for _ in range(10 * SECONDS):
        meame.advance(1000)
    figures = {"instrument, 1000 cells, 60 electrodes: % of a core": _percent(began_s, SECONDS)}
    for n_electrodes, n_cells, spacing_um in SIZES:
        for stdp in (False, True) if n_electrodes == 60 else (False,):
            changes = {"n_cells": n_cells, "stdp": stdp, "spacing_um": spacing_um}
            began_s = time.process_time()
            culture = Culture(
                settings.model_copy(update=changes), grid_labels(n_electrodes), 10_000.0
            )
            made_ms = 1000 * (time.process_time() - began_s)
            seconds = SECONDS if n_electrodes == 60 else SECONDS // 10
            n_spikes = 0
            began_s = time.process_time()
            for _ in range(1000 * seconds):
                n_spikes += len(culture.block([])[1])
            what = f"{n_cells} cells, {n_electrodes} electrodes{' with STDP' if stdp else ''}"
            figures[f"{what}: % of a core"] = _percent(began_s, seconds)
            figures[f"{what}: spikes per cell and second"] = n_spikes / n_cells / seconds
            figures[f"{what}: ms to make it"] = made_ms
    return figures


def _percent(began_s: float, seconds: float) -> float:
    return 100 * (time.process_time() - began_s) / seconds
