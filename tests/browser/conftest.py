"""A real Chromium looking at a real dashboard. Where nothing on the machine can drive one these tests are skipped, and say so."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest

from bot.domain.view import BotView
from bot.monitoring.web import Web
from tests.browser.desk import TOKEN, a_story, served

playwright = pytest.importorskip(
    "playwright.async_api", reason="playwright is not installed: see requirements-dev.lock"
)

CHROMIUM = (
    os.environ.get("CHROMIUM")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
    or shutil.which("google-chrome")
)

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@cache
def lacks() -> str:
    """What this machine lacks for a browser that is driven; empty: nothing."""
    if CHROMIUM is None:
        return "no Chromium on this machine (Debian: apt-get install chromium), and CHROMIUM names none"
    from playwright._impl._driver import compute_driver_executable

    tried = subprocess.run(
        [compute_driver_executable()[0], "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    return (
        f"playwright's driver does not start (Debian: apt-get install libatomic1): {tried.stderr.strip()}"
        if tried.returncode
        else ""
    )


@dataclass
class Window:
    """A page in a browser, the dashboard it looks at, and what it has said and asked for."""

    page: Any
    seen: BotView
    web: Web = field(init=False)
    home: str = field(init=False)
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    async def go(self, path: str = "", *, wait: str = "live") -> None:
        await self.page.goto(self.home + path)
        await self.page.wait_for_selector(f"html[data-link={wait}]")

    async def text(self, selector: str) -> str:
        """What a person reads there; hidden text does not count."""
        said: str = await self.page.locator(selector).first.inner_text()
        return " ".join(said.split())

    async def until(self, selector: str, text: str) -> None:
        """Wait until `selector` reads `text` somewhere."""
        await playwright.expect(self.page.locator(selector).first).to_contain_text(text)

    def _listen(self) -> None:
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda asked: asked.url.startswith(self.home) or self.outside.append(asked.url))


Open = Callable[..., Awaitable[Window]]


@pytest.fixture
async def open_window() -> AsyncIterator[Open]:
    """Opens windows on stories; closes them when the test ends."""
    if lacking := lacks():
        pytest.skip(lacking)
    async with AsyncExitStack() as stack:
        driver = await stack.enter_async_context(playwright.async_playwright())
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        stack.push_async_callback(browser.close)

        async def opened(
            *,
            view: BotView | None = None,
            scheme: str = "light",
            width: int = 1280,
            height: int = 900,
            known: bool = True,
            **options: object,
        ) -> Window:
            context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
            stack.push_async_callback(context.close)
            window = Window(page=await context.new_page(), seen=view or a_story())
            window.web = await stack.enter_async_context(served(lambda: window.seen, **options))
            window.home = window.web.doors.url
            if known:  # as one whose tab has the token already
                await window.page.add_init_script(f"sessionStorage.setItem('token', '{TOKEN}')")
            window.page.set_default_timeout(10_000)
            window._listen()
            return window

        yield opened
