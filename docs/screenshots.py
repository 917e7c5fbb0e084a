"""Draws the pictures of the live page for the documents, from a seeded session.

.venv/bin/python docs/screenshots.py        # needs Chromium, and the extra `test`
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

DOCS = Path(__file__).parent
CONFIG = DOCS.parent / "config"
LAPTOP, PHONE = (1440, 900), (390, 844)


def main() -> None:
    """Run the default experiment and Pong, and look at every view of their pages."""
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as var:
        os.environ["CREPE_VAR"] = var
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        url = _up("rps.toml")
        page = _open(browser, url, LAPTOP)
        page.wait_for_timeout(40_000)
        _shoot(page, "live", "page-live")
        _shoot(page, "health", "page-health")
        page.click("[data-tab=play]")
        page.get_by_placeholder("your name").fill("Ada")
        page.get_by_text("Take the seat").click()
        page.locator(".saying", has_text="your turn").wait_for()
        page.keyboard.press("r")
        _shoot(page, "play", "page-play", wait_ms=2_200)
        phone = _open(browser, url, PHONE)
        for tab in ("play", "live", "health"):
            _shoot(phone, tab, f"page-phone-{tab}", wait_ms=6_000)
        page.emulate_media(color_scheme="dark")
        page.click("#theme")
        _shoot(page, "live", "page-dark", wait_ms=6_000)
        _down()
        url = _up("pong.toml")
        page = _open(browser, url, LAPTOP)
        page.wait_for_timeout(15_000)
        _shoot(page, "play", "page-pong")
        _shoot(page, "sessions", "page-sessions")
        page.get_by_role("link", name="replay").first.click()
        page.wait_for_timeout(8_000)
        page.screenshot(path=DOCS / "page-replay.png")
        _down()
        browser.close()


def _up(name: str) -> str:
    words = [sys.executable, "-m", "crepe", "up", str(CONFIG / name), "--new"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found = re.search(r"live page: (\S+)", done.stdout)
    assert found is not None, done.stdout
    return found[1]


def _down() -> None:
    subprocess.run([sys.executable, "-m", "crepe", "down"], check=True, capture_output=True)


def _open(browser: Browser, url: str, size: tuple[int, int]) -> Page:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme="light")
    page.goto(url)
    return page


def _shoot(page: Page, tab: str, name: str, wait_ms: int = 3_000) -> None:
    page.click(f"[data-tab={tab}]")
    page.wait_for_timeout(wait_ms)
    page.screenshot(path=DOCS / f"{name}.png")


if __name__ == "__main__":
    main()
