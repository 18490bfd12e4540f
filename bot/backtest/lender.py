"""The loan's side of the venue, without a wire: transfers, repayments and readings of both structures as the engine's facts.

The Crypto Loan lives beside the unified account and moves through the Funding wallet; the unified account's debt is inside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.backtest.shore import listed, number, result_of
from bot.domain.commands import RepayDebt, SeekRepayment, SeekTransfer, TransferCoin
from bot.domain.events import MoneyAnswered, RepaymentSought, TransferSought
from bot.domain.loan import Fate, LoanReading, RepayRow, Structure, TransferRow
from bot.domain.orders import Verdict
from bot.simulator.venue import Reply, Venue

__all__ = ["loan_of", "move", "repay", "repayments_of", "transfer_of"]

_FATES = {"SUCCESS": Fate.DONE, "PENDING": Fate.PENDING}
_REPAY_FATES = {1: Fate.DONE, 2: Fate.PENDING}
_BY_USER = 1


def loan_of(venue: Venue, account: str, structure: Structure | None, asked_ms: int) -> LoanReading:
    """What is owed, what lies behind it, and what could repay it."""
    if structure is Structure.CRYPTO_LOAN:
        return _crypto_loan(venue, account, asked_ms)
    able = result_of(venue, account, "/v5/spot-margin-trade/repayment-available-amount", {"currency": "USDT"})
    return LoanReading(
        asked_ms=asked_ms,
        structure=Structure.UTA,
        principal=venue.margin(account).usdt.spot_borrow,
        tiers=venue.state.rules.btc_collateral_tiers,
        repayable_usdt=number(able["lossLessRepaymentAmount"]),
    )


def _crypto_loan(venue: Venue, account: str, asked_ms: int) -> LoanReading:
    """(Bybit: new-crypto-loan/crypto-loan-position, flexible/unpaid-loan-order, account/unified-trans-amnt.)"""
    position = result_of(venue, account, "/v5/crypto-loan-common/position", {})
    unpaid = _unpaid(venue, account)
    coin = {"accountType": "FUND", "coin": "USDT"}
    funding = result_of(venue, account, "/v5/asset/transfer/query-account-coin-balance", coin)["balance"]
    leaving = result_of(venue, account, "/v5/account/withdrawal", {"coinName": "USDT"})["availableWithdrawalMap"]
    pledged = [row["amount"] for row in position["collateralList"] if row["currency"] == "BTC"]
    return LoanReading(
        asked_ms=asked_ms,
        structure=Structure.CRYPTO_LOAN,
        principal=number(unpaid.get("unpaidAmount")),
        interest=number(unpaid.get("unpaidInterest")),
        hourly_rate=number(unpaid["hourlyInterestRate"]) if unpaid else None,
        pledged_btc=sum((number(amount) for amount in pledged), Decimal(0)),
        venue_ltv=number(position["ltv"]),
        tiers=venue.state.rules.loan_collateral_tiers,
        funding_usdt=number(funding["transferBalance"]),
        transferable_usdt=number(leaving["USDT"]),
    )


def _unpaid(venue: Venue, account: str) -> Mapping[str, Any]:
    rows = listed(venue, account, "/v5/crypto-loan-flexible/ongoing-coin", {"loanCurrency": "USDT"})
    return rows[0] if rows else {}


# Deeds


def move(venue: Venue, account: str, deed: TransferCoin) -> MoneyAnswered:
    """One transfer between our own wallets (Bybit: asset/transfer/create-inter-transfer)."""
    body = {
        "transferId": deed.transfer_id,
        "coin": deed.coin,
        "amount": f"{deed.amount:f}",
        "fromAccountType": deed.source.value,
        "toAccountType": deed.target.value,
    }
    reply = venue.request(account, "POST", "/v5/asset/transfer/inter-transfer", body)
    told = reply.result or {}
    return _answered(deed, reply, _FATES.get(told.get("status", ""), Fate.PENDING), deed.transfer_id)


def repay(venue: Venue, account: str, deed: RepayDebt) -> MoneyAnswered:
    """One repayment by the path that sells nothing (Bybit: account/no-convert-repay, new-crypto-loan/flexible/repay)."""
    amount = f"{deed.amount:f}"
    if deed.structure is Structure.CRYPTO_LOAN:
        body = {"loanCurrency": deed.coin, "amount": amount}
        reply = venue.request(account, "POST", "/v5/crypto-loan-flexible/repay", body)
    else:
        reply = venue.request(account, "POST", "/v5/account/no-convert-repay", {"coin": deed.coin, "amount": amount})
    return _answered(deed, reply, Fate.PENDING, str((reply.result or {}).get("repayId", "")))


def _answered(deed: TransferCoin | RepayDebt, reply: Reply, fate: Fate, ref: str) -> MoneyAnswered:
    accepted = reply.ret_code == 0
    return MoneyAnswered(
        payment=deed.payment,
        deed=type(deed).__name__,
        verdict=Verdict.ACCEPTED if accepted else Verdict.REFUSED,
        code=reply.ret_code,
        reason=reply.ret_msg,
        fate=fate if accepted else None,
        ref=ref if accepted else "",
    )


# What became of them


def transfer_of(venue: Venue, account: str, command: SeekTransfer) -> TransferSought:
    """One transfer by our name for it (Bybit: asset/transfer/inter-transfer-list)."""
    named = {"transferId": command.transfer_id}
    rows = listed(venue, account, "/v5/asset/transfer/query-inter-transfer-list", named)
    return TransferSought(payment=command.payment, row=_transfer_row(rows[0]) if rows else None)


def _transfer_row(row: Mapping[str, Any]) -> TransferRow:
    return TransferRow(
        transfer_id=row["transferId"],
        amount=Decimal(row["amount"]),
        fate=_FATES.get(row["status"], Fate.PENDING),
        at_ms=int(row["timestamp"]),
    )


def repayments_of(venue: Venue, account: str, command: SeekRepayment) -> RepaymentSought:
    """The repayments since one was sent, newest first, and the debt that stands."""
    if command.structure is Structure.CRYPTO_LOAN:
        asked: dict[str, object] = {"loanCurrency": command.coin, "limit": 100}
        history = listed(venue, account, "/v5/crypto-loan-flexible/repayment-history", asked)
        unpaid = _unpaid(venue, account)
        return RepaymentSought(
            payment=command.payment,
            rows=tuple(_repayment(row) for row in history if _is_ours(row, command.sent_ms)),
            debt=number(unpaid.get("totalDebt")),
        )
    asked = {
        "accountType": "UNIFIED",
        "currency": command.coin,
        "type": "REPAY",
        "startTime": command.sent_ms,
        "limit": 50,
    }
    logged = listed(venue, account, "/v5/account/transaction-log", asked)
    return RepaymentSought(
        payment=command.payment,
        rows=tuple(_logged(row) for row in logged),
        debt=venue.margin(account).usdt.spot_borrow,
    )


def _is_ours(row: Mapping[str, Any], since_ms: int) -> bool:
    return bool(row["repayType"] == _BY_USER and row["repayTime"] >= since_ms)


def _repayment(row: Mapping[str, Any]) -> RepayRow:
    """(Bybit: new-crypto-loan/flexible/repay-orders.)"""
    fate = _REPAY_FATES.get(row["repayStatus"], Fate.FAILED)
    return RepayRow(ref=row["repayId"], amount=Decimal(row["repayAmount"]), fate=fate, at_ms=row["repayTime"])


def _logged(row: Mapping[str, Any]) -> RepayRow:
    """(Bybit: account/transaction-log.)"""
    amount, at_ms = -Decimal(row["cashFlow"]), int(row["transactionTime"])
    return RepayRow(ref=row["id"], amount=amount, fate=Fate.DONE, at_ms=at_ms)
