"""The only hands that move money: every change of a balance is posted here together with its line in a log.

Knows balances and logs. Does not know why an amount is due.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.simulator.figures import GRAIN, ZERO
from bot.simulator.state import Account, FundRow, State, TxnRow

__all__ = ["post", "post_fund"]


def post(
    state: State,
    account: Account,
    coin: str,
    kind: str,
    *,
    cash_flow: Decimal = ZERO,
    funding: Decimal | None = None,
    fee: Decimal = ZERO,
    **facts: Any,
) -> TxnRow:
    """Book `cash_flow + funding - fee` of `coin` in the unified account and write its transaction-log row of type `kind`.

    `facts` are TxnRow's descriptive fields. Amounts must be whole grains (AssertionError), so that balances stay exact.
    """
    purse = account.purses[coin]
    change = cash_flow + (funding or ZERO) - fee
    assert change % GRAIN == 0, f"{change} {coin} is not a whole number of grains"
    purse.balance += change
    row = TxnRow(
        serial=state.mint.serial(),
        at_ms=state.now_ms,
        type=kind,
        coin=coin,
        cash_flow=cash_flow,
        funding=funding,
        fee=fee,
        balance=purse.balance,
        **facts,
    )
    account.log.append(row)
    return row


def post_fund(state: State, account: Account, coin: str, change: Decimal, kind: str) -> None:
    """Book `change` of `coin` in the Funding account, which cannot go below zero (AssertionError)."""
    balance = account.fund[coin] + change
    assert balance >= 0, f"the Funding account cannot hold {balance} {coin}"
    assert change % GRAIN == 0, f"{change} {coin} is not a whole number of grains"
    account.fund[coin] = balance
    account.fund_log.append(
        FundRow(
            serial=state.mint.serial(),
            at_ms=state.now_ms,
            coin=coin,
            change=change,
            balance=balance,
            kind=kind,
        )
    )
