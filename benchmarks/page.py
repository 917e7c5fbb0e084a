"""The cost of the live page: the loop without clients, with 20 clients, and with a browser.

The browser shows the view Live with a raster of 30 s and of 60 s, and the court of Pong.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import urllib3
from websockets.asyncio.client import connect
from websockets.typing import Origin

from crepe.cli.scoreboard import latencies_ms
from crepe.config.overrides import prepare
from crepe.store import Store
from crepe.supervise.start import page_links, running

N_CLIENTS, N_DEAF = 20, 5
ROUNDS, ROUND_S, SETTLE_S = 6, 15.0, 2.0
DEAF_S = 60.0
WISH = {
    "shows_array": True, "shows_traces": True, "shows_raster": True, "raster_s": 60,
    "channels": list(range(60)),
}  # fmt: skip
NO_CLIENT, CLIENTS, DEAF = "no client", "clients", "clients that do not read"
LIVE_30, LIVE_60, COURT = "browser, raster of 30 s", "browser, raster of 60 s", "browser, court"
PONG = Path(__file__).parent.parent / "config" / "pong.toml"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""


def run() -> dict[str, float]:
    """Return medians over interleaved rounds; times depend on the machine, so compare ratios."""
    browsers = (LIVE_30, LIVE_60) if CHROMIUM else ()
    figures = _measured(None, (NO_CLIENT, CLIENTS, *browsers))
    if CHROMIUM:
        pong = _measured(PONG, (NO_CLIENT, COURT))
        figures |= {f"Pong: {what}": value for what, value in pong.items()}
    return figures


def _measured(path: Path | None, kinds: Sequence[str]) -> dict[str, float]:
    """Measure an experiment under each kind of client."""
    p99: dict[str, list[float]] = {kind: [] for kind in kinds}
    p50: dict[str, list[float]] = {kind: [] for kind in kinds}
    cpu: dict[str, list[float]] = {kind: [] for kind in kinds}
    mb: list[float] = []
    deaf_mb: list[float] = []
    with tempfile.TemporaryDirectory() as directory:
        os.environ["CREPE_VAR"] = directory
        experiment = prepare(path)
        with running(experiment) as store:
            page_address = page_links(experiment)
            assert page_address is not None
            link = page_address.operator
            pid = json.loads((Path(directory) / "run" / "dashboard.json").read_text())["pid"]
            page = psutil.Process(pid)
            time.sleep(3 * SETTLE_S)
            for _ in range(ROUNDS):
                for kind in kinds:
                    with _looking(kind, link) as lookers:
                        time.sleep(SETTLE_S)
                        seen = [page, *lookers()]
                        before_s = _cpu_s(seen)
                        decided = _decided_ms(store)
                        cpu[kind].append((_cpu_s(seen) - before_s) / ROUND_S * 100)
                        if kind == CLIENTS:
                            mb.append(page.memory_info().rss / 1e6)
                    p50[kind].append(float(np.percentile(decided, 50)))
                    p99[kind].append(float(np.percentile(decided, 99)))
            if CLIENTS in kinds:
                with _looking(DEAF, link):
                    time.sleep(SETTLE_S)
                    deaf_mb.append(page.memory_info().rss / 1e6)
                    time.sleep(DEAF_S)
                    deaf_mb.append(page.memory_info().rss / 1e6)
    figures: dict[str, float] = {}
    for kind in kinds:
        figures[f"acquired to decided p50 ms, {kind}"] = float(np.median(p50[kind]))
        figures[f"acquired to decided p99 ms, {kind}"] = float(np.median(p99[kind]))
        figures[f"% of a core of the page and its browser, {kind}"] = float(np.median(cpu[kind]))
    for kind in kinds[1:]:
        figures[f"p50, {kind} to no client"] = float(
            np.median(p50[kind]) / np.median(p50[NO_CLIENT])
        )
        figures[f"p99, {kind} to no client"] = float(
            np.median(p99[kind]) / np.median(p99[NO_CLIENT])
        )
    if CLIENTS in kinds:
        figures["memory of the page, last to first round with clients"] = mb[-1] / mb[0]
        figures[
            f"MB that the page grows by in {DEAF_S:.0f} s with only clients that do not read"
        ] = deaf_mb[1] - deaf_mb[0]
    return figures


def _decided_ms(store: Store) -> list[float]:
    """Return the times from a segment's arrival to its decision, over one round."""
    cursors: dict[str, int] = {}
    decided: list[float] = []
    latencies_ms(store, "data", "result", cursors)
    until_s = time.monotonic() + ROUND_S
    while time.monotonic() < until_s:
        time.sleep(0.5)
        decided += latencies_ms(store, "data", "result", cursors)
    return decided


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes if process.is_running())


@contextmanager
def _looking(kind: str, link: str) -> Iterator[Callable[[], list[psutil.Process]]]:
    """Run clients or a browser in a separate process."""
    if kind == NO_CLIENT:
        yield list
        return
    command = [sys.executable, "-m", "benchmarks.page", kind, link]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), f"{kind}: sees nothing"
        yield lambda: [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if "chrom" in child.name()
        ]
    finally:
        process.terminate()
        process.wait()


async def _clients(link: str, n: int) -> None:
    """Connect many clients; the first five stop reading at once."""
    answer = urllib3.request("GET", link, redirect=False)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    print("they begin to look", flush=True)
    url = link.partition("/?")[0]
    await asyncio.gather(*(_client(url, cookie, is_deaf=i < N_DEAF) for i in range(n)))


async def _client(url: str, cookie: str, *, is_deaf: bool) -> None:
    live = url.replace("http", "ws", 1) + "/live"
    async with connect(
        live,
        origin=Origin(url),
        additional_headers={"Cookie": cookie},
        max_queue=1,
        ping_interval=None,
    ) as socket:
        await socket.send(json.dumps(WISH))
        if is_deaf:
            await asyncio.Event().wait()
        async for _ in socket:
            await socket.send('{"got": true}')


def _browser(kind: str, link: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(link + ("#play" if kind == COURT else "#live"))
        if kind == LIVE_60:
            page.select_option("#raster-s", "60")
        page.locator("#connection", has_text="live").wait_for()
        print("it is drawn", flush=True)
        page.wait_for_timeout(3_600_000)


if __name__ == "__main__":
    looks_as, at = sys.argv[1:]
    if looks_as in (CLIENTS, DEAF):
        os.nice(10)  # they stand for other machines
        asyncio.run(_clients(at, N_CLIENTS if looks_as == CLIENTS else N_DEAF))
    else:
        _browser(looks_as, at)
