"""Funding of the perpetual and interest on what is borrowed: what falls due by the clock.

Knows rates and instants. Signs follow Bybit: transaction-log `funding` > 0 was received, execution `execFee` > 0 was paid.
"""

from __future__ import annotations

from decimal import Decimal

from bot.simulator import rows, trading
from bot.simulator.figures import ONE, ZERO, booked
from bot.simulator.instruments import COINS, SYMBOL
from bot.simulator.margin import measure, prices_of
from bot.simulator.pages import HOUR_MS, MINUTE_MS
from bot.simulator.positions import Leg
from bot.simulator.state import Account, BorrowRow, ExecRow, SettledFunding, State
from bot.simulator.wallet import post

__all__ = ["charge_interest", "hourly_rate", "next_interest_ms", "schedule_funding", "settle_funding"]


def schedule_funding(state: State) -> None:
    """The next settlement is the next whole multiple of the interval, in UTC."""
    every = state.linear.funding_interval_min * MINUTE_MS
    state.market.next_funding_ms = (state.now_ms // every + 1) * every


def settle_funding(state: State) -> None:
    """Exchange position value at mark × rate between longs and shorts (Bybit: help centre, funding fee calculation)."""
    rate = state.market.funding_rate
    state.settled.append(SettledFunding(serial=state.mint.serial(), at_ms=state.now_ms, rate=rate))
    for account in state.accounts.values():
        held = [leg for leg in account.legs.values() if leg.size]
        paid = [_settle_leg(state, account, leg, rate) for leg in held]
        if not held:
            continue
        if state.rules.funding_rows_on_stream:
            state.push(account, "execution", [rows.exec_push(state, row) for row in paid])
        for leg in held:
            trading.tell_position(state, account, leg)
        trading.tell_wallet(state, account)
    schedule_funding(state)


def _settle_leg(state: State, account: Account, leg: Leg, rate: Decimal) -> ExecRow:
    value = booked(leg.size * state.market.mark)
    own_rate = rate if leg.side == "Buy" else -rate
    received = booked(-value * own_rate)
    leg.cur_realised += received
    leg.cum_realised += received
    leg.updated_ms, leg.seq = state.now_ms, state.mint.seq()
    account.purses["USDT"].cum_realised += received
    exec_id = state.mint.uuid()
    post(
        state,
        account,
        "USDT",
        "SETTLEMENT",
        funding=received,
        category="linear",
        symbol=SYMBOL,
        side=leg.side,
        qty=leg.size,
        size=leg.signed,
        price=state.market.mark,
        fee_rate=own_rate,
        trade_id=exec_id,
        order_id=f"{state.now_ms // 1000}-8-{account.uid}-1-{leg.idx}",
    )
    row = ExecRow(
        serial=state.mint.serial(),
        at_ms=state.now_ms,
        category="linear",
        exec_id=exec_id,
        exec_type="Funding",
        order_id=f"{state.now_ms // 1000}-{SYMBOL}-{account.uid}-{leg.side}",
        link_id="",
        side=leg.side,
        order_price=ZERO,
        order_qty=ZERO,
        leaves=ZERO,
        order_type="UNKNOWN",
        stop_order_type="",
        create_type="",
        is_leverage=False,
        market_unit="",
        price=state.market.mark,
        qty=leg.size,
        value=value,
        fee=-received,
        fee_coin="USDT",
        fee_rate=own_rate,
        is_maker=False,
        closed_size=ZERO,
        pnl=ZERO,
        mark=state.market.mark,
        seq=leg.seq,
    )
    account.executions.append(row)
    return row


def next_interest_ms(state: State) -> int:
    """The next hh:05:00 (Bybit: account/repay)."""
    offset = state.rules.interest_minute * MINUTE_MS
    return ((state.now_ms - offset) // HOUR_MS + 1) * HOUR_MS + offset


def hourly_rate(state: State, coin: str) -> Decimal:
    return {"BTC": state.rules.hourly_borrow_rate_btc}.get(coin, state.rules.hourly_borrow_rate_usdt)


def _penalty(state: State, coin: str, borrowed: Decimal) -> Decimal:
    """Above the borrowing limit, which only silent borrowing can pass, interest grows with the cube of its usage (Bybit: help centre,
    borrowing and repayment)."""
    limit = state.rules.max_borrow_btc if coin == "BTC" else state.rules.max_borrow_usdt
    return max(ONE, booked(borrowed / limit)) ** 3


def charge_interest(state: State) -> None:
    """One hour's interest on everything borrowed in the unified account, taken from the coin's wallet balance."""
    for account in state.accounts.values():
        margin = measure(account, prices_of(state.market), state.rules)
        charged = False
        for coin in COINS:
            own = margin.coins[coin]
            borrowed = own.borrowed
            loss = max(ZERO, -own.upl)
            free = min(state.rules.free_borrow_usdt, own.auto_borrow, loss) if coin == "USDT" else ZERO
            rate = hourly_rate(state, coin) * _penalty(state, coin, borrowed)
            cost = booked((borrowed - free) * rate)
            if not cost:
                continue
            charged = True
            post(state, account, coin, "INTEREST", cash_flow=-cost, fee_rate=rate)
            account.interest.append(
                BorrowRow(
                    serial=state.mint.serial(),
                    at_ms=state.now_ms,
                    coin=coin,
                    borrowed=borrowed,
                    rate=rate,
                    cost=cost,
                    free=free,
                    unrealised_loss=loss,
                )
            )
        if charged:
            trading.tell_wallet(state, account)
