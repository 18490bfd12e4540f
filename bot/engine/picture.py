"""The picture of the engine at one moment, for those who look but cannot touch."""

from __future__ import annotations

from decimal import Decimal

from bot.domain.legs import Leg
from bot.domain.money import ZERO
from bot.domain.view import (
    BookView,
    BotView,
    HealthView,
    LegView,
    MarketView,
    OrderView,
    PnlView,
    Target,
)
from bot.engine import breakers, outlook, sight
from bot.engine.ledger import LegBook
from bot.engine.picture_profit import execution, profit
from bot.engine.picture_rates import funding, volatility
from bot.engine.state import State

__all__ = ["view"]

SHOWN_DECISIONS = 50
SHOWN_ORDERS = 50


def view(state: State, now_ms: int, *, speed: float = 1.0) -> BotView:
    """Everything a person or a metric may want to know, at market time `now_ms`."""
    return BotView(
        now_ms=now_ms,
        started_ms=state.started_ms,
        run=state.run,
        version=state.version,
        world=state.world,
        speed=speed,
        symbol=state.config.symbol,
        mode=state.mode,
        why=state.why,
        market=_market(state, now_ms),
        book=_book(state, now_ms),
        target=_target(state),
        volatility=volatility(state),
        funding=funding(state, now_ms),
        loan=outlook.loan_view(state, now_ms),
        pnl=_pnl(state),
        health=_health(state, now_ms),
        decisions=tuple(state.decisions)[:SHOWN_DECISIONS],
        orders=_orders(state),
        profit=profit(state, now_ms),
        execution=execution(state),
        latch=state.latched,
        breakers=breakers.view(state),
    )


def _market(state: State, now_ms: int) -> MarketView:
    ticker, seen_ms = state.market.ticker, state.market.ticker_seen_ms
    return MarketView(
        last=ticker.last if ticker else None,
        mark=ticker.mark if ticker else None,
        index=ticker.index if ticker else None,
        bid=ticker.bid if ticker else None,
        ask=ticker.ask if ticker else None,
        age_ms=None if seen_ms is None else now_ms - seen_ms,
        stale=not sight.ticker_is_fresh(state, now_ms),
    )


def _leg(state: State, leg: Leg) -> LegView:
    book = state.ledger.legs[leg]
    return LegView(
        qty=book.qty,
        entry_price=book.entry_price,
        unrealised=_unrealised(state, leg, book),
        realised=book.realised,
        fees=book.fees,
        funding=book.funding,
    )


def _unrealised(state: State, leg: Leg, book: LegBook) -> Decimal | None:
    return book.unrealised(leg, state.market.ticker.mark if state.market.ticker else None)


def _book(state: State, now_ms: int) -> BookView:
    spot, agreed_ms = state.spot, state.readings.agreed_ms
    return BookView(
        spot=spot,
        long=_leg(state, Leg.LONG),
        short=_leg(state, Leg.SHORT),
        delta=state.delta,
        cover=float(-state.ledger.net / spot) if spot and state.ledger.is_open else None,
        reconciled_age_ms=None if agreed_ms is None else now_ms - agreed_ms,
    )


def _target(state: State) -> Target:
    last, hedge = state.last_decided, state.hedge
    delta = last.target_delta if last else None
    ratio = next((s.value for s in last.stages if s.name == "volatility"), None) if last else None
    return Target(
        delta=delta,
        gap=delta - state.delta if delta is not None and state.delta is not None else None,
        band=Decimal(str(state.config.policy.band_btc)),
        hedge_ratio=ratio,
        long_qty=hedge.targets[Leg.LONG] if hedge else None,
        short_qty=hedge.targets[Leg.SHORT] if hedge else None,
        hedging=hedge is not None,
    )


def _pnl(state: State) -> PnlView:
    books = state.ledger.legs
    unrealised = [_unrealised(state, leg, book) for leg, book in books.items()]
    known = [part for part in unrealised if part is not None]
    floating = sum(known, ZERO) if len(known) == len(unrealised) else None
    realised = sum((b.realised for b in books.values()), ZERO)
    funding = sum((b.funding for b in books.values()), ZERO)
    fees = sum((b.fees for b in books.values()), ZERO)
    return PnlView(
        realised=realised,
        unrealised=floating,
        funding=funding,
        fees=fees,
        total=None if floating is None else realised + floating + funding - fees,
    )


def _health(state: State, now_ms: int) -> HealthView:
    facts = sight.facts_of(state, now_ms)
    return HealthView(
        ready=not facts.not_started,
        reasons=tuple(reason for reason in facts if reason),
        streams={channel.value: health.up for channel, health in state.channels.items()},
        reconcile_failures=state.readings.failures,
        unknown_orders=sum(1 for o in state.blotter.unsettled() if o.state.value == "unknown"),
        bad_inputs=dict(state.bad_inputs),
        records=state.records,
        stream_since_ms={channel.value: health.since_ms for channel, health in state.channels.items()},
    )


def _orders(state: State) -> tuple[OrderView, ...]:
    newest = list(state.blotter.orders.values())[: -SHOWN_ORDERS - 1 : -1]
    return tuple(
        OrderView(
            order_link_id=o.place.order_link_id,
            at_ms=o.sent_ms,
            leg=o.place.leg.name.lower(),
            act=o.place.act.value,
            qty=o.place.qty,
            filled=o.executed,
            avg_price=o.avg_price,
            state=o.state.value,
            reason=o.reason,
        )
        for o in newest
    )
