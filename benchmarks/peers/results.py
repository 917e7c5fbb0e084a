"""The figures of one run: as JSON, as a table, as a figure."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

TITLES = {
    "bare": "bare socket",
    "zeromq": "ZeroMQ",
    "ezmsg": "ezmsg",
    "lsl": "LSL",
    "floor": "least Python on Redis",
    "redis-py": "redis-py",
    "brand": "BRAND-style nodes",
    "crepe": "**CREPE**",
}
LOOPS = {
    "cl-sdk": "CL SDK, a loop in one process",
    "crepe-chain": "**CREPE**, a chain that detects",
}
"""What runs once a millisecond."""
PACKAGES = ("crepe-mea", "ezmsg", "hiredis", "pylsl", "pyzmq", "redis")
COLUMNS = {
    "to 1 p50 us": "hop p50, us",
    "to 1 p99 us": "p99",
    "to 4 p50 us": "4 readers p50, us",
    "to 4 p99 us": "p99",
    "to 16 p50 us": "16 readers p50, us",
    "to 16 p99 us": "p99",
    "loop p50 us": "loop p50, us",
    "loop p99 us": "p99",
    "past MB/s": "past, MB/s",
    "start-up s": "start, s",
    "memory MB": "memory, MB",
}
LOOP_COLUMNS = {
    "tick p50 us": "from tick to tick p50, us",
    "tick p99 us": "p99",
    "stim p50 us": "call of `stim` p50, us",
    "stim p99 us": "p99",
    "acquired to spikes p50 us": "acquired to spikes p50, us",
    "acquired to spikes p99 us": "p99",
}

PANELS = {
    "to 1": "one reader",
    "to 4": "the last of 4 readers",
    "to 16": "the last of 16 readers",
    "loop": "there and back",
}

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Results:
    """Figures by peer and name: median, least, most over the repeats."""

    date: str
    machine: str
    versions: Mapping[str, str]
    repeats: int
    figures: Mapping[str, Mapping[str, tuple[float, float, float]]]

    @classmethod
    def of(
        cls,
        figures: Mapping[str, Mapping[str, tuple[float, float, float]]],
        repeats: int,
        foreign: Mapping[str, str],
    ) -> "Results":
        """Return figures with the date, this machine and the versions of all packages.

        `foreign` are the versions of packages in other environments.
        """
        versions = dict(foreign)
        for package in PACKAGES:
            try:
                versions[package] = version(package)
            except PackageNotFoundError:
                continue
        machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
        machine += f", Python {platform.python_version()}"
        return cls(f"{datetime.now(UTC):%Y-%m-%d}", machine, versions, repeats, figures)

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read what `write` has written."""
        return cls(**json.loads(path.read_text()))


def table(results: Results) -> str:
    """Return tables in Markdown: the median of each figure, with its least and most."""
    tables = [_table(results, TITLES, COLUMNS)]
    if any(name in results.figures for name in LOOPS):
        tables.append(_table(results, LOOPS, LOOP_COLUMNS))
    return "\n\n".join(tables)


def _table(results: Results, titles: Mapping[str, str], columns: Mapping[str, str]) -> str:
    lines = ["| | " + " | ".join(columns.values()) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, title in titles.items():
        if (figures := results.figures.get(name)) is not None:
            cells = [_cell(figures[what]) if what in figures else "" for what in columns]
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(figure: tuple[float, float, float]) -> str:
    median, least, most = map(_short, figure)
    return f"{median} ({least} to {most})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def write(results: Results, *, is_release: bool) -> None:
    """Write the figures as JSON, and for a release those of the documentation."""
    text = json.dumps(asdict(results), indent=1) + "\n"
    here = Path(__file__).parents[1] / "results"
    here.mkdir(exist_ok=True)
    (here / "peers.json").write_text(text)
    (here / "peers.png").write_bytes(figure(results))
    if is_release:
        kept = _ROOT / "docs" / "data" / "peers" / f"{results.versions['crepe-mea']}.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(text)
        (_ROOT / "docs" / "pictures" / "peers.png").write_bytes(figure(results))


def figure(results: Results) -> bytes:
    """Draw p50 (dot) and p99 (bar's end) of hop, fan-out and loop for each peer, as PNG."""
    from crepe.report.style import BLUE, GREY, grid, picture  # drawn once, at the end of a run

    names = [name for name in reversed(TITLES) if "loop p50 us" in results.figures.get(name, {})]

    def draw(canvas: Any) -> None:
        for axes, (what, title) in zip(grid(canvas, len(PANELS), 2), PANELS.items(), strict=True):
            for y, name in enumerate(names):
                p50, p99 = (results.figures[name][f"{what} p{p} us"][0] for p in (50, 99))
                colour = BLUE if name == "crepe" else GREY
                axes.plot([p50, p99], [y, y], color=colour, lw=2, solid_capstyle="butt")
                axes.plot(p50, y, "o", color=colour)
            axes.set_yticks(range(len(names)), [TITLES[name].strip("*") for name in names])
            axes.set_xscale("log")
            axes.set_xlim(10, 20_000)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter("")
            axes.set_title(title)
            axes.set_xlabel("us, from p50 (dot) to p99")

    alt = "p50 and p99 of each peer for a hop, four and sixteen readers, and the loop"
    return picture("peers", alt, 6.0, draw, is_simulated=False).png
