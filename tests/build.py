"""Honest values to begin a test with: override what the test is about, leave the rest true to one another.

The book is the original quick start's, hedged: 0.27 BTC of spot at 116,000 USDT behind a loan of 16,200, long 0.051, short 0.321.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from bot.domain.commands import Decided, Mode, Outcome, Stage
from bot.domain.legs import Leg
from bot.domain.view import (
    BookView,
    BotView,
    FundingView,
    HealthView,
    LegView,
    LoanView,
    MarketView,
    OrderView,
    PnlView,
    RungView,
    Target,
    VolatilityView,
)

NOW_MS = 1_760_018_580_000
"""2025-10-09 14:03:00 UTC."""

D = Decimal

LTV_LADDER = (
    RungView("MONITOR", 0.5),
    RungView("WARNING", 0.65),
    RungView("CRITICAL", 0.75),
    RungView("EMERGENCY", 0.85),
)
MARGIN_LADDER = (RungView("ALERT", 0.3), RungView("TOP UP", 0.5), RungView("REDUCE", 0.7), RungView("CLOSE", 0.85))


def a_decision(number: int = 1, **changes: Any) -> Decided:
    """The first hedge: the whole spot is covered, 60 % of the trade by the long leg."""
    decided = Decided(
        number=number,
        trigger="ticker",
        outcome=Outcome.HEDGE,
        reason="delta left the band",
        inputs={"spot_btc": 0.27, "long_btc": 0.213, "short_btc": 0.213, "price_usdt": 116_000.0, "sigma_24h": 0.0262},
        stages=(
            Stage(name="user", value=0.0, reason="the target is the user's"),
            Stage(name="volatility", value=0.4, reason="medium volatility: 40 % of the trade to the short leg"),
            Stage(name="funding", value=1.0, reason="the book is paid: full hedge"),
            Stage(name="ltv floor", value=0.0612, reason="the LTV floor does not bind"),
            Stage(name="margin", value=None, reason="margin is unknown"),
        ),
        delta=D("0.27"),
        target_delta=D("0"),
        gap=D("-0.27"),
        long_target=D("0.051"),
        short_target=D("0.321"),
        first_leg=Leg.LONG,
        memory={"vol_level": 1.0},
    )
    return replace(decided, **changes)


def an_order_view(link_id: str = "hl-k3-0001-L", **changes: Any) -> OrderView:
    """The long leg's half of the first hedge, filled."""
    order = OrderView(
        order_link_id=link_id,
        at_ms=NOW_MS - 60_000,
        leg="long",
        act="shrink",
        qty=D("0.162"),
        filled=D("0.162"),
        avg_price=D("115998.40"),
        state="filled",
        reason="",
    )
    return replace(order, **changes)


def a_view(**changes: Any) -> BotView:
    """A bot that trades on paper and has just hedged."""
    long = LegView(
        qty=D("0.051"),
        entry_price=D("115200"),
        unrealised=D("40.80"),
        realised=D("129.34"),
        fees=D("10.34"),
        funding=D("-1.20"),
    )
    short = LegView(
        qty=D("0.321"),
        entry_price=D("115620.50"),
        unrealised=D("-121.82"),
        realised=D("0"),
        fees=D("6.89"),
        funding=D("3.41"),
    )
    view = BotView(
        now_ms=NOW_MS,
        started_ms=NOW_MS - 7_200_000,
        run="k3",
        version="0.1.0",
        world="paper",
        speed=120.0,
        symbol="BTCUSDT",
        mode=Mode.TRADING,
        why="streams are fresh and the books agree",
        market=MarketView(
            last=D("116000.10"),
            mark=D("116000"),
            index=D("115990.25"),
            bid=D("116000"),
            ask=D("116000.10"),
            age_ms=400,
            stale=False,
        ),
        book=BookView(spot=D("0.27"), long=long, short=short, delta=D("0.000"), cover=1.0, reconciled_age_ms=12_000),
        target=Target(
            delta=D("0"),
            gap=D("0"),
            band=D("0.010"),
            hedge_ratio=0.4,
            long_qty=D("0.051"),
            short_qty=D("0.321"),
            hedging=False,
        ),
        volatility=VolatilityView(raw=0.0274, smoothed=0.0262, regime="medium", bars=288),
        funding=FundingView(
            rate=D("0.0001"),
            interval_h=8,
            apr=0.1095,
            regime="normal",
            next_ms=NOW_MS + 7_020_000,
            next_payment=D("3.132"),
            received=D("2.21"),
        ),
        loan=LoanView(
            structure="unified account",
            debt=D("16200"),
            ltv=0.5172,
            mm_rate=0.0213,
            equity=D("15087.91"),
            interest_per_day=D("2.66"),
            rung="MONITOR",
            margin_rung="CALM",
            ltv_ladder=LTV_LADDER,
            margin_ladder=MARGIN_LADDER,
        ),
        pnl=PnlView(realised=D("129.34"), unrealised=D("-81.02"), funding=D("2.21"), fees=D("17.23"), total=D("33.30")),
        health=HealthView(
            ready=True,
            reasons=(),
            streams={"public stream": True, "private stream": True},
            reconcile_failures=0,
            unknown_orders=0,
            bad_inputs={"malformed frame": 2},
            records=18_204,
        ),
        decisions=((NOW_MS - 60_000, a_decision()),),
        orders=(
            an_order_view("hl-k3-0002-S", leg="short", act="grow", qty=D("0.108"), filled=D("0.108")),
            an_order_view(),
        ),
    )
    return replace(view, **changes)
