"""Coin between the Funding and the unified account, and from outside.

Knows what may leave, and transfers that are still on their way.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from bot.simulator import trading
from bot.simulator.borrowing import spare
from bot.simulator.figures import GRAIN, MONEY, ZERO
from bot.simulator.instruments import COINS
from bot.simulator.margin import collateral_value, measure, prices_of
from bot.simulator.params import Refusal
from bot.simulator.state import Account, State, TransferRow
from bot.simulator.wallet import post, post_fund

__all__ = ["deposit", "land", "next_landing_ms", "transfer", "transferable"]


def transferable(state: State, account: Account, coin: str, source: str) -> Decimal:
    """What may leave: all of Funding; of the unified account min(what free margin carries, the coin's spare balance)
    (Bybit: account/unified-trans-amnt)."""
    if source == "FUND":
        return account.fund[coin]
    prices, purse = prices_of(state.market), account.purses[coin]
    margin = measure(account, prices, state.rules)
    own = spare(margin, coin)
    held = purse.balance - purse.spot_borrow
    backing = collateral_value(coin, max(ZERO, held), prices, state.rules, on=purse.collateral_on)
    indebted = any(each.borrowed for each in margin.coins.values())
    if margin.im or indebted:
        room = max(ZERO, margin.available)
        if room < backing:
            own = min(
                own, max(ZERO, held) * room / backing
            )  # by the average ratio: never more than the tiers would allow
        elif held < own:
            own = min(own, max(ZERO, held) + (room - backing) / margin.coins[coin].price)
    return own.quantize(GRAIN, rounding=ROUND_FLOOR, context=MONEY)


def transfer(
    state: State, account: Account, transfer_id: str, coin: str, amount: Decimal, source: str, target: str
) -> TransferRow:
    """UNIFIED <-> FUND (Bybit: asset/transfer/create-inter-transfer). The same id twice is 131214."""
    if transfer_id in account.transfers:
        raise Refusal(131214, "transferId already exists")
    if coin not in COINS:
        raise Refusal(131002, "Parameter error: coin")
    if {source, target} != {"UNIFIED", "FUND"}:
        raise Refusal(
            131210 if source == target else 131002, "fromAccountType and toAccountType must be UNIFIED and FUND"
        )
    if amount % GRAIN:
        raise Refusal(131203, "The amount has too many decimals")
    if amount > transferable(state, account, coin, source):
        raise Refusal(131212, "Insufficient balance")
    delay_ms = state.rules.transfer_delay_ms
    row = TransferRow(
        serial=state.mint.serial(),
        transfer_id=transfer_id,
        coin=coin,
        amount=amount,
        source=source,
        target=target,
        at_ms=state.now_ms,
        lands_ms=state.now_ms + delay_ms,
        status="PENDING" if delay_ms else "SUCCESS",
    )
    account.transfers[transfer_id] = row
    _put(state, account, coin, source, -amount)
    if delay_ms:
        state.pending.append((account, row))
    else:
        _put(state, account, coin, target, amount)
    return row


def _put(state: State, account: Account, coin: str, where: str, amount: Decimal) -> None:
    if where == "FUND":
        post_fund(state, account, coin, amount, "Transfer")
    else:
        post(state, account, coin, "TRANSFER_IN" if amount > 0 else "TRANSFER_OUT", cash_flow=amount)
        trading.tell_wallet(state, account)


def next_landing_ms(state: State) -> int | None:
    """When the next transfer on its way arrives."""
    return min((row.lands_ms for _, row in state.pending), default=None)


def land(state: State) -> None:
    """Transfers whose time has come arrive."""
    due = [(account, row) for account, row in state.pending if row.lands_ms <= state.now_ms]
    for account, row in due:
        state.pending.remove((account, row))
        row.status = "SUCCESS"
        _put(state, account, row.coin, row.target, row.amount)


def deposit(state: State, account: Account, coin: str, amount: Decimal, where: str) -> None:
    """Coin from outside (amount < 0: to outside), by a hand that is not the API's. Raises Refusal where the coin is not there."""
    if coin not in COINS or where not in ("FUND", "UNIFIED") or amount % GRAIN:
        raise Refusal(131002, "Parameter error")
    if amount < 0 and -amount > transferable(state, account, coin, where):
        raise Refusal(131212, "Insufficient balance")
    _put(state, account, coin, where, amount)
