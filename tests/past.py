"""A journal of three days, written as the daemon writes one: adopted legs, bars, hourly decisions, one hedge, funding, interest, a note."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bot.domain.account import CashKind, CashRow, ExecKind, Execution
from bot.domain.commands import HedgeEnded, LegsAdopted, Note, Outcome, PlaceOrder
from bot.domain.events import Bar, BarClosed, CashSeen, ExecutionSeen, OrderAnswered, TickerSeen
from bot.domain.legs import Act, Leg
from bot.domain.orders import TimeInForce, Verdict
from bot.domain.records import Record
from bot.journal.journal import Journal
from tests.build import NOW_MS, a_decision

D = Decimal
DAYS, HOUR_MS, BAR_MS = 3, 3_600_000, 300_000
FIRST_MS = NOW_MS - DAYS * 24 * HOUR_MS


def price_at(at_ms: int) -> Decimal:
    """A path with a trend, a wave and a dent, to the cent."""
    hours = (at_ms - FIRST_MS) / HOUR_MS
    dent = 1_500 * math.exp(-(((hours - 40) / 3) ** 2))
    return round(D(str(114_000 + 28 * hours + 600 * math.sin(hours / 5) - dent)), 2)


def write(path: Path) -> None:
    """Write the journal; the daemon's own format, closed when this returns."""
    journal = Journal(path, deadline_s=60)
    for at_ms, record in _records():
        journal.append(record, at_ms)
    journal.commit()
    journal.close()


def _records() -> list[tuple[int, Record]]:
    start = price_at(FIRST_MS)
    adopted = LegsAdopted(
        long_qty=D("0.213"),
        short_qty=D("0.213"),
        long_entry=start,
        short_entry=start,
        seq=1,
        at_ms=FIRST_MS,
        reason="first reading of the account",
    )
    records: list[tuple[int, Record]] = [(FIRST_MS, adopted)]
    for number, at_ms in enumerate(range(FIRST_MS, NOW_MS, BAR_MS)):
        records.append((at_ms + 1_000, _bar(at_ms)))
        if number % 12 == 0:
            records.append((at_ms + 2_000, _decision(1 + number // 12, at_ms)))
        if number == 0:
            records += _hedge(at_ms + 3_000)
        if (at_ms // HOUR_MS) % 8 == 0 and at_ms % HOUR_MS < BAR_MS:
            records += [(at_ms + 4_000, record) for record in _settlement(at_ms)]
    note = Note(severity="warning", kind="stalled", text="the engine stood still for 12.0 s")
    return [*records, (NOW_MS - 2_000, note), (NOW_MS, _ticker())]


def _bar(at_ms: int) -> BarClosed:
    close = price_at(at_ms)
    return BarClosed(
        bar=Bar(
            start_ms=at_ms - BAR_MS, minutes=5, open=close, high=close + 30, low=close - 30, close=close, volume=D(10)
        )
    )


def _decision(number: int, at_ms: int) -> Record:
    delta = D("0.27") if number == 1 else D(number % 7) / 1_000
    inputs = {
        "book.spot_btc": 0.27 if number == 1 else 0.27 + float(delta),
        "market.price": float(price_at(at_ms)),
        "market.sigma_24h": 0.02 + 0.006 * math.sin(number / 9),
        "market.funding_apr": 0.1095,
        "account.debt_usdt": 16_200.0,
    }
    if number == 1:
        return a_decision(1, inputs=inputs, trigger="first look")
    return a_decision(
        number,
        outcome=Outcome.HOLD,
        reason="the gap is inside the no-trade band",
        trigger="review",
        delta=delta,
        gap=-delta,
        inputs=inputs,
        long_target=None,
        short_target=None,
    )


def _hedge(at_ms: int) -> list[tuple[int, Record]]:
    records: list[tuple[int, Record]] = []
    for leg, act, side, qty in ((Leg.LONG, Act.SHRINK, "Sell", D("0.162")), (Leg.SHORT, Act.GROW, "Sell", D("0.108"))):
        link = f"hl-k3-{leg.name}"
        place = PlaceOrder(
            order_link_id=link,
            symbol="BTCUSDT",
            leg=leg,
            act=act,
            qty=qty,
            limit_price=price_at(at_ms) - 100,
            time_in_force=TimeInForce.IOC,
            decision=1,
        )
        answered = OrderAnswered(order_link_id=link, verdict=Verdict.ACCEPTED, code=0, reason="", order_id=f"v-{link}")
        records += [
            (at_ms, place),
            (at_ms, answered),
            (at_ms, ExecutionSeen(execution=_fill(link, leg, side, qty, at_ms))),
        ]
    return [*records, (at_ms, HedgeEnded(decision=1, reached=True, reason="the leg targets are reached"))]


def _fill(link: str, leg: Leg, side: str, qty: Decimal, at_ms: int) -> Execution:
    price = price_at(at_ms)
    return Execution(
        exec_id=f"e-{link}",
        kind=ExecKind.TRADE,
        symbol="BTCUSDT",
        order_id=f"v-{link}",
        order_link_id=link,
        side=side,  # type: ignore[arg-type]
        qty=qty,
        price=price,
        fee=round(qty * price * D("0.00055"), 8),
        fee_currency="USDT",
        closed_qty=qty if leg is Leg.LONG else D(0),
        is_maker=False,
        exec_ms=at_ms,
        seq=10 + leg.value,
    )


def _settlement(at_ms: int) -> list[Record]:
    mark = price_at(at_ms)
    legs = ((Leg.LONG, "Buy", D("0.051"), D(1)), (Leg.SHORT, "Sell", D("0.321"), D(-1)))
    rows: list[Record] = []
    for leg, side, qty, sign in legs:
        execution = replace(
            _fill(f"f-{at_ms}-{leg.name}", leg, side, qty, at_ms),
            kind=ExecKind.FUNDING,
            order_link_id="",
            fee=round(sign * qty * mark * D("0.0001"), 8),
            closed_qty=D(0),
        )
        rows.append(ExecutionSeen(execution=execution))
    interest = CashRow(
        row_id=f"i-{at_ms}",
        kind=CashKind.INTEREST,
        raw_kind="INTEREST",
        currency="USDT",
        change=D("-0.88767123"),
        cash_flow=D("-0.88767123"),
        fee=D(0),
        funding=None,
        balance=None,
        at_ms=at_ms,
    )
    return [*rows, CashSeen(row=interest)]


def _ticker() -> TickerSeen:
    price = price_at(NOW_MS)
    return TickerSeen(
        at_ms=NOW_MS,
        last=price,
        mark=price,
        index=price,
        bid=price - D("0.1"),
        ask=price,
        funding_rate=D("0.0001"),
        next_funding_ms=None,
        funding_interval_h=8,
    )
