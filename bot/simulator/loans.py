"""The flexible crypto loan: borrow against pledged coin, interest by the hour, repay, adjust, margin call, liquidation.

Everything moves through the Funding account (Bybit: new-crypto-loan). Pledged coin is no collateral of the unified account.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

from bot.simulator.figures import GRAIN, MONEY, ONE, ZERO, booked
from bot.simulator.instruments import COINS
from bot.simulator.loanbook import AdjustRow, LoanBook, LoanOrderRow, RepayRow
from bot.simulator.params import Refusal
from bot.simulator.state import Account, State
from bot.simulator.wallet import post_fund

__all__ = [
    "adjust",
    "borrow",
    "charge_interest",
    "debt_usd",
    "guard",
    "hourly_rate",
    "ltv",
    "max_loan",
    "pledge_value",
    "pool_value",
    "price_at",
    "quota",
    "removable",
    "repay",
    "repay_with_collateral",
    "stage_at",
]


# -- reckoning ----------------------------------------------------------------------------------------------------------------


def price_at(state: State, coin: str, index: Decimal) -> Decimal:
    return index if coin == "BTC" else state.rules.usdt_usd


def pledge_value(state: State, coin: str, amount: Decimal, index: Decimal) -> Decimal:
    """USD that pledged coin counts for: marginal tiers by value (Bybit: new-crypto-loan/collateral-coin)."""
    value = amount * price_at(state, coin, index)
    if coin != "BTC":
        return value * state.rules.loan_stable_ratio
    worth, tiers = ZERO, state.rules.loan_collateral_tiers
    for number, (floor, ratio) in enumerate(tiers):
        if value <= floor:
            break
        ceiling = tiers[number + 1][0] if number + 1 < len(tiers) else value
        worth += (min(value, ceiling) - floor) * ratio
    return worth


def pool_value(state: State, pledged: dict[str, Decimal], index: Decimal) -> Decimal:
    return sum((pledge_value(state, coin, amount, index) for coin, amount in pledged.items()), ZERO)


def debt_usd(state: State, book: LoanBook, index: Decimal) -> Decimal:
    return sum((debt.total * price_at(state, coin, index) for coin, debt in book.debts.items()), ZERO)


def ltv(state: State, book: LoanBook, index: Decimal | None = None) -> Decimal:
    """totalDebt / totalCollateral, at an index price (default: now); 0 without debt."""
    at = state.market.index if index is None else index
    return _ltv(debt_usd(state, book, at), pool_value(state, book.collateral, at))


def _ltv(debt: Decimal, pool: Decimal) -> Decimal:
    if not debt:
        return ZERO
    return debt / pool if pool else Decimal(999)


def stage_at(state: State, book: LoanBook, index: Decimal) -> str:
    """Normal, MarginCall, Delayed or Liquidation, by the loan-to-value ratio at an index price."""
    ratio, rules = ltv(state, book, index), state.rules
    if ratio >= rules.loan_liquidation_ltv:
        return "Liquidation"
    if ratio >= rules.loan_delayed_ltv:
        return "Delayed"
    return "MarginCall" if ratio >= rules.loan_margin_call_ltv else "Normal"


def removable(state: State, book: LoanBook, coin: str) -> Decimal:
    """How much of a pledged coin may be taken back with the LTV still at or below the initial threshold."""
    index, held = state.market.index, book.collateral[coin]
    debt = debt_usd(state, book, index)
    if not debt:
        return held
    others = pool_value(state, book.collateral | {coin: ZERO}, index)
    needed = debt / state.rules.loan_initial_ltv - others
    low, high = ZERO, held  # the least amount whose tiered value still carries the debt
    if pledge_value(state, coin, held, index) < needed:
        return ZERO
    for _ in range(80):
        middle = (low + high) / 2
        if pledge_value(state, coin, middle, index) >= needed:
            high = middle
        else:
            low = middle
    return max(ZERO, (held - high).quantize(GRAIN, rounding=ROUND_FLOOR, context=MONEY))


def max_loan(state: State, account: Account, coin: str, extra: dict[str, Decimal]) -> Decimal:
    """The most that may be borrowed with `extra` pledged besides."""
    index, book = state.market.index, account.loans
    pledged = {each: book.collateral[each] + extra.get(each, ZERO) for each in COINS}
    room = pool_value(state, pledged, index) * state.rules.loan_initial_ltv - debt_usd(state, book, index)
    most = quota(state, coin) - book.debts[coin].total
    amount = max(ZERO, min(room / price_at(state, coin, index), most))
    return amount.quantize(GRAIN, rounding=ROUND_FLOOR, context=MONEY)


def quota(state: State, coin: str) -> Decimal:
    return state.rules.loan_max_btc if coin == "BTC" else state.rules.loan_max_usdt


def hourly_rate(state: State, coin: str) -> Decimal:
    return state.rules.loan_hourly_rate_btc if coin == "BTC" else state.rules.loan_hourly_rate_usdt


# -- deeds of the user --------------------------------------------------------------------------------------------------------


def borrow(state: State, account: Account, coin: str, amount: Decimal, pledge: dict[str, Decimal]) -> LoanOrderRow:
    """Pledge from Funding, receive the loan in Funding."""
    least = state.rules.loan_min_btc if coin == "BTC" else state.rules.loan_min_usdt
    if amount < least or amount % GRAIN:
        raise Refusal(148003, "The loan amount is below the minimum or has too many decimals")
    if amount + account.loans.debts[coin].total > quota(state, coin):
        raise Refusal(148010, "The loan amount exceeds the quota")
    _check_pledge(account, pledge)
    if amount > max_loan(state, account, coin, pledge):
        raise Refusal(148009, "LTV exceeds the risk threshold")
    for each, size in pledge.items():
        _move_pledge(state, account, each, size)
    account.loans.debts[coin].principal += amount
    post_fund(state, account, coin, amount, "CryptoLoanBorrow")
    serial = state.mint.serial()
    row = LoanOrderRow(serial=serial, at_ms=state.now_ms, order_id=str(1000 + serial), coin=coin, amount=amount)
    account.loans.orders.append(row)
    return row


def _check_pledge(account: Account, pledge: dict[str, Decimal]) -> None:
    for coin, size in pledge.items():
        if size <= 0 or size % GRAIN:
            raise Refusal(148042, "The collateral amount is invalid")
        if size > account.fund[coin]:
            raise Refusal(148012, "Insufficient balance of the collateral coin")


def _move_pledge(state: State, account: Account, coin: str, size: Decimal) -> None:
    """Into the pool (size > 0) or back to Funding (size < 0)."""
    post_fund(state, account, coin, -size, "CryptoLoanPledge" if size > 0 else "CryptoLoanRelease")
    account.loans.collateral[coin] += size


def repay(state: State, account: Account, coin: str, amount: Decimal) -> RepayRow:
    """From Funding; interest first, then principal; collateral stays where it is (Bybit: new-crypto-loan/flexible/repay)."""
    debt = account.loans.debts[coin]
    if not debt.total:
        raise Refusal(148032, "There is no debt to repay")
    if amount <= 0 or amount % GRAIN:
        raise Refusal(148028, "The repayment amount is invalid")
    if amount > debt.total:
        raise Refusal(148038, "The repayment exceeds the debt")
    if amount > account.fund[coin]:
        raise Refusal(148029, "Insufficient balance to repay")
    post_fund(state, account, coin, -amount, "CryptoLoanRepay")
    _pay(account, coin, amount)
    return _note_repayment(state, account, coin, amount, 1)


def _pay(account: Account, coin: str, amount: Decimal) -> None:
    debt = account.loans.debts[coin]
    to_interest = min(amount, debt.interest)
    debt.interest -= to_interest
    debt.principal -= amount - to_interest


def _note_repayment(
    state: State, account: Account, coin: str, amount: Decimal, kind: int, sold: dict[str, Decimal] | None = None
) -> RepayRow:
    serial = state.mint.serial()
    row = RepayRow(
        serial=serial,
        at_ms=state.now_ms,
        repay_id=str(1000 + serial),
        coin=coin,
        amount=amount,
        kind=kind,
        sold=sold or {},
    )
    account.loans.repayments.append(row)
    account.loans.stage = stage_at(state, account.loans, state.market.index)
    return row


def repay_with_collateral(state: State, account: Account, coin: str, pledged: tuple[str, ...], amount: Decimal) -> None:
    """Sell pledged coin, in the order given, to repay `amount` of a debt; the conversion costs a fee."""
    debt = account.loans.debts[coin]
    if not debt.total:
        raise Refusal(148032, "There is no debt to repay")
    if not 0 < amount <= debt.total or amount % GRAIN:
        raise Refusal(148038, "The repayment exceeds the debt")
    if amount * price_at(state, coin, state.market.index) > state.rules.convert_cap_usd:
        raise Refusal(148047, "The repayment exceeds the cap of one transaction")
    worth = sum((_brings(state, each, account.loans.collateral[each], coin) for each in pledged), ZERO)
    if worth < amount:
        raise Refusal(148012, "Insufficient collateral")
    sold, raised = _sell_pledge(state, account, pledged, coin, amount, state.rules.convert_fee_rate)
    _pay(account, coin, raised)
    _note_repayment(state, account, coin, raised, 7, sold)


def _brings(state: State, give: str, amount: Decimal, get: str, fee: Decimal | None = None) -> Decimal:
    keep = ONE - (state.rules.convert_fee_rate if fee is None else fee)
    index = state.market.index
    return amount * price_at(state, give, index) / price_at(state, get, index) * keep


def _sell_pledge(
    state: State, account: Account, pledged: tuple[str, ...], coin: str, amount: Decimal, fee: Decimal
) -> tuple[dict[str, Decimal], Decimal]:
    """Take pledged coin worth `amount` of `coin` after the fee; what was sold, and what it raised (at most `amount`)."""
    sales: dict[str, Decimal] = {}
    raised = ZERO
    for each in pledged:
        missing = amount - raised
        if missing <= 0:
            break
        held = account.loans.collateral[each]
        whole = _brings(state, each, held, coin, fee)
        if not held:
            continue
        if whole <= missing:
            sold, got = held, booked(whole)
        else:
            sold, got = min(held, booked(held * missing / whole) + GRAIN), missing
        account.loans.collateral[each] -= sold
        sales[each] = sold
        raised += got
    return sales, min(raised, amount)


def adjust(state: State, account: Account, coin: str, amount: Decimal, direction: int) -> AdjustRow:
    """Add (0) collateral from Funding or take (1) it back (Bybit: new-crypto-loan/adjust-ltv)."""
    book = account.loans
    if not book.in_debt and not any(book.collateral.values()):
        raise Refusal(148013, "There is no loan")
    if amount <= 0 or amount % GRAIN:
        raise Refusal(148042, "The collateral amount is invalid")
    if direction == 0 and amount > account.fund[coin]:
        raise Refusal(148012, "Insufficient balance of the collateral coin")
    if direction == 1 and amount > removable(state, book, coin):
        raise Refusal(148037, "The collateral reduction is too large")
    before = ltv(state, book)
    _move_pledge(state, account, coin, amount if direction == 0 else -amount)
    serial = state.mint.serial()
    row = AdjustRow(
        serial=serial,
        at_ms=state.now_ms,
        adjust_id=20_000 + serial,
        coin=coin,
        amount=amount,
        direction=direction,
        ltv_before=before,
        ltv_after=ltv(state, book),
    )
    book.adjustments.append(row)
    book.stage = stage_at(state, book, state.market.index)
    return row


# -- what the clock and the market bring --------------------------------------------------------------------------------------


def charge_interest(state: State) -> None:
    """At hh:00, on principal and interest standing then."""
    for account in state.accounts.values():
        for coin, debt in account.loans.debts.items():
            if debt.total:
                debt.interest += booked(debt.total * hourly_rate(state, coin))


def guard(state: State, account: Account) -> None:
    """Margin call, delayed liquidation, liquidation."""
    book = account.loans
    if not book.in_debt or not state.market.ready:
        return
    stage = stage_at(state, book, state.market.index)
    if stage != "Delayed" or book.stage != "Delayed":
        book.delayed_since_ms = state.now_ms
    book.stage = stage
    overdue = stage == "Delayed" and state.now_ms - book.delayed_since_ms >= state.rules.loan_delay_ms
    if stage == "Liquidation" or overdue:
        _liquidate(state, account, 2 if stage == "Liquidation" else 6)


def _liquidate(state: State, account: Account, kind: int) -> None:
    """Sell pledged coin for every debt and the fee; what is left of the pool goes back to Funding, what is left of a debt is forgiven."""
    book, fee = account.loans, state.rules.loan_liquidation_fee
    order = ("USDC", "USDT", "BTC")
    for coin, debt in book.debts.items():
        if not debt.total:
            continue
        sold, raised = _sell_pledge(state, account, order, coin, debt.total, fee)
        _note_repayment(state, account, coin, raised, kind, sold)
        debt.principal = debt.interest = ZERO
    for coin, left in book.collateral.items():
        if left:
            _move_pledge(state, account, coin, -left)
    book.stage = "Normal"
