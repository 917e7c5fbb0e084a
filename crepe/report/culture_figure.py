"""The figure of `crepe culture report`."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crepe.analysis.rates import intervals_s
from crepe.electrodes.layouts import MCS_60_LABELS, MCS_REFERENCE, positions_60mea_um
from crepe.report.culture import AFTER_MS, PHASES, PLACES, Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = dict(zip(PLACES, ("#0072b2", "#d55e00", "#009e73"), strict=True))  # Okabe & Ito 2008
_RATE_BIN_S = 0.1
_SHOWN_MS = 300


def draw(report: Report, path: Path) -> None:
    """Write the figure as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 13), layout="constrained")
    seed, n_cells = report.settings.seed, report.settings.n_cells
    figure.suptitle(
        f"SIMULATED culture, no living cells: seed {seed}, {n_cells} cells under a 60MEA200",
        fontsize=14,
        fontweight="bold",
    )
    grid = figure.add_gridspec(4, 3, height_ratios=(2.2, 0.8, 2.0, 2.2))
    raster = figure.add_subplot(grid[0, :])
    _raster(raster, report)
    _population(figure.add_subplot(grid[1, :], sharex=raster), report)
    _map(figure, figure.add_subplot(grid[2, 0]), report.rates_hz, "Hz", "Firing rate by electrode")
    _intervals(figure.add_subplot(grid[2, 1]), report)
    _course(figure.add_subplot(grid[2, 2]), report)
    largest = max(each.mean(axis=0).max() for each in report.counts.values())
    for column, (place, counts) in enumerate(report.counts.items()):
        axes = figure.add_subplot(grid[3, column])
        title = f"After a pulse at {', '.join(PLACES[place])}\n({AFTER_MS[0]} to {AFTER_MS[1]} ms)"
        _map(figure, axes, counts.mean(axis=0), "spikes per trial", title, largest=largest)
        x, y = positions_60mea_um(PLACES[place]).T
        axes.plot(x, y, "x", color=_COLOURS[place], markersize=11, markeredgewidth=3)
    figure.savefig(path, dpi=110)


def _raster(axes: "Axes", report: Report) -> None:
    order = np.argsort(MCS_60_LABELS)  # by column, then row
    times = [report.times[electrode] for electrode in order]
    axes.eventplot(times, colors="black", linewidths=0.4, linelengths=0.9)
    firsts = [
        i
        for i, e in enumerate(order)
        if i == 0 or MCS_60_LABELS[order[i - 1]][0] != MCS_60_LABELS[e][0]
    ]
    axes.set_yticks(firsts, [MCS_60_LABELS[order[i]] for i in firsts])
    axes.set(xlim=(0, report.seconds), ylim=(60, -1), ylabel="electrode, by column")
    axes.set_title(
        "Threshold crossings (300 to 3000 Hz, 5 noise SD): multi-unit activity, here called spikes"
    )
    axes.tick_params(labelbottom=False)


def _population(axes: "Axes", report: Report) -> None:
    edges = np.arange(0, report.seconds + _RATE_BIN_S / 2, _RATE_BIN_S)
    counts, _ = np.histogram(np.concatenate(report.times), edges)
    axes.fill_between(edges[:-1], counts / _RATE_BIN_S, step="post", color="black", linewidth=0)
    for begin, end in report.bursts_s:
        axes.axvspan(begin, end, ymin=0.93, color="#d55e00")
    axes.set(xlabel="time, s", ylabel="all electrodes,\nspikes/s", ylim=(0, None))
    overlap, isi_n = (report.numbers[f"{n}_bursts_per_min"] for n in ("network", "isi_n"))
    axes.set_title(
        f"Network bursts (orange): {overlap:.1f} per minute, {isi_n:.1f} by ISI_N", fontsize=10
    )


def _map(
    figure: "Figure",
    axes: "Axes",
    values: NDArray[np.float64],
    unit: str,
    title: str,
    *,
    largest: float | None = None,
) -> None:
    x, y = positions_60mea_um(MCS_60_LABELS).T
    is_shown = np.array([label != MCS_REFERENCE for label in MCS_60_LABELS])
    points = axes.scatter(
        x[is_shown], y[is_shown], c=values[is_shown], s=230, cmap="viridis", vmin=0, vmax=largest
    )
    reference = MCS_60_LABELS.index(MCS_REFERENCE)
    axes.text(x[reference], y[reference], "ref", ha="center", va="center", fontsize=8)
    axes.set(xlim=(-130, 1530), ylim=(1530, -130), xlabel="x, um", ylabel="y, um", aspect="equal")
    axes.set_title(title, fontsize=11)
    figure.colorbar(points, ax=axes, label=unit, shrink=0.85)


def _intervals(axes: "Axes", report: Report) -> None:
    edges_ms = np.logspace(0, 5, 51)
    axes.hist(
        1000 * np.concatenate([intervals_s(each) for each in report.times]),
        edges_ms.tolist(),
        color="0.3",
    )
    axes.set(xscale="log", xlabel="interval between spikes on an electrode, ms", ylabel="intervals")
    axes.set_title(f"Intervals: CV {report.numbers['interval_cv']:.1f}", fontsize=11)


def _course(axes: "Axes", report: Report) -> None:
    edges_ms = np.arange(0, _SHOWN_MS + 1, 5)
    for place, since_ms in report.after_ms.items():
        counts, _ = np.histogram(since_ms, edges_ms)
        per_trial = counts / len(report.counts[place])
        label = ", ".join(PLACES[place])
        axes.step(edges_ms[:-1], per_trial, where="post", color=_COLOURS[place], label=label)
    axes.axvspan(0, AFTER_MS[0], color="0.85")
    axes.set(xlim=(0, _SHOWN_MS), ylim=(0, None), xlabel="time after the pulse, ms")
    axes.set_ylabel("spikes per trial in 5 ms, all electrodes")
    axes.legend(title=f"pulse {-PHASES[0][0]:g} uA, {PHASES[0][1]:g} us at", fontsize=9)
    accuracy, low, high, n, chance = (
        report.numbers[f"places_told_apart{part}"]
        for part in ("", "_low", "_high", "_n", "_chance")
    )
    axes.set_title(
        f"Evoked: a linear readout decodes {100 * accuracy:.0f} %\n"
        f"(95 %: {100 * low:.0f} to {100 * high:.0f}, {n:.0f} trials, chance {100 * chance:.0f} %)",
        fontsize=10,
    )
