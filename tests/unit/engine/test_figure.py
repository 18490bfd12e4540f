"""Work remembered: done again exactly when a part is another one."""

import math
from copy import copy
from dataclasses import replace
from decimal import Decimal as D
from random import Random
from typing import Any

import pytest

from bot.domain.events import BarClosed, ExecutionSeen, OperatorAsked, Verb, WalletSeen
from bot.engine import breakers, decider
from bot.engine.figure import Figure
from bot.engine.market import MarketBook
from bot.engine.state import State
from bot.strategy import pipeline
from bot.strategy.pipeline import DEFAULT_POLICY
from tests.unit.engine.desk import Desk, a_config, a_history, a_reading, a_ticker, a_wallet, an_execution


def test_a_figure_is_made_once_for_equal_parts():
    """Equal parts, equal figure, no work; another part, another figure."""
    made: list[tuple[int, int]] = []

    def total(one: int, other: int) -> int:
        made.append((one, other))
        return one + other

    figure: Figure[int] = Figure()

    assert [3, 3, 4, 3] == [figure.of(total, *parts) for parts in ((1, 2), (1, 2), (2, 2), (1, 2))]
    assert [(1, 2), (2, 2), (1, 2)] == made


def test_a_figure_of_the_unknown_is_still_one():
    """NaN is not equal to itself: at worst the work is done again, never is an old figure given for it."""
    figure: Figure[float] = Figure()

    assert math.isnan(figure.of(float, "nan"))
    assert 2.0 == figure.of(float, "2")


def test_states_that_know_the_same_are_equal_whatever_they_have_reckoned():
    """A folded journal equals the living state, which has been asked much more often."""
    asked, unasked = Desk(), Desk()
    for desk in (asked, unasked):
        desk.start()
    asked.pulse(0.2)
    unasked.now_ms = asked.now_ms
    unasked.hear(a_ticker(at_ms=asked.now_ms))

    assert asked.state.book == unasked.state.book
    assert asked.state.market == unasked.state.market


def a_market() -> MarketBook:
    config = a_config()
    book = MarketBook(window=config.volatility, funding_normal_apr=config.funding_normal_apr)
    history = a_history()
    book.load(history.bars, history.funding)
    return book


def test_a_rate_that_settles_or_changes_is_averaged_anew():
    """The APR that decides follows the running rate, the interval and the settlements, each at once."""
    book = a_market()
    book.see_ticker(a_ticker(), 0)
    calm = book.funding_apr

    book.see_ticker(a_ticker(funding_rate=D("0.0007")), 0)
    dearer = book.funding_apr
    book.see_ticker(a_ticker(funding_rate=D("0.0007"), next_funding_ms=1_755_964_800_000), 0)
    settled = book.funding_apr
    book.see_ticker(a_ticker(funding_rate=D("0.0007"), next_funding_ms=1_755_964_800_000, funding_interval_h=4), 0)

    assert calm < dearer < settled < book.funding_apr
    book.load((), ())
    assert math.isclose(0.0007 * 6 * 365, book.funding_apr)


def test_sigma_follows_every_bar_and_a_new_history():
    """What is remembered of volatility never outlives the window it was made of."""
    book = a_market()
    before = book.sigma_24h
    last = book.last_bar
    assert last is not None

    for n in range(1, 40):
        jump = D(1) + D("0.01") * (n % 2)
        book.see_bar(type(last)(start_ms=last.start_ms + n * 300_000, minutes=5, open=last.close, high=last.close * 2,
                                low=last.close / 2, close=last.close * jump, volume=D(1)))  # fmt: skip
    wilder = book.sigma_24h
    book.load(a_history().bars, ())

    assert wilder > before
    assert before == book.sigma_24h
    book.load((), ())
    assert math.isnan(book.sigma_24h)


def without_memory(state: State) -> State:
    """The same facts, and no figure remembered."""
    again = copy(state)
    again.market = copy(state.market)
    for name, held in vars_of(state).items():
        if isinstance(held, Figure):
            setattr(again, name, Figure())
    again.market._sigma = again.market._for_targets = again.market._settled = again.market._price = (
        again.market._estimated
    ) = None
    return again


def vars_of(state: State) -> dict[str, Any]:
    return {name: getattr(state, name) for name in state.__dataclass_fields__}


@pytest.mark.parametrize("seed", range(4))
def test_what_is_remembered_never_decides_otherwise_than_what_is_reckoned_anew(seed: int) -> None:
    """An hour and a half of prices, rates, bars, fills, wallets and hands, each in any order."""
    rng, desk = Random(seed), Desk(a_config(policy=DEFAULT_POLICY._replace(hedge_mode=seed % 3, schedule=1)))
    desk.start()
    state, answers = desk.state, set()
    deeds = [
        lambda: None,
        lambda: desk.hear(a_ticker(f"{rng.randint(90_000, 140_000)}", desk.now_ms)),
        lambda: desk.hear(a_ticker(at_ms=desk.now_ms, funding_rate=D(rng.choice(("-0.0003", "0.0001", "0.004"))))),
        lambda: desk.hear(BarClosed(bar=replace(state.market.last_bar, start_ms=state.market.last_bar.start_ms + 300_000,
                                                close=D(rng.randint(110_000, 120_000))))),
        lambda: desk.hear(WalletSeen(wallet=a_wallet(debt=f"{rng.randint(0, 25_000)}"))),
        lambda: desk.hear(ExecutionSeen(execution=an_execution(f"x{desk.now_ms}", qty=f"0.0{rng.randint(1, 9)}",
                                                               exec_ms=desk.now_ms))),
        lambda: desk.hear(OperatorAsked(verb=Verb.REHEDGE, reason="", who="a test")),
        lambda: [desk.fill(order) for order in desk.orders[-1:] if not state.blotter.orders[order.order_link_id].executed],
        lambda: desk.answer_reading(a_reading(*(str(book.qty) for book in state.ledger.legs.values()))),
    ]  # fmt: skip
    for _ in range(250):
        rng.choice(deeds)()
        desk.pulse(rng.choice((0.5, 0.5, 20)), price=None)
        if state.instrument is None:
            continue
        anew = without_memory(state)
        inputs, again = decider.inputs_of(state, desk.now_ms), decider.inputs_of(anew, desk.now_ms)

        assert repr(again) == repr(inputs)
        answer = decider.answer_to(state, inputs)
        assert repr(pipeline.decide(again)) == repr(answer)
        assert list(breakers.changes(anew, desk.now_ms)) == list(breakers.changes(state, desk.now_ms))
        answers.add((answer.action, answer.reason))
    assert len(answers) > 3
