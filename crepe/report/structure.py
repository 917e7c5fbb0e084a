"""Bursts and synchrony of a session: numbers, figure and section."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crepe.analysis.bursts import (
    ISI_N_S,
    PART_SPIKES,
    TAKING_PART,
    isi_n,
    isi_n_spikes,
    log_isi,
    max_interval,
    network_bursts,
)
from crepe.analysis.rates import Times, cv, cv2, is_active, lv, psth_hz
from crepe.analysis.synchrony import connectivity, sttc
from crepe.report.html import Element, element, figure, section, table
from crepe.report.numbers import Structure
from crepe.report.style import BLACK, Picture, picture
from crepe.results.spikes import SpikeTrains

MOST_S = 600.0  # of the analysed stretch
MOST_PAIRED = 20
"""Number of the most active electrodes that are compared in pairs; shifting trains is slow."""
AROUND_S = (0.5, 1.0)  # before and after the begin of a network burst
BIN_S = 0.02


def structure(crossings: SpikeTrains, seed: int) -> Structure | None:
    """Return bursts and synchrony of the last stretch without a gap.

    None if fewer than two electrodes are active in it. `seed` is of the shifted trains.
    """
    begin = max((stop for _, stop in crossings.gaps), default=0)
    begin = max(begin, crossings.stop - round(MOST_S * crossings.rate_hz))
    duration_s = (crossings.stop - begin) / crossings.rate_hz
    all_s, channel = (crossings.sample - begin) / crossings.rate_hz, crossings.channel
    trains = [all_s[(channel == k) & (all_s >= 0)] for k in range(len(crossings.labels))]
    if duration_s <= 0:
        return None
    active = np.flatnonzero(is_active(trains, duration_s))
    if len(active) < 2:
        return None
    bursts = [max_interval(times_s) for times_s in trains]
    network = network_bursts(trains, bursts, duration_s)
    all_s = all_s[all_s >= 0]
    order = sorted(active, key=lambda k: -len(trains[k]))[:MOST_PAIRED]
    paired = [trains[k] for k in sorted(order)]
    tiling = _matrix(paired, duration_s)
    linked = connectivity(paired, duration_s, np.random.default_rng(seed))
    above = np.triu_indices(len(paired), 1)
    per_min = 60 / duration_s

    def median(of: Callable[[Times], float]) -> float:
        return float(np.median([of(trains[k]) for k in active]))

    def regularity(of: Callable[[Times], float]) -> float | None:
        values = [value for k in active if not np.isnan(value := of(trains[k]))]
        return float(np.median(values)) if values else None

    begins_s = [begin_s for begin_s, _ in network]
    around = psth_hz(all_s, begins_s, *AROUND_S, BIN_S) / len(crossings.labels)
    return Structure(
        start_s=begin / crossings.rate_hz,
        stop_s=crossings.stop / crossings.rate_hz,
        n_active=len(active),
        cv=regularity(cv),
        cv2=regularity(cv2),
        lv=regularity(lv),
        bursts_per_min=median(lambda times_s: len(max_interval(times_s)) * per_min),
        log_isi_bursts_per_min=median(lambda times_s: len(log_isi(times_s)) * per_min),
        network_bursts_per_min=len(network) * per_min,
        isi_n_bursts_per_min=len(isi_n(all_s, isi_n_spikes(len(active)), ISI_N_S)) * per_min,
        around_burst_hz=around.tolist() if network else [],
        electrodes=[crossings.labels[k] for k in sorted(order)],
        sttc=tiling.tolist(),
        median_sttc=float(np.median(tiling[above])),
        n_linked=int((linked[above] > 0).sum()),
        n_pairs=len(above[0]),
    )


def _matrix(trains: Sequence[Times], duration_s: float) -> NDArray[np.float64]:
    return np.array([[sttc(a, b, duration_s) for b in trains] for a in trains])


def draw_structure(structure: Structure, *, is_simulated: bool) -> Picture:
    """Draw the tiling coefficients, and the rate around network bursts."""

    def draw(into: Figure) -> None:
        left, right = into.subplots(1, 2)
        image = left.imshow(structure.sttc, cmap="cividis", vmin=0, vmax=1)
        into.colorbar(image, ax=left, label="spike time tiling coefficient (50 ms)", shrink=0.8)
        ticks = range(len(structure.electrodes))
        left.set_xticks(ticks, structure.electrodes, rotation=90, size=8)
        left.set_yticks(ticks, structure.electrodes, size=8)
        left.set(xlabel="electrode", ylabel="electrode")
        middle_s = -AROUND_S[0] + BIN_S * (np.arange(len(structure.around_burst_hz)) + 0.5)
        right.plot(middle_s, structure.around_burst_hz, color=BLACK)
        right.set(xlabel="time from the begin of network bursts (s)")
        right.set_ylabel("threshold crossings per second\nand electrode")
        right.set_ylim(bottom=0)

    alt = (
        f"Synchrony of {len(structure.electrodes)} electrodes, and mean rate around network bursts"
    )
    return picture("structure", alt, 4.4, draw, is_simulated=is_simulated)


def structure_section(structure: Structure | None, pictures: Mapping[str, Picture]) -> Element:
    """Return the section of the page."""
    if structure is None:
        return section(
            "Bursts and synchrony", element("p", "None: fewer than two electrodes are active.")
        )
    rows = [
        ("active electrodes (0.1 Hz and more)", str(structure.n_active)),
        (
            "intervals, median over them: CV, CV2, LV",
            ", ".join(map(_text, (structure.cv, structure.cv2, structure.lv))),
        ),
        ("bursts per minute, median over them, MaxInterval", f"{structure.bursts_per_min:.2f}"),
        ("the same, logISI", f"{structure.log_isi_bursts_per_min:.2f}"),
        (
            f"network bursts per minute: 20 % of them at once, {100 * TAKING_PART:g} % with "
            f"{PART_SPIKES} crossings in {ISI_N_S * 1000:g} ms",
            f"{structure.network_bursts_per_min:.2f}",
        ),
        (
            f"the same, ISI_N: {isi_n_spikes(structure.n_active)} crossings within "
            f"{ISI_N_S * 1000:g} ms",
            f"{structure.isi_n_bursts_per_min:.2f}",
        ),
        ("spike time tiling coefficient, 50 ms, median of pairs", f"{structure.median_sttc:.2f}"),
        (
            "pairs that shifted trains do not explain (5 % chance of any among unrelated trains)",
            f"{structure.n_linked} of {structure.n_pairs}",
        ),
    ]
    return section(
        "Bursts and synchrony",
        element(
            "p",
            f"From {structure.start_s:.0f} to {structure.stop_s:.0f} s: the last stretch "
            f"without a gap, {MOST_S / 60:.0f} minutes at most. Stimulated trials are part of it, "
            "so that what electrodes have in common may come from the stimuli. "
            "Definitions: docs/explanations/statistics.md.",
        ),
        table((), rows),
        figure(
            pictures["structure"],
            f"Left: pairs of the most active electrodes, {MOST_PAIRED} at most. Right: mean rate "
            "around the begin of network bursts.",
        ),
    )


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
