"""Arrays of 1,024 and 4,096 channels in a real browser, and electrodes without a place as a list."""

import json
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from crepe.dashboard.access import PageAccess
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.player_queue import PlayerQueue
from crepe.dashboard.routes import Page
from crepe.electrodes.layouts import grid_labels
from crepe.messages import Segment, Spikes, StreamInfo
from crepe.results.library import Library
from crepe.store import codec
from crepe.store.contract import Entry
from crepe.store.memory_store import Memory, MemoryStore
from crepe.web.links import links
from tests.running_server import running_server

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
TOKEN = "sixteen-characters-at-least"
RATE_HZ = 1000
SOON_MS = 30_000

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt-get install chromium")


@pytest.fixture(params=[32, 64])
def n_columns(request):
    """Of a square array."""
    return request.param


@pytest.fixture
def n_channels(n_columns):
    return n_columns**2


@pytest.fixture
def loud(n_columns):
    """The channel that fires; all others are silent."""
    return 7 * n_columns + 20


def fill(store, n_channels, loud):
    """Three seconds, in which one channel fires 50 times a second."""
    about = {"labels": grid_labels(n_channels), "longest_samples": 100, "session": "s"}
    store.declare("data", StreamInfo("Segment", RATE_HZ, **about))
    store.declare("data:spikes", StreamInfo("Spikes", RATE_HZ, **about))
    rng = np.random.default_rng(1)
    for start in range(0, 3 * RATE_HZ, 100):
        stop = start + 100
        samples = rng.normal(0, 10, (n_channels, 100)).astype(np.int32)
        at = np.arange(start, stop, 20, np.int64)
        spikes = Spikes(start, stop, np.full(5, loud, np.int32), at, np.zeros(5, np.float32))
        for stream, message in (("data", Segment(start, stop, samples)), ("data:spikes", spikes)):
            store.append([(stream, Entry(start, stop, codec.pack([message], start, stop)))])


@pytest.fixture
def url(tmp_path, n_channels, loud):
    """Where the page of such an array is served."""
    memory = Memory()
    fill(MemoryStore(memory, writer="acquire"), n_channels, loud)
    live = SessionFollower(lambda: MemoryStore(memory), lambda: ("s", {}), lambda _: [], 20.0)
    control = Control(tmp_path, lambda: MemoryStore(memory))
    page = Page(
        *(live, control, PlayerQueue(), Library(tmp_path)),
        **{"can_stimulate": False, "frames_per_s": 20.0},
    )
    app = PageAccess(page.app(), host="127.0.0.1", token=TOKEN)
    at = {"usual_port": 8170, "token": TOKEN, "has_websockets": True}
    with running_server(app, "dashboard", tmp_path, beside=live.run, **at) as server:
        yield links(server.url, TOKEN).operator
    live.close()
    control.close()


def head_of(frame):
    return json.loads(frame[4 : 4 + int.from_bytes(frame[:4], "little")])


@pytest.fixture
def frames():
    """What the browser has been sent."""
    return []


@pytest.fixture
def page(url, frames):

    def heard(frame):
        frames.append(frame)

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        found = browser.new_page(viewport={"width": 1440, "height": 900})
        faults = []
        found.on("pageerror", lambda error: faults.append(str(error)))
        found.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        found.on("websocket", lambda socket: socket.on("framereceived", heard))
        found.goto(f"{url}#live")
        yield found
        browser.close()
        assert faults == []


def lightness(page, n_columns):
    """Of each cell of the map, by channel."""
    return np.array(
        page.evaluate(
            """(n) => {
              const canvas = document.querySelector("#array");
              const pen = canvas.getContext("2d");
              const size = canvas.width / n;
              return Array.from({ length: n * n }, (_, c) => {
                const [x, y] = [c % n, Math.floor(c / n)].map((i) => Math.floor((i + 0.5) * size));
                return pen.getImageData(x, y, 1, 1).data.slice(0, 3).reduce((a, b) => a + b);
              });
            }""",
            n_columns,
        )
    )


def test_the_map_shows_which_channel_fires_and_a_click_its_trace(page, frames, n_columns, loud):
    expect(page.locator("#connection")).to_contain_text("stale", timeout=SOON_MS)  # all is drawn
    while (found := lightness(page, n_columns)).argmax() != loud:
        page.wait_for_timeout(20)
    assert found[loud] > 3 * np.delete(found, loud).max()
    row, column = divmod(loud, n_columns)
    size = page.locator("#array").bounding_box()["width"] / n_columns
    page.locator("#array").click(position={"x": (column + 0.5) * size, "y": (row + 0.5) * size})
    expect(page.locator("#which")).to_have_value("chosen")

    def shown():
        return [head["traces"]["channels"] for head in map(head_of, frames) if "traces" in head]

    while loud not in shown()[-1]:
        page.wait_for_timeout(20)
    assert len(shown()[-1]) == 9
    page.click("[data-tab=health]")
    n_before = len(frames)
    while len(frames) < n_before + 5:
        page.wait_for_timeout(20)
    assert max(map(len, frames)) < 1_000_000
    assert len(frames[-1]) < 10_000  # nothing of the array is sent where it is not shown


class TestAList:
    """Few electrodes of which no position is known."""

    @pytest.fixture
    def n_channels(self):
        return 12

    @pytest.fixture
    def loud(self):
        return 5

    def test_electrodes_without_a_position_are_a_list_with_their_labels(self, page, frames, loud):
        expect(page.locator("#connection")).to_contain_text("stale", timeout=SOON_MS)
        hint = "a list of the electrodes in the order of the channels"
        expect(page.locator("#array-hint")).to_contain_text(hint)
        drawn = """(c) => {
          const canvas = document.querySelector("#array");
          const line = 0.08 * canvas.width;
          const part = (x, w) => canvas.getContext("2d").getImageData(x, c * line, w, line).data;
          return [part(0.5 * line, 1)[4 * Math.floor(line / 2)], part(1.3 * line, line).some((v) => v)];
        }"""
        while page.evaluate(drawn, loud)[0] <= page.evaluate(drawn, loud - 1)[0]:
            page.wait_for_timeout(20)
        assert page.evaluate(drawn, loud)[1]  # its label beside it
        size = 0.08 * page.locator("#array").bounding_box()["width"]
        page.locator("#array").click(position={"x": 6 * size, "y": (loud + 0.5) * size})
        expect(page.locator("#which")).to_have_value("chosen")
        while loud not in [head_of(frame) for frame in frames][-1].get("traces", {}).get(
            "channels", []
        ):
            page.wait_for_timeout(20)
