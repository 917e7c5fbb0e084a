"""Draws the pictures of the live page for the documents, from seeded sessions.

.venv/bin/python docs/screenshots.py        # needs Chromium, and the extras `test` and `analysis`
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
CONFIG = Path(__file__).parents[1] / "config"
SIZES = {"page": (1440, 900), "page-phone": (390, 844)}  # by first words of the pictures' names

Pages = Mapping[str, Page]


def main() -> None:
    """Run the default experiment and Pong, and look at every view of their pages."""
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as var:
        os.environ["CREPE_VAR"] = var
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        try:
            _look(browser)
        finally:
            _down()
            browser.close()


def _look(browser: Browser) -> None:
    pages = _open(browser, _up("rps.toml"))
    _show(pages, "live", wait_s=45)
    _shoot(pages, "live")
    _show(pages, "health")
    _shoot(pages, "health")
    for first, page in pages.items():
        _play_a_round(page)
        _shoot({first: page}, "play")
        page.get_by_role("button", name="Stop playing").click()
    _in_the_dark(pages)
    _down()
    pages = _open(browser, _up("pong.toml"))
    _show(pages, "play", wait_s=20)
    pages["page"].locator(".saying", has_text="rally").wait_for()
    pages["page"].wait_for_timeout(700)  # the ball is on its way
    _shoot(pages, "pong")
    _show(pages, "sessions")
    _shoot(pages, "sessions")
    for page in pages.values():
        page.get_by_role("link", name="replay").first.click()
        page.locator("#timebar").wait_for()
        page.locator("#replay-at").fill("30")
    _show(pages, "live", wait_s=8)
    _shoot(pages, "replay")


def _up(name: str) -> str:
    command = [sys.executable, "-m", "crepe", "up", str(CONFIG / name), "--new"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    match = re.search(r"live page: (\S+)", done.stdout)
    assert match is not None, done.stdout
    return match[1]


def _down() -> None:
    subprocess.run([sys.executable, "-m", "crepe", "down"], check=True, capture_output=True)


def _open(browser: Browser, url: str) -> Pages:
    pages = {}
    for name, (width, height) in SIZES.items():
        size = {"width": width, "height": height}
        pages[name] = browser.new_page(viewport=size, color_scheme="light")
        pages[name].goto(url)
    return pages


def _show(pages: Pages, tab: str, wait_s: float = 3) -> None:
    for page in pages.values():
        page.click(f"[data-tab={tab}]")
    page.wait_for_timeout(1000 * wait_s)


def _play_a_round(page: Page) -> None:
    page.click("[data-tab=play]")
    page.get_by_placeholder("your name").fill("Ada")
    page.get_by_role("button", name=re.compile("Start playing|Join the queue")).click()
    page.get_by_text("You play.").wait_for()
    page.locator(".saying", has_text="your turn").wait_for()
    page.locator("[data-gesture=rock]").click()
    page.locator(".saying", has_text="answered").wait_for()


def _in_the_dark(pages: Pages) -> None:
    page = pages["page"]
    page.click("#theme")
    _show({"page": page}, "live", wait_s=6)
    _shoot({"page": page}, "dark")


def _shoot(pages: Pages, name: str) -> None:
    """In 256 colours, which these pictures hardly exceed and which take a third of the room."""
    for first, page in pages.items():
        picture = Image.open(BytesIO(page.screenshot()))
        few = picture.convert("RGB").quantize(256, kmeans=4, dither=Image.Dither.NONE)
        few.save(PICTURES / f"{first}-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
