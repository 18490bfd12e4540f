"""Takes the pictures of the documentation: every page of a running daemon, in light and dark, on a desk and on a phone.

`python -m tests.browser.pictures "$(scripts/run dashboard)" docs/images` writes dashboard-PAGE-light.png, -dark.png and -phone.png.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

from tests.browser.conftest import CHROMIUM, FLAGS

PAGES = ("overview", "charts", "decisions", "orders", "loan", "rates", "health", "verbs")
SCREENS = {"light": ("light", 1180, 900), "dark": ("dark", 1180, 900), "phone": ("dark", 390, 844)}
LOOKS = {
    "overview": "#whole:not(.none)",
    "charts": "#chart-pnl path.series",
    "rates": "#chart-sigma path.series",
    "decisions": "#earlier .badge",
}
TALLEST_PX = 780  # a picture of the documentation stays below 200 kB


async def take(link: str, folder: Path, pages: tuple[str, ...] = PAGES) -> None:
    """One picture per page and screen of the dashboard that the link opens; waits for what the page loads besides the stream."""
    home = link.partition("#")[0]
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for name, (scheme, width, height) in SCREENS.items():
            context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})  # type: ignore[arg-type]
            page = await context.new_page()
            await page.goto(link)
            await page.wait_for_selector("html[data-link=live]")
            for wanted in pages:
                await _shoot(
                    page, f"{home}#/{wanted}", LOOKS.get(wanted), folder / f"dashboard-{wanted}-{name}.png", width
                )
            await context.close()
        await browser.close()


async def _shoot(page: Any, url: str, look: str | None, file: Path, width: int) -> None:
    await page.goto(url)
    await page.wait_for_selector("html[data-link=live]")
    if look:
        await page.wait_for_selector(look)
    await page.wait_for_timeout(700)  # what is drawn after the first answer
    tall = min(TALLEST_PX, int(await page.evaluate("document.documentElement.scrollHeight")))
    await page.screenshot(path=file, clip={"x": 0, "y": 0, "width": width, "height": tall}, full_page=True)


if __name__ == "__main__":
    Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
    asyncio.run(take(sys.argv[1], Path(sys.argv[2]), tuple(sys.argv[3:]) or PAGES))
