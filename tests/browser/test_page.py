"""The page, read as a person reads it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.commands import Mode, Outcome
from bot.domain.view import BotView, PnlView
from tests.browser.conftest import Open, playwright
from tests.browser.desk import TOKEN, a_story, served
from tests.build import NOW_MS, a_decision, a_view, an_order_view

D = Decimal
HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'


async def test_one_glance_tells_how_it_stands(open_window: Open) -> None:
    """Mode and why, delta against target and band, the legs, the money, the loan: each with its unit."""
    window = await open_window()
    await window.go()

    assert await window.text("#mode") == "TRADING"
    assert "streams are fresh and the books agree" in await window.text(".mode")
    assert await window.text(".delta .big") == "0.0000 BTC"
    assert await window.text("#delta-verdict") == "Inside the band"
    assert await window.text(".equation") == "0.2700 spot + 0.0510 long − 0.3210 short = 0.0000 delta, BTC"
    assert await window.text(".market .middle") == "116,000.00 USDT mark"
    assert await window.text(".volatility .middle") == "2.62 % per 24 h"
    assert await window.text(".funding .middle") == "+0.0100 % per 8 h"
    assert await window.text(".loan .middle") == "51.7 % LTV"
    assert "at 120x" in await window.text("#world")
    assert "paper: tape time 2025-10-09 14:0" in await window.text("#world")


async def test_the_profit_adds_up_on_the_page(open_window: Open) -> None:
    """The parts a person sees are the total a person sees, to the cent, however the exact figures round."""
    pnl = PnlView(
        realised=D("-0.28674"),
        unrealised=D("-47.27646"),
        funding=D("3.0994488"),
        fees=D("17.01942165"),
        total=D("-61.48317285"),
    )
    window = await open_window(view=a_view(pnl=pnl))
    await window.go()

    figures = [
        D((await row.inner_text()).split()[0].replace("−", "-").replace(",", ""))
        for row in await window.page.locator(".sum dd").all()
    ]

    assert sum(figures[:-1]) == figures[-1] == D("-61.48")


async def test_it_moves_without_reload(open_window: Open) -> None:
    """A new price, a new delta and a new decision arrive by themselves."""
    window = await open_window()
    await window.go()
    await window.page.evaluate("window.sameVisit = true")

    seen = window.seen
    window.seen = replace(
        seen,
        now_ms=NOW_MS + 1_000,
        market=replace(seen.market, mark=D("111111")),
        book=replace(seen.book, delta=D("0.0123"), spot=D("0.2823")),
        target=replace(seen.target, gap=D("-0.0123")),
        decisions=((NOW_MS + 1_000, a_decision(41, reason="a new reason")), *seen.decisions),
    )

    await window.until(".market .middle", "111,111.00")
    assert await window.text(".delta .big") == "+0.0123 BTC"
    assert await window.text("#delta-verdict") == "Outside the band by 0.0023 BTC"
    assert "a new reason" in await window.text("#decisions li")
    assert await window.page.title() == "TRADING Δ +0.0123 BTC · HedgeLock"
    assert await window.page.evaluate("window.sameVisit")


async def test_unknown_is_a_word_and_never_a_zero(open_window: Open) -> None:
    """At three in the morning a zero is good news."""
    view = a_view()
    window = await open_window(
        view=replace(
            view,
            book=replace(view.book, delta=None, spot=None, cover=None),
            target=replace(view.target, delta=None, gap=None),
            loan=replace(view.loan, ltv=None),
        )
    )
    await window.go()

    assert await window.text(".delta .big") == "unknown"
    assert await window.text("#delta-verdict") == "Delta is unknown"
    assert await window.text(".loan .middle") == "unknown"
    assert 0 == await window.page.locator("#gauge svg").count()


async def test_stale_is_visibly_stale(open_window: Open) -> None:
    """The word, the age and the look of it."""
    view = a_view()
    window = await open_window(view=replace(view, speed=1.0, market=replace(view.market, stale=True, age_ms=94_000)))
    await window.go()

    await window.until("#stale", "stale")
    assert (await window.text("#price-age")).startswith("1 min 3")
    assert "line-through" in await window.page.locator(".market .middle span").first.evaluate(
        "element => getComputedStyle(element).textDecorationLine"
    )


async def test_an_engine_that_stopped_cannot_pass_its_price_as_fresh(open_window: Open) -> None:
    """The page counts ages itself: whatever the engine says, a price of long ago is called old."""
    view = a_view()
    window = await open_window(view=replace(view, speed=1.0, market=replace(view.market, stale=False, age_ms=40_000)))
    await window.go()

    await window.until("#stale", "old")


async def test_a_lost_connection_is_seen_and_mended(open_window: Open) -> None:
    """What is on the page is said to be old; when the daemon is back, so is the page."""
    window = await open_window()
    await window.go()
    port = window.web.doors.port
    await window.web.close()

    await window.page.wait_for_selector("html[data-link=lost]")
    await window.until("#alarm", "Connection lost")
    await window.until("#alarm", "What you see is from 2025-10-09 14:03:0")
    assert (await window.page.title()).startswith("NOT LIVE ")

    halted = replace(a_story(), mode=Mode.HALTED, why="a person said so")
    async with served(lambda: halted, port=port):
        await window.until("#mode", "HALTED")
        await window.page.wait_for_selector("html[data-link=live]")
        assert await window.page.locator("#alarm").is_hidden()


async def test_a_view_that_cannot_be_read_is_said(open_window: Open) -> None:
    """A living server with a dead engine does not look alive."""
    window = await open_window()
    await window.go()

    window.seen = None  # type: ignore[assignment]

    await window.page.wait_for_selector("html[data-link=trouble]")
    await window.until("#alarm", "the engine's view could not be read")


async def test_text_from_outside_stays_text(open_window: Open) -> None:
    """Order ids and refusals are written by others; the page shows them and runs nothing."""
    view = replace(
        a_view(mode=Mode.BLIND, why=HOSTILE),
        decisions=((NOW_MS, a_decision(1, reason=HOSTILE, trigger=HOSTILE, inputs={HOSTILE: None})),),
        orders=(an_order_view(HOSTILE, state=HOSTILE, reason=HOSTILE, leg=HOSTILE, act=HOSTILE),),
    )
    view = replace(view, health=replace(view.health, ready=False, reasons=(HOSTILE + "!",), bad_inputs={HOSTILE: 1}))
    window = await open_window(view=view)
    await window.go()
    await window.page.locator("#decisions details > summary").first.click()

    assert HOSTILE in await window.text(".orders tbody")
    assert HOSTILE in await window.text("#why")
    assert await window.page.locator("main img, main script").count() == 0
    assert await window.page.evaluate("window.broken === undefined")
    assert window.complaints == []


PAGES = [f"#/{page}" for page in ("overview", "charts", "decisions", "orders", "loan", "rates", "health", "verbs")]
SCREENS = [("light", 1280), ("dark", 1280), ("light", 768), ("dark", 390), ("light", 320)]


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
async def test_every_page_fits_every_screen(open_window: Open, scheme: str, width: int) -> None:
    """Nothing sticks out, nothing complains, nothing is asked of anybody else."""
    window = await open_window(scheme=scheme, width=width)
    await window.go()

    for page in PAGES:
        await window.page.goto(window.home + page)
        await window.page.wait_for_function(f"document.documentElement.dataset.page === '{page[2:]}'")
        for details in await window.page.locator("#decisions > li > details > summary:visible").all():
            await details.click()
        wide = await window.page.evaluate("document.documentElement.scrollWidth")
        assert (page, width) == (page, max(wide, width))

    assert (window.complaints, window.outside) == ([], [])


async def test_a_decision_opens_by_key_and_stays_open(open_window: Open) -> None:
    """Every stage with its figure and its reason; news above it does not close what is being read."""
    window = await open_window()
    await window.go()
    summary = window.page.locator("#decisions > li:nth-child(2) > details > summary")
    await summary.focus()
    await window.page.keyboard.press("Enter")
    opened = window.page.locator("#decisions > li > details[open]")

    assert "2. volatility" in await opened.inner_text()
    assert "of a trade to the short leg" in await opened.inner_text()
    refused = a_decision(41, outcome=Outcome.REFUSE, reason="a new reason")
    window.seen = replace(window.seen, now_ms=NOW_MS + 1, decisions=((NOW_MS, refused), *window.seen.decisions))
    await window.until("#decisions li", "a new reason")

    assert "2. volatility" in await opened.inner_text()
    assert await window.page.evaluate("document.activeElement.tagName") == "SUMMARY"


async def test_repeated_holds_are_told_once(open_window: Open) -> None:
    """Twelve times nothing to do is one line."""
    window = await open_window()
    await window.go()

    assert "hold the gap is inside the no-trade band 12 times" in await window.text("#decisions > li")
    assert await window.page.locator("#decisions > li").count() == 5


async def test_a_screen_reader_hears_the_mode_and_not_the_prices(open_window: Open) -> None:
    """One polite region; it speaks when the mode changes and is silent when numbers do."""
    window = await open_window()
    await window.go()
    regions = await window.page.locator("[aria-live], [role=alert], [role=status]").count()

    seen = window.seen
    window.seen = replace(seen, now_ms=NOW_MS + 1, market=replace(seen.market, mark=D("111111")))
    await window.until(".market .middle", "111,111.00")
    quiet = await window.page.locator("#announcer").text_content()
    window.seen = replace(window.seen, now_ms=NOW_MS + 2, mode=Mode.BLIND, why="the price is stale")
    await window.until("#mode", "BLIND")

    assert (regions, quiet) == (1, "")
    assert await window.page.locator("#announcer").text_content() == "Mode is now BLIND: the price is stale"


async def test_landmarks_and_keys_lead_everywhere(open_window: Open) -> None:
    """Banner, pages, main, footer; the first key press offers to skip to the numbers."""
    window = await open_window(width=390)
    await window.go()
    page = window.page

    for role in ("banner", "navigation", "main", "contentinfo"):
        assert (role, 1) == (role, await page.get_by_role(role).count())
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Skip to the numbers"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await page.get_by_role("link", name="Orders", exact=True).press("Enter")
    await playwright.expect(page.get_by_role("heading", name="Orders")).to_be_visible()
    assert await page.get_by_role("link", name="Orders", exact=True).get_attribute("aria-current") == "page"
    assert await page.get_by_role("region", name="Orders").get_by_role("row").count() == 7
    assert await page.get_by_role("heading", name="Delta").count() == 0


async def test_every_number_has_a_unit(open_window: Open) -> None:
    """A number alone is a riddle: its unit stands beside it, or in the head of its column."""
    window = await open_window()
    await window.go()

    bare = await window.page.evaluate("""
        [...document.querySelectorAll('[data-field]')]
          .filter(e => !['text', 'said', 'lower', 'count', 'duration', 'yes'].includes(e.dataset.as))
          .filter(e => !e.parentElement.querySelector('.unit') && !e.closest('[data-unit], .equation'))
          .map(e => e.dataset.field)
    """)

    assert bare == []


async def test_a_token_opens_the_page(open_window: Open) -> None:
    """Numbers appear only for who shows it; a wrong one is asked for again. How to come by it stands there."""
    window = await open_window(known=False)
    await window.go(wait="locked")
    assert "hedgelock dashboard" in await window.text("#unlock")
    assert await window.page.locator("main").is_hidden()

    await window.page.get_by_label("This dashboard asks for its token").fill("wrong")
    await window.page.get_by_role("button", name="Open").click()
    await asyncio.sleep(0)
    await window.page.wait_for_selector("html[data-link=locked]")
    await window.page.get_by_label("This dashboard asks for its token").fill(TOKEN)
    await window.page.get_by_role("button", name="Open").click()

    await window.page.wait_for_selector("html[data-link=live]")
    assert await window.text("#mode") == "TRADING"


async def test_a_link_with_the_token_opens_the_page_and_keeps_it_from_the_address(open_window: Open) -> None:
    """What was behind the # is gone from the address and from what a reload asks; the same tab stays open, another does not."""
    window = await open_window(known=False)

    await window.page.goto(window.web.doors.link(TOKEN))
    await window.page.wait_for_selector("html[data-link=live]")
    assert window.page.url == f"{window.home}#/overview"
    await window.page.reload()
    await window.page.wait_for_selector("html[data-link=live]")

    other = await window.page.context.new_page()
    await other.goto(window.home)
    await other.wait_for_selector("html[data-link=locked]")
    await other.evaluate(f"location.hash = 'token={TOKEN}'")  # the link, typed into a tab that is open already
    await other.wait_for_selector("html[data-link=live]")
    assert TOKEN not in other.url


async def test_when_every_place_is_taken_the_page_asks_instead(open_window: Open) -> None:
    """The twenty-first page is slower, not blind."""
    window = await open_window(max_stream_clients=0)
    await window.go(wait="polling")

    assert await window.text("#mode") == "TRADING"
    assert await window.text("#link") == "live, every 5 s"


async def test_the_line_of_delta_begins_before_the_visit(open_window: Open) -> None:
    """The daemon remembers an hour; a page opened late shows it."""
    window = await open_window(view=a_view(speed=1.0))
    for second in range(3):
        window.seen = replace(_at(window.seen, second), book=replace(window.seen.book, delta=D(second) / 1000))
        await asyncio.to_thread(_a_second)
    await window.go()

    await window.page.wait_for_selector("#spark path.line")
    await window.until("#spark-note", "delta between")


def _at(view: BotView, second: int) -> BotView:
    return replace(view, now_ms=NOW_MS + 1_000 * second)


def _a_second() -> None:
    """The trail keeps one point per second of real time; nothing announces it."""
    import threading

    threading.Event().wait(1.05)
