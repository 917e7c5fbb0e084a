"""Text of a recording from somewhere else is shown as text, in a real browser."""

import shutil

import numpy as np
import pytest
from playwright.sync_api import expect, sync_playwright

from crepe.dashboard.access import PageAccess
from crepe.dashboard.control import Control
from crepe.dashboard.follow import SessionFollower
from crepe.dashboard.player_queue import PlayerQueue
from crepe.dashboard.routes import Page
from crepe.dashboard.session_routes import session_routes
from crepe.messages import Command, GameState, Segment, StreamInfo
from crepe.recording.mcs_layout import About
from crepe.recording.writer import RecordingWriter
from crepe.results.library import Library
from crepe.store.memory_store import Memory, MemoryStore
from crepe.web.links import links
from tests.running_server import running_server

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
TOKEN = "sixteen-characters-at-least"
ID = "20260101-000000-abcd"
MARKUP = 'rock"><u id=foreign>x</u><iframe srcdoc="x"></iframe><img src=x onerror="document.x = 1">'
EXPERIMENT = f"""
title = '{MARKUP}'
[actors.game]
reads = ["input"]
writes = ["result:game"]
"""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt-get install chromium")


def record(var):
    """A second of a game in which every text is markup."""
    kinds = {"data": "Segment", "result:game": "GameState", "result:control": "Command"}
    infos = {name: StreamInfo(kind, 1000.0, labels=("47",)) for name, kind in kinds.items()}
    about = About(ID, 1, EXPERIMENT, {}, is_simulated=True, origin_t_ns=1)
    writer = RecordingWriter(var / "recordings" / f"{ID}.h5", about, infos)
    texts = dict.fromkeys(("gesture", "decoded", "answer", "condition", "shown_by"), MARKUP)
    for start in range(0, 1000, 100):
        window = start, start + 100
        writer.append("data", Segment(*window, np.zeros((1, 100), np.int32)))
        state = GameState(*window, 1, "outcome", outcome="won", score={MARKUP: 1}, **texts)
        writer.append("result:game", state)
        writer.append("result:control", Command(*window, "note", MARKUP, MARKUP))
    writer.end()


@pytest.fixture
def url(tmp_path):
    record(tmp_path)
    memory, library = Memory(), Library(tmp_path)
    live = SessionFollower(lambda: MemoryStore(memory), lambda: ("", {}), lambda _: [], 20.0)
    control = Control(tmp_path, lambda: MemoryStore(memory))
    page = Page(live, control, PlayerQueue(), library, can_stimulate=False, frames_per_s=20.0)
    app = PageAccess(page.app(session_routes(library, None)), host="127.0.0.1", token=TOKEN)
    at = {"usual_port": 8270, "token": TOKEN, "has_websockets": True}
    with running_server(app, "dashboard", tmp_path, beside=live.run, **at) as server:
        yield server.url
    live.close()
    control.close()


def test_names_and_notes_of_a_recording_make_no_elements(url):
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(links(url, TOKEN).operator)
        page.goto(f"{url}/replay/{ID}#play")
        picture = page.locator(".face svg").first
        expect(picture).to_have_attribute("aria-label", MARKUP, timeout=30_000)
        for view, place in (("live", "#said"), ("sessions", "#session-table"), ("play", "#trials")):
            page.click(f"[data-tab={view}]")
            expect(page.locator(place)).to_contain_text("<u id=foreign>", timeout=30_000)
        assert page.locator("#foreign, iframe, img").count() == 0
        browser.close()
