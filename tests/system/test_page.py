"""The live page in a real browser, over the real stack."""

import os
import re
import shutil
import signal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect, sync_playwright

from crepe.messages import Command, Delivered, GameState
from crepe.store import Store
from tests.system.conftest import LIGHT, changed

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
SOON_MS = 120_000

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: apt-get install chromium")


class Window:
    """A page in a browser of its own, and what went wrong in it."""

    def __init__(self, browser, url, refusal="", **size):
        self._refusal = refusal  # status of what it is not given: its browser tells of each
        context = browser.new_context(viewport={"width": 1440, "height": 900, **size})
        self.faults: list[str] = []
        self.hosts: set[str] = set()
        self.page = context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._note_message)
        self.page.on("request", lambda request: self._note_request(request.url))
        self.page.on("websocket", lambda socket: self._note_request(socket.url))
        self.page.goto(url)

    def _note_message(self, message):
        is_refusal = self._refusal and f"status of {self._refusal}" in message.text
        if message.type == "error" and not is_refusal:
            self.faults.append(message.text)

    def _note_request(self, url):
        if not url.startswith(("data:", "blob:")):
            self.hosts.add(urlsplit(url).hostname)

    def join(self, name):
        self.page.click("[data-tab=play]")
        self.page.get_by_placeholder("your name").fill(name)
        self.page.get_by_role("button", name=re.compile("Start playing|Join the queue")).click()

    def clock_s(self):
        return float(self.page.locator("#clock").inner_text().split()[0])

    def ink(self, selector):
        """How many pixels of a canvas are drawn on; none of one that is still to be made."""
        return self.page.evaluate(
            """(selector) => {
              const canvas = document.querySelector(selector);
              if (!canvas) return 0;
              const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
              let n = 0;
              for (let i = 3; i < data.length; i += 4) n += data[i] > 0;
              return n;
            }""",
            selector,
        )


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def watch(browser):
    """Opens a stack's page; at the end nothing may have gone wrong in any window."""
    windows = []

    def watch(stack, view="", link=None, **size):
        windows.append(Window(browser, f"{link or stack.page_links().operator}{view}", **size))
        return windows[-1]

    yield watch
    for window in windows:
        window.page.context.close()
        assert window.faults == []
        assert window.hosts == {"127.0.0.1"}


def test_the_page_shows_what_moves_and_keeps_to_this_machine(shared_stack, watch):
    window = watch(shared_stack)
    expect(window.page.locator("#connection")).to_have_text("live", timeout=SOON_MS)
    expect(window.page.locator("#simulated")).to_be_visible()
    then_s = window.clock_s()
    shared_stack.wait(lambda: window.clock_s() > then_s + 2)
    for canvas in ("#array", "#traces canvas", "#raster canvas", "#rate canvas"):
        shared_stack.wait(lambda canvas=canvas: window.ink(canvas) > 500)
        before = window.ink(canvas)
        if canvas != "#array":
            shared_stack.wait(lambda canvas=canvas, before=before: window.ink(canvas) != before)
    window.page.locator("#array").click(position={"x": 60, "y": 60})
    expect(window.page.locator("#which")).to_have_value("chosen")
    window.page.click("[data-tab=health]")
    for name in ("redis", "acquire", "stimulate", "dashboard"):
        expect(window.page.locator("#programs")).to_contain_text(name)
    expect(window.page.locator("#decided-text")).to_contain_text("p99", timeout=SOON_MS)


def outcomes_of(store, player):
    game = store["result:game"]
    states = [m for m in game.messages(0, len(game)) if isinstance(m, GameState)]
    return [s for s in states if s.phase == "outcome" and s.shown_by == player]


def states_of(store, number):
    given = store["result:delivered"].messages(0, len(store["result:delivered"]))
    return [m.state for m in given if isinstance(m, Delivered) and m.number == number]


def answered(states):
    return states if states and states[-1] != "intended" else None


def test_a_round_is_played_through_the_culture_while_another_watches(shared_stack, watch):
    ada, bob = watch(shared_stack), watch(shared_stack)
    ada.join("Ada")
    expect(ada.page.locator(".saying")).to_contain_text("your turn", timeout=SOON_MS)
    bob.page.click("[data-tab=play]")
    expect(bob.page.locator("#game")).to_contain_text("Ada plays.", timeout=SOON_MS)
    expect(bob.page.locator("[data-gesture=rock]")).to_be_disabled()
    before, _ = shared_stack.dish().pulses()
    with Store(patience_s=20) as store:
        for n_played in range(1, 21):  # a busy machine is late, or its instrument
            expect(ada.page.locator("[data-gesture=rock]")).to_be_enabled(timeout=SOON_MS)
            ada.page.keyboard.press("r")
            outcome = shared_stack.wait(
                lambda n=n_played: dict(enumerate(outcomes_of(store, "page Ada"), 1)).get(n)
            )
            assert outcome.gesture == "rock"
            states = shared_stack.wait(lambda n=outcome.trial: answered(states_of(store, n)))
            if states[-1] == "delivered":
                break
        assert states == ["intended", "delivered"]
    pulses = [tick for tick in shared_stack.dish().pulses()[1] if tick > before]
    assert len(pulses) >= 20
    for window in (ada, bob):
        row = window.page.locator("#trials tr", has_text=re.compile(rf"^{outcome.trial}rock"))
        expect(row).to_be_visible(timeout=SOON_MS)
    bob.join("Bob")
    expect(ada.page.locator("#game")).to_contain_text("waiting: Bob", timeout=SOON_MS)
    ada.page.get_by_role("button", name="Hand over").click()
    expect(bob.page.locator("#game")).to_contain_text("You play.", timeout=SOON_MS)
    expect(ada.page.locator("#game")).to_contain_text("Bob plays.", timeout=SOON_MS)


def test_the_stop_button_silences_the_electrodes_until_it_is_armed_again(shared_stack, watch):
    window = watch(shared_stack, "#live")
    electrodes = shared_stack.dish()
    expect(window.page.locator("#armed")).to_contain_text("armed", timeout=SOON_MS)
    electrodes.in_a_train()
    window.page.click("#stop")
    expect(window.page.locator("#alarm")).to_contain_text("stop proved", timeout=SOON_MS)
    expect(window.page.locator("#armed")).to_have_text("STOPPED", timeout=SOON_MS)
    stopped, _ = electrodes.pulses()
    then_s = window.clock_s()
    shared_stack.wait(lambda: window.clock_s() > then_s + 5)  # more than a trial
    assert [tick for tick in electrodes.pulses()[1] if tick > stopped] == []
    window.page.click("#arm")
    window.page.click("#stop", trial=True)  # a dialog is not in its way
    window.page.get_by_role("button", name="Arm", exact=True).click()
    expect(window.page.locator("#armed")).to_contain_text("armed", timeout=SOON_MS)
    electrodes.in_a_train()


def test_a_refused_browser_shows_how_to_get_in_and_a_spectator_has_no_buttons(shared_stack, watch):
    links = dict(re.findall(r"(live page|to look only): (http://\S*)", shared_stack.up))
    status = shared_stack.crepe("status").stdout
    assert links == dict(re.findall(r"(live page|to look only): (\S*)", status))
    stranger = watch(shared_stack, link=shared_stack.server("dashboard")["url"], refusal="401")
    assert "`crepe status` prints it again" in stranger.page.inner_text("body")
    spectator = watch(shared_stack, link=links["to look only"], refusal="403")
    expect(spectator.page.locator("#connection")).to_have_text("live", timeout=SOON_MS)
    assert "token" in links["to look only"]
    assert "token" not in spectator.page.url
    for selector in ("#stop", "#arm", "#note", "[data-say=pause]"):
        expect(spectator.page.locator(selector)).to_be_hidden()
    refused = spectator.page.evaluate(
        """async () => (await fetch("/api/stop", {method: "POST", body: "{}",
             headers: {"Content-Type": "application/json", "X-CREPE": "1"}})).status"""
    )
    assert refused == 403
    operator = watch(shared_stack, link=links["live page"])
    expect(operator.page.locator("#stop")).to_be_visible()


def test_notes_and_pauses_are_in_the_recording_which_is_played_again(shared_stack, watch):
    window = watch(shared_stack)
    expect(window.page.locator("#connection")).to_have_text("live", timeout=SOON_MS)
    window.page.fill("#note-text", "medium changed <b>&")
    window.page.keyboard.press("Enter")
    expect(window.page.locator("#said")).to_contain_text("medium changed <b>&", timeout=SOON_MS)
    window.page.click("[data-say=pause]")
    expect(window.page.locator("#glance")).to_contain_text("paused", timeout=SOON_MS)
    expect(window.page.locator("[data-say=pause]")).to_be_disabled()
    window.page.click("[data-say=start]")
    expect(window.page.locator("[data-say=pause]")).to_be_enabled(timeout=SOON_MS)
    expect(window.page.locator("[data-say=start]")).to_be_disabled()
    window.page.select_option("#condition", "sham")
    expect(window.page.locator("#glance")).to_contain_text("trial: sham", timeout=SOON_MS)
    window.page.context.close()
    shared_stack.crepe("down")
    (path,) = (shared_stack.var / "recordings").glob("*.h5")
    with Store(path) as kept:
        commands = kept["result:control"].messages(0, len(kept["result:control"]))
        names = ("note", "pause", "start")  # the other tests of this session say other things
        assert [m.name for m in commands if isinstance(m, Command) and m.name in names] == [*names]
    token = shared_stack.environment["CREPE_DASHBOARD_TOKEN"] = "sixteen-characters-at-least"
    shared_stack.crepe("up", shared_stack.experiment, "--new")
    assert token in shared_stack.page_links().operator
    again = watch(shared_stack, "#sessions")
    again.page.get_by_role("link", name="replay").first.click()
    expect(again.page.locator("#timebar")).to_be_visible(timeout=SOON_MS)
    expect(again.page.locator("#connection")).to_have_text("replay", timeout=SOON_MS)
    again.page.select_option("#replay-speed", "10")
    shared_stack.wait(lambda: again.clock_s() > 3)
    expect(again.page.locator("#said")).to_contain_text("medium changed", timeout=SOON_MS)
    shared_stack.wait(lambda: again.ink("#traces canvas") > 500)
    again.page.click("[data-tab=health]")
    expect(again.page.locator("#programs")).to_contain_text("not in a recording")
    expect(again.page.locator("#fired-text")).to_contain_text("p50", timeout=SOON_MS)
    expect(again.page.locator("#integrity")).to_contain_text("delivered")
    link = shared_stack.page_links().spectator
    spectator = watch(shared_stack, "#sessions", link, width=390, height=844)
    rows = spectator.page.locator("#session-table tr")
    expect(rows.nth(1)).to_contain_text("running", timeout=SOON_MS)
    expect(rows.nth(2)).to_contain_text("no report yet")
    expect(spectator.page.get_by_text("make a report")).to_have_count(0)
    spectator.page.get_by_role("link", name="replay").first.click()
    expect(spectator.page.locator("#timebar")).to_be_visible(timeout=SOON_MS)
    assert spectator.page.locator("#replay-at").bounding_box()["width"] > 300


RECORD_TEXTS = """() => {
    window.texts = {"#connection": [], ".saying": []};
    new MutationObserver(() => {
        for (const [selector, texts] of Object.entries(window.texts))
            texts.push(document.querySelector(selector)?.textContent);
    }).observe(document.body, {childList: true, characterData: true, subtree: true});
}"""


def test_what_is_killed_is_shown_as_such_and_comes_back(shared_stack, watch):
    window = watch(shared_stack, "#health")
    row = window.page.locator("#programs tr", has_text="pipeline")
    expect(row).to_contain_text("running", timeout=SOON_MS)
    os.kill(shared_stack.rows()["pipeline"]["pid"], signal.SIGSTOP)
    expect(row).to_contain_text("stale for", timeout=SOON_MS)
    os.kill(shared_stack.rows()["pipeline"]["pid"], signal.SIGKILL)
    expect(row).to_contain_text("running", timeout=SOON_MS)
    expect(row.locator("td").nth(7)).to_have_text("1", timeout=SOON_MS)
    os.kill(shared_stack.rows()["redis"]["pid"], signal.SIGSTOP)
    expect(window.page.locator("#connection")).to_contain_text("stale for", timeout=SOON_MS)
    os.kill(shared_stack.rows()["redis"]["pid"], signal.SIGKILL)
    expect(window.page.locator("#connection")).to_have_text("live", timeout=SOON_MS)
    window.join("Ada")
    expect(window.page.locator(".saying")).to_contain_text("your turn", timeout=SOON_MS)
    window.page.evaluate(RECORD_TEXTS)  # supervisord may restart it between two looks
    os.kill(shared_stack.rows()["dashboard"]["pid"], signal.SIGKILL)
    for selector in ("#connection", ".saying"):
        shared_stack.wait(
            lambda at=selector: "no connection" in str(window.page.evaluate("window.texts")[at])
        )
    expect(window.page.locator("#connection")).to_have_text("live", timeout=SOON_MS)
    expect(window.page.locator("#game")).to_contain_text(
        "The player queue is empty.", timeout=SOON_MS
    )
    of_what_was_killed = ("WebSocket", "503", "ERR_CONNECTION_REFUSED")
    window.faults[:] = [
        fault for fault in window.faults if not any(word in fault for word in of_what_was_killed)
    ]


def test_pong_is_seen_on_its_court(stack, watch, tmp_path):
    stack.crepe("up", changed(tmp_path, "pong.toml", LIGHT), "--new")
    window = watch(stack, "#play", width=390, height=844)
    expect(window.page.locator(".saying")).to_contain_text("rally", timeout=SOON_MS)
    before = window.page.locator("#court").screenshot()
    stack.wait(lambda: window.page.locator("#court").screenshot() != before)
    expect(window.page.locator("#score")).to_contain_text("rally", timeout=SOON_MS)
