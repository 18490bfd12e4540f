"""Bybit-shaped rows of money: the unified wallet, the transaction log, interest, fees.

Knows how balances are written on the wire, and changes nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from bot.simulator.figures import ZERO, booked, fixed, plain
from bot.simulator.margin import CoinMargin, Margin, measure, prices_of
from bot.simulator.state import Account, BorrowRow, State, TxnRow

__all__ = ["borrow_row", "txn_row", "wallet_push", "wallet_row"]

_RATE = Decimal("0.0001")


def wallet_row(state: State, account: Account, coins: tuple[str, ...] = ()) -> dict[str, Any]:
    """The row of /v5/account/wallet-balance: asked coins, or every coin with an asset or a debt."""
    margin = measure(account, prices_of(state.market), state.rules)
    every = margin.coins
    shown = coins or tuple(name for name, coin in every.items() if coin.is_alive)
    return _totals(account, margin) | {"coin": [_coin(account, every[coin]) for coin in shown if coin in every]}


def wallet_push(state: State, account: Account) -> dict[str, Any]:
    """The row of the `wallet` topic; same keys, as the documents' example."""
    return wallet_row(state, account)


_CROSS_ONLY = (
    *("accountIMRate", "accountIMRateByMp", "accountMMRate", "accountMMRateByMp", "totalMarginBalance"),
    *("totalInitialMargin", "totalInitialMarginByMp", "totalMaintenanceMargin", "totalMaintenanceMarginByMp"),
    "totalAvailableBalance",
)
"""Account-wide margin has no meaning in isolated mode (Bybit: account/wallet-balance)."""


def _totals(account: Account, margin: Margin) -> dict[str, Any]:
    told = _cross_totals(margin)
    return told | dict.fromkeys(_CROSS_ONLY, "") if account.margin_mode == "ISOLATED_MARGIN" else told


def _cross_totals(margin: Margin) -> dict[str, Any]:
    im_rate, mm_rate = fixed(margin.im_rate, _RATE), fixed(margin.mm_rate, _RATE)
    im, mm = plain(booked(margin.im)), plain(booked(margin.mm))
    return {
        "totalEquity": plain(booked(margin.equity)),
        "accountIMRate": im_rate,
        "accountIMRateByMp": im_rate,
        "totalMarginBalance": plain(booked(margin.balance)),
        "totalInitialMargin": im,
        "totalInitialMarginByMp": im,
        "accountType": "UNIFIED",
        "totalAvailableBalance": plain(booked(max(ZERO, margin.available))),
        "accountMMRate": mm_rate,
        "accountMMRateByMp": mm_rate,
        "totalPerpUPL": plain(booked(margin.upl)),
        "totalWalletBalance": plain(booked(margin.wallet)),
        "accountLTV": "0",
        "totalMaintenanceMargin": mm,
        "totalMaintenanceMarginByMp": mm,
    }


def _coin(account: Account, coin: CoinMargin) -> dict[str, Any]:
    purse = account.purses[coin.coin]
    return {
        "availableToBorrow": "",
        "bonus": "0",
        "accruedInterest": "0",
        "availableToWithdraw": "",
        "totalOrderIM": plain(booked(coin.order_im)),
        "equity": plain(booked(coin.equity)),
        "totalPositionMM": plain(booked(coin.position_mm)),
        "usdValue": plain(booked(coin.usd_value)),
        "spotHedgingQty": "0",
        "unrealisedPnl": plain(booked(coin.upl)),
        "collateralSwitch": purse.collateral_on,
        "borrowAmount": plain(booked(coin.borrowed)),
        "totalPositionIM": plain(booked(coin.position_im)),
        "walletBalance": plain(coin.balance),
        "cumRealisedPnl": plain(purse.cum_realised),
        "locked": plain(booked(coin.locked)),
        "marginCollateral": True,
        "coin": coin.coin,
        "spotBorrow": plain(coin.spot_borrow),
    }


def txn_row(account: Account, row: TxnRow) -> dict[str, Any]:
    """A row of /v5/account/transaction-log; `id` joins user, symbol and a number, and may repeat on Bybit."""
    return {
        "transSubType": "",
        "id": f"{account.uid}_{row.symbol or row.coin}_{row.serial}",
        "symbol": row.symbol,
        "side": row.side,
        "funding": "" if row.funding is None else plain(row.funding),
        "orderLinkId": row.link_id,
        "orderId": row.order_id,
        "fee": fixed(row.fee, Decimal("0.00000001")),
        "change": plain(row.change),
        "cashFlow": plain(row.cash_flow),
        "transactionTime": str(row.at_ms),
        "type": row.type,
        "feeRate": plain(row.fee_rate),
        "bonusChange": "",
        "size": plain(row.size),
        "qty": plain(row.qty),
        "cashBalance": plain(row.balance),
        "currency": row.coin,
        "category": row.category,
        "tradePrice": plain(row.price),
        "tradeId": row.trade_id,
        "extraFees": "",
    }


def borrow_row(row: BorrowRow) -> dict[str, Any]:
    """A row of /v5/account/borrow-history; createdTime is a number there."""
    return {
        "borrowAmount": plain(row.borrowed),
        "costExemption": "0",
        "freeBorrowedAmount": plain(row.free),
        "createdTime": row.at_ms,
        "InterestBearingBorrowSize": plain(row.borrowed - row.free),
        "currency": row.coin,
        "unrealisedLoss": plain(row.unrealised_loss),
        "hourlyBorrowRate": plain(row.rate),
        "borrowCost": plain(row.cost),
    }
