"""The loan desk: /v5/crypto-loan-common/* and /v5/crypto-loan-flexible/*.

Knows requests and answers. The deeds are in `loans`. What an account without fixed-term and legacy loans is told is in `desk_fixed`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from bot.simulator import loans
from bot.simulator.borrowing import CONVERT_ORDER
from bot.simulator.desk_borrow import some_coins
from bot.simulator.figures import ZERO, fixed, plain
from bot.simulator.instruments import COINS
from bot.simulator.pages import Row, page
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.routes import PublicRoutes, Routes
from bot.simulator.state import Account, State

__all__ = ["PUBLIC", "ROUTES"]

_CENT, _RATIO = Decimal("0.01"), Decimal("0.000001")


def coin_of(ask: Ask, name: str) -> str:
    coin = ask.need(name).upper()
    if coin not in COINS:
        raise Refusal(148001, "The coin is not supported")
    return coin


def pledge_of(ask: Ask, coin_name: str = "currency") -> dict[str, Decimal]:
    """A collateral list as coin -> amount; a coin named twice is 148039."""
    pledge: dict[str, Decimal] = {}
    for item in ask.items("collateralList"):
        each = Ask(item)
        coin = coin_of(each, coin_name)
        if coin in pledge:
            raise Refusal(148039, "Duplicate collateral coin")
        pledge[coin] = each.amount("amount")
    return pledge


def ok(result: dict[str, Any] | None = None) -> Reply:
    return Reply(ret_msg="ok", result=result or {})


# -- deeds --------------------------------------------------------------------------------------------------------------------


def borrow(state: State, account: Account, ask: Ask) -> Reply:
    row = loans.borrow(state, account, coin_of(ask, "loanCurrency"), ask.amount("loanAmount"), pledge_of(ask))
    return ok({"orderId": row.order_id})


def repay(state: State, account: Account, ask: Ask) -> Reply:
    return ok({"repayId": loans.repay(state, account, coin_of(ask, "loanCurrency"), ask.amount("amount")).repay_id})


def repay_collateral(state: State, account: Account, ask: Ask) -> Reply:
    pledged = tuple(word.strip().upper() for word in ask.need("collateralCoin").split(",") if word.strip())
    if any(coin not in COINS for coin in pledged):
        raise Refusal(148001, "The coin is not supported")
    loans.repay_with_collateral(state, account, coin_of(ask, "loanCurrency"), pledged, ask.amount("amount"))
    return ok()


def adjust_ltv(state: State, account: Account, ask: Ask) -> Reply:
    direction = int(ask.choice("direction", ("0", "1")))
    row = loans.adjust(state, account, coin_of(ask, "currency"), ask.amount("amount"), direction)
    return ok({"adjustId": row.adjust_id})


# -- reading ------------------------------------------------------------------------------------------------------------------


def position(state: State, account: Account, ask: Ask) -> Reply:
    """Amounts in USD are after the collateral ratio (Bybit: new-crypto-loan/crypto-loan-position)."""
    book, index = account.loans, state.market.index
    borrowed = [
        {
            "fixedTotalDebt": "0",
            "fixedTotalDebtUSD": "0",
            "flexibleHourlyInterestRate": plain(loans.hourly_rate(state, coin)),
            "flexibleTotalDebt": plain(debt.total),
            "flexibleTotalDebtUSD": plain(_cents(debt.total * loans.price_at(state, coin, index))),
            "loanCurrency": coin,
        }
        for coin, debt in book.debts.items()
        if debt.total
    ]
    pledged = [
        {
            "amount": plain(amount),
            "amountUSD": plain(_cents(loans.pledge_value(state, coin, amount, index))),
            "currency": coin,
        }
        for coin, amount in book.collateral.items()
        if amount
    ]
    return ok(
        {
            "borrowList": borrowed,
            "collateralList": pledged,
            "ltv": plain(Decimal(fixed(loans.ltv(state, book), _RATIO))),
            "supplyList": [],
            "totalCollateral": plain(_cents(loans.pool_value(state, book.collateral, index))),
            "totalDebt": plain(_cents(loans.debt_usd(state, book, index))),
            "totalSupply": "0",
            "colRes": "0",
        }
    )


def _cents(usd: Decimal) -> Decimal:
    return Decimal(fixed(usd, _CENT))


def max_collateral(state: State, account: Account, ask: Ask) -> Reply:
    amount = loans.removable(state, account.loans, coin_of(ask, "currency"))
    return ok({"maxCollateralAmount": plain(amount)})


def max_loan(state: State, account: Account, ask: Ask) -> Reply:
    coin = coin_of(ask, "currency")
    amount = loans.max_loan(state, account, coin, pledge_of(ask, "ccy"))
    usd = amount * loans.price_at(state, coin, state.market.index)
    left = loans.quota(state, coin) - account.loans.debts[coin].total
    return ok(
        {
            "currency": coin,
            "maxLoan": plain(amount),
            "notionalUsd": plain(_cents(usd)),
            "remainingQuota": plain(max(ZERO, left)),
        }
    )


def ongoing(state: State, account: Account, ask: Ask) -> Reply:
    wanted = some_coins(ask, "loanCurrency")
    listed = [
        {
            "hourlyInterestRate": plain(loans.hourly_rate(state, coin)),
            "loanCurrency": coin,
            "totalDebt": plain(debt.total),
            "unpaidAmount": plain(debt.principal),
            "unpaidInterest": plain(debt.interest),
        }
        for coin, debt in account.loans.debts.items()
        if debt.total and coin in wanted
    ]
    return ok({"list": listed})


def _history(rows: list[Row], ask: Ask, keep: Callable[[Row], bool]) -> tuple[list[Row], str]:
    return page((row for row in reversed(rows) if keep(row)), ask, default=10, most=100)


def _status(state: State, at_ms: int) -> int:
    """1 done, 2 processing (Bybit: new-crypto-loan/*, status)."""
    return 2 if state.now_ms < at_ms + state.rules.loan_lag_ms else 1


def borrow_history(state: State, account: Account, ask: Ask) -> Reply:
    order_id, coin = ask.text("orderId"), ask.text("loanCurrency").upper()
    shown, cursor = _history(account.loans.orders, ask, lambda r: order_id in ("", r.order_id) and coin in ("", r.coin))
    listed = [
        {
            "borrowTime": row.at_ms,
            "initialLoanAmount": plain(row.amount),
            "loanCurrency": row.coin,
            "orderId": row.order_id,
            "status": _status(state, row.at_ms),
        }
        for row in shown
    ]
    return ok({"list": listed, "nextPageCursor": cursor})


def repayment_history(state: State, account: Account, ask: Ask) -> Reply:
    repay_id, coin = ask.text("repayId"), ask.text("loanCurrency").upper()
    shown, cursor = _history(
        account.loans.repayments, ask, lambda r: repay_id in ("", r.repay_id) and coin in ("", r.coin)
    )
    listed = [
        {
            "loanCurrency": row.coin,
            "repayAmount": plain(row.amount),
            "repayId": row.repay_id,
            "repayStatus": _status(state, row.at_ms),
            "repayTime": row.at_ms,
            "repayType": row.kind,
        }
        for row in shown
    ]
    return ok({"list": listed, "nextPageCursor": cursor})


def adjustment_history(state: State, account: Account, ask: Ask) -> Reply:
    """adjustId, adjustTime, direction and status are numbers here."""
    adjust_id, coin = ask.text("adjustId"), ask.text("collateralCurrency").upper()
    shown, cursor = _history(
        account.loans.adjustments, ask, lambda r: adjust_id in ("", str(r.adjust_id)) and coin in ("", r.coin)
    )
    listed = [
        {
            "adjustId": row.adjust_id,
            "adjustTime": row.at_ms,
            "afterLTV": plain(Decimal(fixed(row.ltv_after, _RATIO))),
            "amount": plain(row.amount),
            "collateralCurrency": row.coin,
            "direction": row.direction,
            "preLTV": plain(Decimal(fixed(row.ltv_before, _RATIO))),
            "status": _status(state, row.at_ms),
        }
        for row in shown
    ]
    return ok({"list": listed, "nextPageCursor": cursor})


# -- public -------------------------------------------------------------------------------------------------------------------


def loanable_data(state: State, ask: Ask) -> Reply:
    def row(coin: str) -> dict[str, Any]:
        least = state.rules.loan_min_btc if coin == "BTC" else state.rules.loan_min_usdt
        terms = ("14D", "180D", "30D", "60D", "7D", "90D")
        return {
            "currency": coin,
            "fixedBorrowable": False,
            "fixedBorrowingAccuracy": 6,
            "flexibleBorrowable": True,
            "flexibleBorrowingAccuracy": 8,
            "maxBorrowingAmount": plain(loans.quota(state, coin)),
            "minFixedBorrowingAmount": plain(least),
            "minFlexibleBorrowingAmount": plain(least),
            "vipLevel": ask.text("vipLevel", "VIP0"),
            **{f"annualizedInterestRate{term}": "" for term in terms},
            "flexibleAnnualizedInterestRate": plain(loans.hourly_rate(state, coin) * 8760),
        }

    return ok({"list": [row(coin) for coin in some_coins(ask)]})


def collateral_data(state: State, ask: Ask) -> Reply:
    """Collateral ratios by USD value."""
    far = Decimal("99999999999")

    def config(coins: str, tiers: tuple[tuple[Decimal, Decimal], ...]) -> dict[str, Any]:
        ends = [floor for floor, _ in tiers[1:]] + [far]
        listed = [
            {"collateralRatio": plain(ratio), "maxValue": plain(end), "minValue": plain(floor)}
            for (floor, ratio), end in zip(tiers, ends, strict=True)
        ]
        return {"collateralRatioList": listed, "currencies": coins}

    stable = ((ZERO, state.rules.loan_stable_ratio),)
    configs = [config("BTC", state.rules.loan_collateral_tiers), config("USDT,USDC", stable)]
    wanted = set(some_coins(ask))
    order = [
        {"currency": coin, "liquidationOrder": number}
        for number, coin in enumerate(CONVERT_ORDER, start=1)
        if coin in wanted
    ]
    kept = [one for one in configs if wanted & set(one["currencies"].split(","))]
    return ok({"collateralRatioConfigList": kept, "currencyLiquidationList": order})


_COMMON, _FLEXIBLE = "/v5/crypto-loan-common/", "/v5/crypto-loan-flexible/"
ROUTES: Routes = {
    ("GET", _COMMON + "position"): (position, "SpotTrade"),
    ("GET", _COMMON + "max-collateral-amount"): (max_collateral, "SpotTrade"),
    ("POST", _COMMON + "max-loan"): (max_loan, "SpotTrade"),
    ("POST", _COMMON + "adjust-ltv"): (adjust_ltv, "SpotTrade"),
    ("GET", _COMMON + "adjustment-history"): (adjustment_history, "SpotTrade"),
    ("POST", _FLEXIBLE + "borrow"): (borrow, "SpotTrade"),
    ("POST", _FLEXIBLE + "repay"): (repay, "SpotTrade"),
    ("POST", _FLEXIBLE + "repay-collateral"): (repay_collateral, "SpotTrade"),
    ("GET", _FLEXIBLE + "ongoing-coin"): (ongoing, "SpotTrade"),
    ("GET", _FLEXIBLE + "borrow-history"): (borrow_history, "SpotTrade"),
    ("GET", _FLEXIBLE + "repayment-history"): (repayment_history, "SpotTrade"),
}
PUBLIC: PublicRoutes = {
    _COMMON + "loanable-data": loanable_data,
    _COMMON + "collateral-data": collateral_data,
}
