"""The pages that read the journal and act: charts draw and zoom, verbs need their phrase and a token, the loan shows its dangers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.commands import Mode
from bot.domain.view import BreakerView, VerbPreview
from tests.browser.conftest import Open, Window, playwright
from tests.browser.desk import VERB_TOKEN, VerbBook, a_story

CHARTS = ("#chart-delta", "#chart-pnl", "#chart-price")


async def test_charts_draw_zoom_and_tell_under_the_cursor(open_window: Open) -> None:
    """Three days: the wheel of ranges, a stretch dragged out, the figures under the pointer, all by keyboard too."""
    window = await open_window()
    await window.go("#/charts")
    page = window.page
    await page.get_by_role("button", name="all", exact=True).click()
    await window.until("#range-note", "(2 d 23 h)")
    for chart in CHARTS:
        assert (chart, True) == (chart, len(await _path(window, chart)) > 500)

    box = await page.locator("#chart-pnl .plot").bounding_box()
    middle = box["y"] + box["height"] / 2
    await page.mouse.move(box["x"] + 300, middle)
    await window.until("#chart-pnl .key", "USDT")
    assert 1 == await page.locator("#chart-price line.cursor").count()
    await page.mouse.down()
    await page.mouse.move(box["x"] + 600, middle, steps=4)
    await page.mouse.up()
    await playwright.expect(page.locator("#range-note")).not_to_contain_text("2 d 23 h")
    await page.locator("#chart-delta").focus()
    before = await page.locator("#chart-delta").get_attribute("aria-valuetext")
    await page.keyboard.press("ArrowLeft")

    assert before != await page.locator("#chart-delta").get_attribute("aria-valuetext")
    assert (window.complaints, window.outside) == ([], [])


async def _path(window: Window, chart: str) -> str:
    path = await window.page.locator(f"{chart} path.series").first.get_attribute("d")
    return path or ""


async def test_profit_by_day_adds_up_on_the_page(open_window: Open) -> None:
    """A person adds up what is shown: the days are the total, to the cents of their rounding."""
    window = await open_window()
    await window.go("#/charts")
    await window.page.wait_for_selector("#by-day tr.total")
    texts = await window.page.locator("#by-day tbody tr > :last-child").all_inner_texts()
    figures = [float(text.replace("−", "-").replace(",", "")) for text in texts]

    assert abs(sum(figures[:-1]) - figures[-1]) < 0.005 * len(figures)


async def test_the_first_page_tells_the_whole_books_profit(open_window: Open) -> None:
    """A hedge that loses what the coin gains looks like a loss by itself: the sum with the coin stands beside it."""
    window = await open_window()
    await window.go()
    await window.page.wait_for_selector("#whole:not(.none)")
    whole = await window.page.locator("#whole").inner_text()
    await window.page.click("text=where it came from")
    total = window.page.locator("#by-day tr.total > :last-child")

    assert whole == await total.inner_text()


async def test_a_verb_needs_its_phrase_and_a_token(open_window: Open) -> None:
    """The button stays shut until the phrase stands there; without a token nothing is asked, with it once."""
    book = VerbBook()
    window = await open_window(verbs=book)
    await window.go("#/verbs")
    page = window.page
    flatten = page.locator("#verbs > li", has=page.get_by_role("heading", name="flatten"))
    button = flatten.get_by_role("button", name="flatten")

    assert "Leaves delta 0.2700 BTC" in " ".join((await flatten.inner_text()).split())
    assert await button.is_disabled()
    await flatten.get_by_label("Type “flatten paper” to confirm").fill("flatten mainnet")
    assert await button.is_disabled()
    await flatten.get_by_label("Type “flatten paper” to confirm").fill("flatten paper")
    await button.click()
    await window.until("#verb-said", "a token that may operate is needed")
    assert [] == book.asked

    await page.get_by_label("A verb needs a token").fill(VERB_TOKEN)
    await page.get_by_role("button", name="Use it").click()
    await window.until("#verb-said", "flatten: taken in")
    assert [("flatten", "")] == book.asked
    assert await button.is_disabled()


async def test_what_a_verb_leaves_is_unknown_before_the_account_is_read(open_window: Open) -> None:
    """It said that both legs would be zero, of legs that nobody had read."""
    book = VerbBook()
    book.leaves = VerbPreview(verb="flatten", long=None, short=None, delta=None, ltv=None, liquidation=None)
    window = await open_window(verbs=book)
    await window.go("#/verbs")

    facts = await window.page.locator("#verbs > li.grave dd").all_inner_texts()
    assert ["unknown"] * 5 == facts


async def test_a_verb_that_needs_a_reason_or_an_amount_says_so(open_window: Open) -> None:
    """The button of pause waits for a reason; what the daemon refuses is told in its words."""
    book = VerbBook()
    window = await open_window(verbs=book)
    await window.page.add_init_script(f"sessionStorage.setItem('operate', '{VERB_TOKEN}')")
    await window.go("#/verbs")
    pause = window.page.locator("#verb-pause-reason")
    button = window.page.get_by_role("button", name="pause")

    assert await button.is_disabled()
    await pause.fill("maintenance")
    await button.click()
    await window.until("#verb-said", "pause: taken in")
    await window.page.get_by_role("button", name="repay").click()
    await window.until("#verb-said", "repay: say how much")

    assert [("pause", "maintenance"), ("repay", "")] == book.asked


async def test_a_double_click_asks_once(open_window: Open) -> None:
    """And not for everything, once the answer to the first has emptied the form."""
    book = VerbBook()
    window = await open_window(verbs=book)
    await window.page.add_init_script(f"sessionStorage.setItem('operate', '{VERB_TOKEN}')")
    await window.go("#/verbs")
    button = window.page.get_by_role("button", name="repay")

    await window.page.get_by_label("Amount, USDT; empty: as much as can be").fill("500")
    await button.evaluate("button => { button.click(); setTimeout(() => button.click(), 150); }")
    await window.until("#verb-said", "repay:")
    await window.page.wait_for_timeout(300)
    assert [("repay", "")] == book.asked

    await window.page.wait_for_timeout(1_000)
    await button.click()
    await window.page.wait_for_timeout(300)
    assert [("repay", "")] * 2 == book.asked


async def test_the_loan_shows_its_ladder_and_what_would_become_of_it(open_window: Open) -> None:
    """Rungs with a marker, two curves over the move of the price, a row for every move."""
    story = a_story()
    window = await open_window(view=replace(story, loan=replace(story.loan, rung="MONITOR", margin_rung="CALM")))
    await window.go("#/loan")
    page = window.page
    await page.wait_for_selector("#what-if-chart path.series.good")

    assert 5 == await page.locator("#ladder-ltv rect").count()
    assert "Loan-to-value 51.7 %" in (await page.locator("#ladder-ltv svg").get_attribute("aria-label") or "")
    assert 8 == await page.locator("#what-if tr").count()
    assert "at no price seen" in await window.text(".distances")


async def test_a_decision_of_long_ago_is_told_in_full(open_window: Open) -> None:
    """From the list to the first hedge, with its orders and fills; the focus goes with it."""
    window = await open_window()
    await window.go("#/decisions")
    await window.page.get_by_role("button", name="hedge", exact=True).click()
    await window.page.get_by_role("button", name="1", exact=True).click()

    await window.until("#told", "hl-k3-LONG")
    await playwright.expect(window.page.locator("#h-told")).to_be_focused()


async def test_health_tells_streams_notes_and_alerts(open_window: Open) -> None:
    """Why it does not hedge, since when a stream is down, and what the journal noted."""
    story = a_story()
    view = replace(story, mode=Mode.HALTED, why="a person said so")
    window = await open_window(view=view)
    await window.go("#/health")

    await window.until("#verdicts", "mode is HALTED: a person said so")
    await window.until("#notes", "the engine stood still for 12.0 s")
    assert "Private stream up" in " ".join((await window.page.locator("#streams").inner_text()).split())


@pytest.mark.parametrize("width", [320, 390])
async def test_a_phone_shows_every_page_at_once(open_window: Open, width: int) -> None:
    """Nobody looks for the verbs at night: the names of all pages are in sight, whole, and none lies on another."""
    window = await open_window(width=width, height=844)
    await window.go()
    boxes = [await link.bounding_box() for link in await window.page.locator("nav a").all()]
    cut = await window.page.evaluate(
        "[...document.querySelectorAll('nav a')].filter(a => a.scrollWidth > a.clientWidth)"
    )

    assert (8, []) == (len(boxes), cut)
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)


async def test_the_first_screen_of_a_phone_says_whether_all_is_well(open_window: Open) -> None:
    """Woken at three: mode and what to do, the loan and what would liquidate it, coin, delta and the price's age, without scrolling."""
    window = await open_window(width=390, height=844)
    await window.go()
    box = await window.page.locator(".glance").bounding_box()

    assert "Nothing to do." == await window.text("#do")
    assert "LTV 51.7 % monitor warning from 65 %" in await window.text(".glance")
    assert "Coin 0.2700 BTC 0.0510 long, 0.3210 short Delta 0.0000 BTC Inside the band" in await window.text(".glance")
    assert box["y"] + box["height"] < 844


async def test_what_is_wrong_stands_on_top_of_every_page_with_its_first_step(open_window: Open) -> None:
    """A tripped breaker, a rung, a loan that is not known; and once it is over, nothing to do."""
    story = a_story()
    breaker = BreakerView(
        name="daily loss", tripped=True, figure=0.31, limit=0.3, unit="of equity", resets="a person resumes"
    )
    standing: list[dict[str, str]] = [
        {"kind": "ltv", "severity": "warning", "title": "LTV 66.0%, rung WARNING", "text": "t", "do": "Add collateral."}
    ]
    window = await open_window(view=replace(story, breakers=(breaker,)), more=lambda: _alerts(standing))
    for page in ("overview", "loan", "verbs"):
        await window.go(f"#/{page}")
        await window.until("#standing", "Breaker tripped: daily loss31.0 %, limit 30.0 % of equity")
        await window.until("#standing", "LTV 66.0%, rung WARNINGtAdd collateral.")
    assert "" == await window.page.locator("#do").text_content()

    standing.clear()
    window.seen = replace(story, loan=replace(story.loan, ltv=None))
    await window.until("#standing", "Not known: the loan")
    window.seen = story
    await window.until("#do", "Nothing to do.")
    assert await window.page.locator("#standing").is_hidden()


def _alerts(standing: list[dict[str, str]]) -> dict[str, object]:
    counts = dict.fromkeys(("delivered", "undelivered", "dropped", "waiting"), 0)
    return {"alerts": {"channels": ["telegram"], "standing": list(standing), "errors": {}, **counts}}


async def test_a_mode_that_does_not_hedge_says_what_to_do(open_window: Open) -> None:
    """Not only why: the first step, and not from a page that is cut off."""
    window = await open_window(view=replace(a_story(), mode=Mode.HALTED, why="a person said so"))
    await window.go()
    await window.until("#do", "then resume, with a reason.")

    await window.web.close()
    await window.page.wait_for_selector("html[data-link=lost]")
    assert await window.page.locator("#do").is_hidden()


async def test_health_tells_breakers_and_the_last_drill(open_window: Open) -> None:
    """Each figure beside its limit in its own unit; and when somebody last tried the way out."""
    breakers = (
        BreakerView(name="volatility", tripped=False, figure=None, limit=0.3, unit="in 24 h", resets="it falls"),
        BreakerView(name="rejects", tripped=True, figure=8, limit=8, unit="orders in a row", resets="a person resumes"),
    )
    drill: dict[str, object] = {
        "at_ms": 1_760_000_000_000, "world": "testnet", "verb": "flatten", "done": True, "flat_s": 0.61, "verified_s": 5.2
    }  # fmt: skip
    window = await open_window(view=replace(a_story(), breakers=breakers), more=lambda: {"drill": drill})
    await window.go("#/health")

    await window.until("#breakers", "volatility")
    said = await window.text("#breakers")
    assert "volatility unknown 30.0 % in 24 h well it falls" in said
    assert "rejects 8 8 orders in a row tripped a person resumes" in said
    assert (
        "2025-10-09 08:53:20 UTC, testnet: flatten done, flat after 0.6 s, verified after 5.2 s."
        == await window.text("#drill")
    )


async def test_what_nobody_says_is_not_unknown(open_window: Open) -> None:
    """No other system need speak of funding; where one does, its word stands there."""
    window = await open_window()
    await window.go("#/rates")
    await window.until("[data-field='funding.outside_regime']", "nothing")

    story = a_story()
    window.seen = replace(story, funding=replace(story.funding, outside_regime="MANIA"))
    await window.until("[data-field='funding.outside_regime']", "mania")
