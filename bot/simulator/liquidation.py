"""What the venue does to an account by force: liquidation at a maintenance-margin rate of 100 %, auto-deleveraging, another position mode.

Liquidation follows Bybit's UTA trading rules: cancel orders, repay liabilities by selling assets, then reduce positions.
"""

from __future__ import annotations

from decimal import Decimal

from bot.simulator import borrowing, stops, trading
from bot.simulator.book import Level, walk
from bot.simulator.figures import ZERO
from bot.simulator.instruments import COINS, SYMBOL
from bot.simulator.margin import Margin, measure, prices_of
from bot.simulator.orders import Order
from bot.simulator.positions import Leg
from bot.simulator.state import Account, State

__all__ = ["change_mode", "deleverage", "exposed", "guard", "liquidate"]

_MOST_ROUNDS = 400
_DUST_USD = Decimal("0.01")


def guard(state: State, account: Account) -> None:
    """Liquidate the account if its maintenance margin is no longer covered."""
    if state.market.ready and exposed(account) and _margin(state, account).breached:
        liquidate(state, account)


def exposed(account: Account) -> bool:
    """Is there anything that liquidation could take: a leg, or one coin against a debt in another? A bankrupt account is left alone."""
    if any(leg.size for leg in account.legs.values()):
        return True
    nets = [purse.balance - purse.spot_borrow for purse in account.purses.values()]
    return any(net < 0 for net in nets) and any(purse.balance > 0 for purse in account.purses.values())


def liquidate(state: State, account: Account, target: Decimal | None = None) -> None:
    """Cancel, repay, reduce, until the maintenance-margin rate is at `target` (default: the rule's) or nothing is left to give."""
    target = state.rules.liquidation_target if target is None else target
    for order in [o for o in account.orders.values() if o.freezes]:
        _drop(state, account, order, "CancelByPrepareLiq")
    if not _unsafe(state, account, target):
        return
    for order in list(account.orders.values()):
        _drop(state, account, order, "CancelAllBeforeLiq")
    for _ in range(_MOST_ROUNDS):
        if not _unsafe(state, account, target) or not _repay_some(state, account):
            break
    for _ in range(_MOST_ROUNDS):
        if not _unsafe(state, account, target) or not _reduce_some(state, account):
            break
    for leg in account.legs.values():
        leg.status = "Normal"
    trading.tell_wallet(state, account)


def _margin(state: State, account: Account) -> Margin:
    return measure(account, prices_of(state.market), state.rules)


def _unsafe(state: State, account: Account, target: Decimal) -> bool:
    return _margin(state, account).mm_rate > target


def _drop(state: State, account: Account, order: Order, why: str) -> None:
    if order.order_id in account.orders:
        trading.cancel(state, account, order, why)


def _repay_some(state: State, account: Account) -> bool:
    """One round: a share of each debt, out of other coins. False when there is nothing to repay or to sell."""
    done = False
    for coin in COINS:
        margin = _margin(state, account)
        debt = margin.coins[coin].borrowed
        worth = debt * borrowing.usd_price(state, coin)
        if worth < _DUST_USD:
            continue
        share = debt if worth < 1 else debt * state.rules.liquidation_share
        missing = share - borrowing.spare(margin, coin)
        if missing > 0 and borrowing.cover(state, account, coin, missing, "CURRENCY_SELL", "CURRENCY_BUY"):
            done = True
        paid = borrowing.repayable(state, account, coin)
        if paid:
            borrowing.pay_down(state, account, coin, paid)
            done = True
    return done


def _reduce_some(state: State, account: Account) -> bool:
    """One round: a share of the leg with the larger maintenance margin, sold into the book; all of it when the account is bankrupt."""
    margin = _margin(state, account)
    held = [leg for leg in account.legs.values() if leg.size]
    if not held:
        return False
    leg = max(held, key=lambda each: margin.legs[each.idx].mm)
    leg.status = "Liq"
    bankrupt = margin.base <= 0
    share = state.linear.floor_qty(leg.size * state.rules.liquidation_share)
    qty = leg.size if bankrupt else min(leg.size, max(state.linear.qty_step, share))
    order = _forced(state, leg, qty, "CreateByTakeOver_PassThrough" if bankrupt else "CreateByLiq")
    levels = [] if bankrupt else walk(state, "linear", order.side, qty, order.price)
    left = qty - sum((level.qty for level in levels), ZERO)
    if left:  # taken over at the mark: what the book could not carry
        levels = [*levels, Level(state.linear.floor_price(state.market.mark), left)]
    state.taken["linear", order.side] = state.taken.get(("linear", order.side), ZERO) + qty - left
    side = leg.side
    trading.enter(state, account, order)
    kind = "BustTrade" if bankrupt else "Trade"
    trading.fill(state, account, order, levels, maker=False, kind=kind, log_type="LIQUIDATION")
    stops.follow(state, account, leg)
    price = state.linear.price_text(state.market.mark)
    data = [{"T": state.now_ms, "s": SYMBOL, "S": side, "v": state.linear.qty_text(qty), "p": price}]
    state.announce("linear", "allLiquidation.BTCUSDT", data)
    return True


def _forced(state: State, leg: Leg, qty: Decimal, create_type: str) -> Order:
    """A market order of the venue itself against a leg."""
    side = "Sell" if leg.side == "Buy" else "Buy"
    return Order(
        serial=state.mint.serial(),
        order_id=state.mint.order_id("linear"),
        link_id="",
        category="linear",
        side=side,
        order_type="Market",
        qty=qty,
        price=state.linear.min_price if side == "Sell" else state.linear.max_price,
        tif="IOC",
        created_ms=state.now_ms,
        updated_ms=state.now_ms,
        position_idx=leg.idx,
        reduce_only=True,
        create_type=create_type,
        last_price_on_created=state.market.last,
    )


def deleverage(state: State, account: Account, idx: int, qty: Decimal, price: Decimal | None = None) -> str:
    """Close `qty` (cut to the leg) of a leg against a bankrupt counterparty, at `price` (default: the mark); the order's id, "" on an
    empty leg. The leg's closing orders are cancelled before (Bybit: enum, CancelAllBeforeAdl, AdlTrade)."""
    leg = account.legs[idx]
    qty = min(qty, leg.size)
    if not qty:
        return ""
    for order in [o for o in account.orders.values() if o.category == "linear" and o.position_idx == idx]:
        if order.rests:
            _drop(state, account, order, "CancelAllBeforeAdl")
    leg.status = "Adl"
    order = _forced(state, leg, qty, "CreateByAdl_PassThrough")
    order.price = state.linear.floor_price(state.market.mark if price is None else price)
    trading.enter(state, account, order)
    level = Level(order.price, qty)
    rate = state.rules.adl_fee_rate
    trading.fill(state, account, order, [level], maker=False, rate=rate, kind="AdlTrade", log_type="ADL")
    leg.status = "Normal"
    stops.follow(state, account, leg)
    return order.order_id


def change_mode(state: State, account: Account, *, hedge: bool) -> None:
    """Another position mode over a live book, as no request can: the perpetual's orders are cancelled, opposite legs are closed against
    each other at the mark, and what is left of them goes on under the index of the new mode."""
    if account.hedge_mode == hedge:
        return
    for order in [o for o in account.orders.values() if o.category == "linear"]:
        _drop(state, account, order, "CancelByAdmin")
    held = [leg for leg in account.live_legs() if leg.size]
    if len(held) == 2:
        common = min(leg.size for leg in held)
        for leg in held:
            order = _forced(state, leg, common, "CreateByAdminClosing")
            trading.enter(state, account, order)
            level = Level(state.linear.floor_price(state.market.mark), common)
            trading.fill(state, account, order, [level], maker=False, rate=ZERO)
    for leg in held:
        if leg.size:
            account.legs[0 if not hedge else 1 if leg.side == "Buy" else 2].take_over(leg)
    account.hedge_mode = hedge
    for leg in account.live_legs():
        trading.tell_position(state, account, leg)
