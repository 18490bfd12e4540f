"""The gate: every rule, and the wish it stops."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.commands import Mode, PlaceOrder, Refusal
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce
from bot.engine.gate import Surroundings, Wish, admit
from bot.engine.modes import MODES
from tests.unit.engine.desk import BTCUSDT, a_config, a_ticker

GROW_SHORT = Wish(decision=1, leg=Leg.SHORT, act=Act.GROW, qty=D("0.108"))
SHRINK_LONG = Wish(decision=1, leg=Leg.LONG, act=Act.SHRINK, qty=D("0.162"))


def around(**changes: Any) -> Surroundings:
    """The seed book on an ordinary day."""
    calm = Surroundings(
        order_link_id="r1-1",
        instrument=BTCUSDT,
        permission=MODES[Mode.TRADING],
        mode="TRADING",
        ticker=a_ticker(),
        ticker_fresh=True,
        limits=a_config().limits,
        leg_qty=D("0.213"),
        may_grow_by=D(0),
        unsettled=0,
        delta=D("0.27"),
        sent_last_minute=0,
        sent_last_day=0,
    )
    return replace(calm, **changes)


REFUSED = [
    # name                                      wish          changes                                               rule
    ("unknown filters", GROW_SHORT, {"instrument": None}, "instrument"),
    ("a delisted contract", GROW_SHORT, {"instrument": replace(BTCUSDT, status="Closed")}, "instrument"),
    ("blind", GROW_SHORT, {"permission": MODES[Mode.BLIND], "mode": "BLIND"}, "mode"),
    ("blind, and the long grows", replace(GROW_SHORT, leg=Leg.LONG), {"permission": MODES[Mode.BLIND]}, "mode"),
    ("blind, and as far across", SHRINK_LONG, {"permission": MODES[Mode.BLIND], "delta": D("0.081")}, "mode"),
    ("blind, and delta unknown", SHRINK_LONG, {"permission": MODES[Mode.BLIND], "delta": None}, "mode"),
    ("observing", SHRINK_LONG, {"permission": MODES[Mode.OBSERVE], "mode": "OBSERVE"}, "mode"),
    ("halted", SHRINK_LONG, {"permission": MODES[Mode.HALTED], "mode": "HALTED"}, "mode"),
    ("one in motion", GROW_SHORT, {"unsettled": 1}, "one in motion"),
    ("a stale price", GROW_SHORT, {"ticker_fresh": False}, "freshness"),
    ("too many a minute", GROW_SHORT, {"sent_last_minute": 20}, "order rate"),
    ("too many a day", GROW_SHORT, {"sent_last_day": 500}, "order rate"),
    ("the leg limit", GROW_SHORT, {"leg_qty": D("0.9995")}, "leg limit"),
    ("the leg limit, in flight", GROW_SHORT, {"leg_qty": D("0.8"), "may_grow_by": D("0.2")}, "leg limit"),
    ("dust", replace(GROW_SHORT, qty=D("0.0009")), {}, "minimum"),
    ("below the notional", replace(GROW_SHORT, qty=D("0.001")), {"ticker": a_ticker("4000")}, "minimum"),
    ("closing too much", SHRINK_LONG, {"leg_qty": D("0.1")}, "over-close"),
    ("a mark far away", GROW_SHORT, {"ticker": a_ticker(mark=D(118_000))}, "price collar"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "wish", "changes", "rule"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused(name: str, wish: Wish, changes: dict[str, Any], rule: str) -> None:
    """Every limit stops an order by its own name."""
    answer = admit(wish, around(**changes))

    assert isinstance(answer, Refusal)
    assert answer.rule == rule


def test_an_ordinary_growth_is_capped_ten_basis_points_off_the_bid() -> None:
    """A seller's cap is rounded up onto the grid: rounding never gives away more than was allowed."""
    order = admit(GROW_SHORT, around())

    assert isinstance(order, PlaceOrder)
    assert (order.qty, order.limit_price) == (D("0.108"), D("115884.0"))


def test_a_blind_feed_still_lets_delta_shrink_at_market() -> None:
    """Stale data must never keep a person exposed; the venue bounds the slippage where we cannot."""
    old = a_ticker(bid_qty=D("0.06"), ask_qty=D("0.06"))
    order = admit(SHRINK_LONG, around(permission=MODES[Mode.BLIND], mode="BLIND", ticker=old, ticker_fresh=False))

    assert isinstance(order, PlaceOrder)
    assert (None, D("0.162")) == (order.limit_price, order.qty), "nor is it cut to what stood at an old touch"


def test_a_shrinking_leg_that_grows_delta_counts_as_growth() -> None:
    """Closing the short of a hedged book leaves the coin naked: reduce-only is not the same as less risk."""
    wish = Wish(decision=1, leg=Leg.SHORT, act=Act.SHRINK, qty=D("0.1"))

    answer = admit(wish, around(permission=MODES[Mode.BLIND], mode="BLIND", delta=D(0), leg_qty=D("0.321")))

    assert isinstance(answer, Refusal)
    assert answer.rule == "mode"


def test_more_than_one_order_may_be_is_left_for_the_next() -> None:
    """The cap on one order cuts it; the absolute target brings the rest."""
    order = admit(replace(GROW_SHORT, qty=D("0.7")), around(leg_qty=D("0.1")))

    assert isinstance(order, PlaceOrder)
    assert order.qty == D("0.5")


def test_a_market_order_is_no_larger_than_the_venue_takes_at_market() -> None:
    """Its limit for market orders is the smaller one: above it a flatten was refused, and refused again."""
    narrow = replace(BTCUSDT, max_market_qty=D("0.1"))
    answer = admit(SHRINK_LONG, around(instrument=narrow, permission=MODES[Mode.EMERGENCY], mode="EMERGENCY"))

    assert isinstance(answer, PlaceOrder)
    assert (None, D("0.1")) == (answer.limit_price, answer.qty)


def test_the_last_step_before_the_leg_limit_is_taken_in_part() -> None:
    """A limit bounds a leg; it does not leave the leg short of it, be it by the smallest order. Beyond it the refusal says how far."""
    part, least, refused = (
        admit(GROW_SHORT, around(leg_qty=D(leg), may_grow_by=D("0.03"))) for leg in ("0.95", "0.969", "0.9695")
    )

    assert isinstance(part, PlaceOrder)
    assert isinstance(least, PlaceOrder)
    assert (D("0.02"), D("0.001")) == (part.qty, least.qty)
    assert isinstance(refused, Refusal)
    assert "the leg could reach 1.1075, above the limit of 1" == refused.reason


@pytest.mark.parametrize(("shown", "qty"), [("0.06", "0.06"), ("0.002", "0.05"), ("3", "0.108")])
def test_what_takes_goes_no_deeper_than_the_touch(shown: str, qty: str) -> None:
    """A slice is what the best price shows, and is not cut to dust either."""
    order = admit(GROW_SHORT, around(ticker=a_ticker(bid_qty=D(shown), ask_qty=D(9))))

    assert isinstance(order, PlaceOrder)
    assert D(qty) == order.qty


@pytest.mark.parametrize(("wish", "price"), [(GROW_SHORT, "116000.0"), (replace(GROW_SHORT, leg=Leg.LONG), "115999.9")])
def test_what_rests_stands_at_the_touch_of_its_own_side(wish: Wish, price: str) -> None:
    """A maker's price, post-only, whole."""
    order = admit(replace(wish, rests=True), around(ticker=a_ticker(bid_qty=D("0.001"), ask_qty=D("0.001"))))

    assert isinstance(order, PlaceOrder)
    assert (TimeInForce.POST_ONLY, D(price), D("0.108")) == (order.time_in_force, order.limit_price, order.qty)


def test_nothing_rests_on_a_stale_price() -> None:
    """Even what makes delta smaller: it would stand where the market was."""
    answer = admit(replace(SHRINK_LONG, rests=True), around(ticker_fresh=False))

    assert isinstance(answer, Refusal)
    assert "freshness" == answer.rule
