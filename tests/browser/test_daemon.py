"""The whole thing: a paper daemon in a process of its own, and a browser that looks at every page of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.processes import Daemon, a_daemon, environment, wait_for
from tests.browser.conftest import CHROMIUM, FLAGS, lacks, playwright

LIVE = {
    "overview": ("#mode", "TRADING"),
    "charts": ("#chart-pnl .key", "USDT"),
    "decisions": ("#earlier", "first look"),
    "orders": ("#fills", "Trade"),
    "loan": ("#what-if", "MONITOR"),
    "rates": ("#estimators", "Parkinson"),
    "health": ("#notes", "all inputs fresh"),
    "verbs": ("#verbs", "flatten"),
}


@pytest.mark.acceptance
async def test_every_page_shows_a_living_daemon(tmp_path: Path) -> None:
    """Live data on each page, a verb that is carried out, no complaint, and no request beyond the daemon."""
    if lacking := lacks():
        pytest.skip(lacking)
    with a_daemon(tmp_path, PAPER__SPEED="600") as daemon:
        await asyncio.to_thread(_hedged, daemon)
        link = await asyncio.to_thread(_link, daemon)
        async with playwright.async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = await browser.new_page()
            page.set_default_timeout(30_000)
            complaints: list[str] = []
            outside: list[str] = []
            home = f"http://127.0.0.1:{daemon.port}/"
            page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda asked: asked.url.startswith(home) or outside.append(asked.url))
            await page.goto(link)
            await page.wait_for_selector("html[data-link=live]")
            assert page.url == f"{home}#/overview"
            for name, (where, text) in LIVE.items():
                await page.goto(f"{home}#/{name}")
                await playwright.expect(page.locator(where)).to_contain_text(text, timeout=30_000)

            await page.evaluate("token => sessionStorage.setItem('operate', token)", daemon.token("verbs.token"))
            await page.locator("#verb-pause-reason").fill("a look at the page")
            await page.get_by_role("button", name="pause").click()
            await playwright.expect(page.locator("#mode")).to_have_text("OBSERVE", timeout=30_000)
            await browser.close()

    assert ([], []) == (complaints, outside)


def _hedged(daemon: Daemon) -> None:
    wait_for(lambda: daemon.status()["decisions"] and daemon.said("fill"), seconds=60, what="the first hedge")


def _link(daemon: Daemon) -> str:
    """What `hedgelock dashboard` prints to who may read the daemon's files."""
    words = (sys.executable, "-m", "bot", "dashboard", "--port", str(daemon.port))
    ran = subprocess.run(
        words, cwd=daemon.log_path.parent, env=environment({}), capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()
