"""The asset desk: /v5/asset/* and /v5/apilimit/query: transfers, balances of both accounts, coin facts.

Knows requests and answers. The deeds are in `transfers`.
"""

from __future__ import annotations

from typing import Any

from bot.simulator import transfers
from bot.simulator.figures import ZERO, booked, plain
from bot.simulator.instruments import COINS
from bot.simulator.loans import price_at
from bot.simulator.margin import measure, prices_of
from bot.simulator.pages import WEEK_MS, page, window
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.routes import Routes
from bot.simulator.state import Account, State

__all__ = ["ROUTES"]


def inter_transfer(state: State, account: Account, ask: Ask) -> Reply:
    row = transfers.transfer(
        state,
        account,
        ask.need("transferId"),
        ask.need("coin").upper(),
        ask.amount("amount"),
        ask.need("fromAccountType").upper(),
        ask.need("toAccountType").upper(),
    )
    return Reply(ret_msg="success", result={"transferId": row.transfer_id, "status": row.status})


def transfer_list(state: State, account: Account, ask: Ask) -> Reply:
    """Windows count at second precision (Bybit: asset/transfer/inter-transfer-list)."""
    start, end = window(ask, state.now_ms, default_ms=WEEK_MS, most_ms=WEEK_MS)
    transfer_id, coin, status = ask.text("transferId"), ask.text("coin").upper(), ask.text("status")
    found = (
        row
        for row in reversed(account.transfers.values())
        if start // 1000 <= row.at_ms // 1000 <= end // 1000
        and transfer_id in ("", row.transfer_id)
        and coin in ("", row.coin)
        and status in ("", row.status)
    )
    shown, cursor = page(found, ask, default=20, most=50)
    listed = [
        {
            "transferId": row.transfer_id,
            "coin": row.coin,
            "amount": plain(row.amount),
            "fromAccountType": row.source,
            "toAccountType": row.target,
            "timestamp": str(row.at_ms),
            "status": row.status,
        }
        for row in shown
    ]
    return Reply(ret_msg="success", result={"list": listed, "nextPageCursor": cursor})


def transfer_coins(state: State, account: Account, ask: Ask) -> Reply:
    return Reply(ret_msg="success", result={"list": list(COINS)})


def _account_type(ask: Ask) -> str:
    kind = ask.need("accountType").upper()
    if kind not in ("UNIFIED", "FUND"):
        raise Refusal(131202, "accountType must be UNIFIED or FUND")
    return kind


def _balance(state: State, account: Account, kind: str, coin: str) -> dict[str, str]:
    wallet = account.fund[coin] if kind == "FUND" else account.purses[coin].balance
    free = transfers.transferable(state, account, coin, kind)
    return {"coin": coin, "transferBalance": plain(free), "walletBalance": plain(wallet), "bonus": "0"}


def coin_balance(state: State, account: Account, ask: Ask) -> Reply:
    """One coin of one account; transferSafeAmount only when asked (Bybit: asset/balance/account-coin-balance)."""
    kind, coin = _account_type(ask), ask.need("coin").upper()
    if coin not in COINS:
        raise Refusal(131002, "Parameter error: coin")
    row = _balance(state, account, kind, coin)
    row["transferSafeAmount"] = row["transferBalance"] if ask.whole("withTransferSafeAmount", 0) == 1 else ""
    row["ltvTransferSafeAmount"] = row["transferBalance"] if ask.whole("withLtvTransferSafeAmount", 0) == 1 else ""
    result = {"accountType": kind, "bizType": 1, "accountId": str(account.uid), "memberId": str(account.uid)}
    return Reply(ret_msg="success", result=result | {"balance": row})


def coins_balance(state: State, account: Account, ask: Ask) -> Reply:
    """FUND: all coins if none is named; UNIFIED: coins must be named, ten at most (Bybit: asset/balance/all-balance)."""
    kind = _account_type(ask)
    named = [word.strip().upper() for word in ask.text("coin").split(",") if word.strip()]
    if kind == "UNIFIED" and not 1 <= len(named) <= 10:
        raise Refusal(131002, "Parameter error: coin")
    coins = [coin for coin in named or COINS if coin in COINS]
    listed = [_balance(state, account, kind, coin) | {"bonus": ""} for coin in coins]
    return Reply(ret_msg="success", result={"memberId": str(account.uid), "accountType": kind, "balance": listed})


def withdrawable(state: State, account: Account, ask: Ask) -> Reply:
    coin = ask.need("coin").upper()
    if coin not in COINS:
        raise Refusal(131002, "Parameter error: coin")

    def row(kind: str) -> dict[str, str]:
        free = plain(transfers.transferable(state, account, coin, kind))
        return {"coin": coin, "withdrawableAmount": free, "availableBalance": free}

    amounts = {"FUND": row("FUND"), "UTA": row("UNIFIED")}
    return Reply(ret_msg="success", result={"limitAmountUsd": "0", "withdrawableAmount": amounts})


def funding_history(state: State, account: Account, ask: Ask) -> Reply:
    """The Funding account's log; times in seconds, both or none (Bybit: asset/fund-history)."""
    first, last = ask.whole("createTimeFrom"), ask.whole("createTimeTo")
    if (first is None) != (last is None) or (first is not None and last is not None and last - first > WEEK_MS // 1000):
        raise Refusal(131002, "Parameter error: createTimeFrom, createTimeTo")
    now_s = state.now_ms // 1000
    start, end = (first, last) if first is not None and last is not None else (now_s - WEEK_MS // 1000, now_s)
    coin = ask.text("coin").upper()
    found = (row for row in reversed(account.fund_log) if start <= row.at_ms // 1000 <= end and coin in ("", row.coin))
    shown, cursor = page(found, ask, default=10, most=100)
    listed = [
        {
            "memberId": str(account.uid),
            "currency": row.coin,
            "ioDirection": "I" if row.change > 0 else "O",
            "txnAmt": plain(abs(row.change)),
            "afterAmt": plain(row.balance),
            "createTime": str(row.at_ms // 1000),
            "showBusiType": f"fundingAccountRecord{row.kind}",
            "showBusiTypeEn": row.kind,
            "description": f"fundingAccountRecord{row.kind}",
            "descriptionEn": row.kind,
        }
        for row in shown
    ]
    return Reply(ret_msg="success", result={"nextPageCursor": cursor, "list": listed})


def coin_info(state: State, account: Account, ask: Ask) -> Reply:
    """Chains of each coin: one made-up chain, deposits and withdrawals closed (Bybit: asset/coin-info)."""
    wanted = ask.text("coin").upper()
    chain = {
        "chainType": "Simulated",
        "confirmation": "1",
        "withdrawFee": "0",
        "depositMin": "0",
        "withdrawMin": "0",
        "chain": "SIM",
        "chainDeposit": "0",
        "chainWithdraw": "0",
        "minAccuracy": "8",
        "withdrawPercentageFee": "0",
        "contractAddress": "",
        "safeConfirmNumber": "1",
        "withdrawMax": "0",
    }
    rows = [
        {"name": coin, "coin": coin, "remainAmount": "0", "chains": [chain]} for coin in COINS if wanted in ("", coin)
    ]
    return Reply(ret_msg="success", result={"rows": rows})


def overview(state: State, account: Account, ask: Ask) -> Reply:
    """Totals per account type, in USD (Bybit: asset/balance/asset-overview)."""
    index, book = state.market.index, account.loans
    margin = measure(account, prices_of(state.market), state.rules)
    parts = {
        "FundingAccount": account.fund,
        "UnifiedTradingAccount": {coin: margin.coins[coin].equity for coin in COINS},
        "CryptoLoans": {coin: book.collateral[coin] - book.debts[coin].total for coin in COINS},
    }
    listed: list[dict[str, Any]] = []
    whole = ZERO
    for kind, coins in parts.items():
        total = sum((amount * price_at(state, coin, index) for coin, amount in coins.items()), ZERO)
        whole += total
        listed.append(
            {
                "totalEquity": plain(booked(total)),
                "valuationCurrency": "USD",
                "accountType": kind,
                "coinDetail": [
                    {"equity": plain(booked(amount)), "coin": coin} for coin, amount in coins.items() if amount
                ],
                "snapshotTime": str(state.now_ms),
            }
        )
    return Reply(ret_msg="Success", result={"totalEquity": plain(booked(whole)), "list": listed})


def demo_money(state: State, account: Account, ask: Ask) -> Reply:
    """Coin for a demo account: adjustType 0 adds, 1 takes away (Bybit: demo, request demo trading funds)."""
    sign = -1 if ask.whole("adjustType", 0) == 1 else 1
    for item in ask.items("utaDemoApplyMoney"):
        each = Ask(item)
        amount = each.amount("amountStr")
        transfers.deposit(state, account, each.need("coin").upper(), sign * amount, "UNIFIED")
    return Reply(ret_msg="")


def api_limit(state: State, account: Account, ask: Ask) -> Reply:
    """A default account's order limits per second (Bybit: rate-limit)."""
    rates = (("SPOT", 20), ("DERIVATIVES", 10))
    listed = [{"uids": str(account.uid), "bizType": kind, "rate": rate} for kind, rate in rates]
    return Reply(ret_msg="success", result={"list": listed})


_ASSET = "/v5/asset/"
ROUTES: Routes = {
    ("POST", _ASSET + "transfer/inter-transfer"): (inter_transfer, "AccountTransfer"),
    ("GET", _ASSET + "transfer/query-inter-transfer-list"): (transfer_list, "AccountTransfer"),
    ("GET", _ASSET + "transfer/query-transfer-coin-list"): (transfer_coins, "any"),
    ("GET", _ASSET + "transfer/query-account-coin-balance"): (coin_balance, "any"),
    ("GET", _ASSET + "transfer/query-account-coins-balance"): (coins_balance, "any"),
    ("GET", _ASSET + "withdraw/withdrawable-amount"): (withdrawable, "any"),
    ("GET", _ASSET + "fundinghistory"): (funding_history, "any"),
    ("GET", _ASSET + "coin/query-info"): (coin_info, "any"),
    ("GET", _ASSET + "asset-overview"): (overview, "any"),
    ("GET", "/v5/apilimit/query"): (api_limit, "any"),
    ("POST", "/v5/account/demo-apply-money"): (demo_money, "AccountTransfer"),
}
