"""The loan at the price of now: debt, LTV, margin rate and both liquidation prices; ours against the venue's.

Two LTVs that are never mixed: a Crypto Loan's is the lender's, in which unrealised gains count for nothing; a unified account's is the net
one. Knows state; decides nothing.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

from bot.domain.account import Wallet
from bot.domain.legs import Leg
from bot.domain.loan import Structure, Tier
from bot.domain.money import ZERO
from bot.engine.loanbook import LoanBook
from bot.engine.state import State
from bot.strategy import insurance, risk

__all__ = [
    "BORROW_MMR",
    "DISAGREEMENT",
    "TELLING",
    "Figures",
    "Standing",
    "account_btc",
    "cash_usdt",
    "coin_apart_usd",
    "disagreement",
    "disagrees",
    "figures",
    "is_elsewhere",
    "margin_rate",
    "ours_and_venues",
    "projected_interest",
    "standing",
    "tiered",
    "unrealised",
]

HOUR_MS = 3_600_000
DISAGREEMENT = 0.005
"""Ours and the venue's LTV, or margin rate, may differ by this much before a person is told."""
TELLING = 2
"""... in so many readings in a row: prices move between two reads."""
BORROW_MMR = 0.04
"""Maintenance margin of borrowed coin (Bybit: spot-margin-uta/position-tiers)."""


class Standing(NamedTuple):
    """What is owed, and how it stands to the collateral; NaN where something is unknown."""

    debt: float
    ratio: float
    """What a USD of the collateral counts for."""
    ltv: float
    """What the ladder looks at."""


class Figures(NamedTuple):
    """The loan at the price of now; NaN where something is unknown. `ltv` is what the ladder looks at."""

    structure: Structure | None
    debt: float
    ltv: float
    net_ltv: float
    ratio: float
    """What a USD of the collateral counts for."""
    mm_rate: float
    down: float
    """Price at which a fall liquidates; 0: none does."""
    up: float
    """Price at which a rise liquidates; infinity: none does."""


def figures(state: State, now_ms: int) -> Figures:
    """Debt, LTV, margin rate and both liquidation prices, now."""
    book, ticker = state.loan, state.market.ticker
    if ticker is None or state.wallet is None:
        return Figures(book.structure, *[math.nan] * 7)
    mark, gain = float(ticker.mark), unrealised(state, float(ticker.mark))
    debt, ratio, ltv = standing(state, now_ms)
    net = ltv
    if book.structure is Structure.CRYPTO_LOAN:
        net = insurance.net_ltv(debt, gain + cash_usdt(state), _float(state.spot), mark, ratio)
    down, up = _liquidation(state, mark, debt, ratio, gain)
    return Figures(book.structure, debt, ltv, net, ratio, margin_rate(state), down, up)


def standing(state: State, now_ms: int) -> Standing:
    """Debt and LTV, now: asked on every pulse, so without what only people read."""
    book, ticker = state.loan, state.market.ticker
    if ticker is None or state.wallet is None:
        return Standing(math.nan, math.nan, math.nan)
    debt, ratio = debt_now(state, now_ms), collateral_ratio(state, float(ticker.index))
    if book.structure is Structure.CRYPTO_LOAN:
        return Standing(debt, ratio, insurance.loan_ltv(debt, _float(book.pledged), float(ticker.index), ratio))
    ltv = insurance.loan_ltv(debt, _float(state.spot), float(ticker.mark), state.config.collateral_ratio)
    return Standing(debt, ratio, ltv)


def margin_rate(state: State) -> float:
    """The maintenance margin rate of the wallet seen last; NaN while there is none."""
    wallet = state.wallet
    if wallet is None:
        return math.nan
    return risk.maintenance_rate(_float(wallet.maintenance_margin), _float(wallet.margin_balance))


def debt_now(state: State, now_ms: int) -> float:
    """The debt that the ladder looks at: a Crypto Loan's with the interest since its reading; a unified account's net one."""
    book, wallet = state.loan, state.wallet
    if book.structure is Structure.CRYPTO_LOAN:
        assert book.reading is not None
        hours = max(0, now_ms - book.reading_ms) / HOUR_MS
        return float(book.reading.debt + projected_interest(book, book.reading.debt, hours))
    if wallet is None:
        return math.nan
    quote = wallet.coin(state.config.quote)
    return max(0.0, -float(quote.equity)) if quote else 0.0


def collateral_ratio(state: State, price: float) -> float:
    """What a USD of the BTC counts for where it lies: by Bybit's tiers; worse where the venue's own LTV says so."""
    book = state.loan
    reading = book.reading
    if reading is None or not reading.tiers:
        return state.config.collateral_ratio
    if book.structure is not Structure.CRYPTO_LOAN:
        return tiered(reading.tiers, _float(state.spot))
    ours = tiered(reading.tiers, float(reading.pledged_btc) * price)
    if book.disagreements >= TELLING and reading.venue_ltv:
        worth = float(reading.pledged_btc) * book.index_then * float(reading.venue_ltv)
        return min(ours, float(reading.debt) / worth) if worth > 0.0 else ours
    return ours


def tiered(tiers: tuple[Tier, ...], amount: float) -> float:
    """The average ratio of `amount` by marginal tiers (Bybit: new-crypto-loan/collateral-coin, spot-margin-uta/tier-collateral-ratio)."""
    if not amount > 0.0:
        return float(tiers[0][1])
    worth, ends = 0.0, [float(floor) for floor, _ in tiers[1:]] + [math.inf]
    for (floor, ratio), end in zip(tiers, ends, strict=True):
        worth += max(0.0, min(amount, end) - float(floor)) * float(ratio)
    return worth / amount


def ours_and_venues(state: State) -> tuple[float, float]:
    """The figure that both of us reckon, at the last reading: the lender's LTV, or the account's margin rate."""
    book = state.loan
    reading = book.reading
    if reading is not None and reading.structure is Structure.CRYPTO_LOAN:
        if reading.venue_ltv is None or not reading.tiers:
            return math.nan, math.nan
        ratio = tiered(reading.tiers, float(reading.pledged_btc) * book.index_then)
        ours = insurance.loan_ltv(float(reading.debt), float(reading.pledged_btc), book.index_then, ratio)
        return ours, float(reading.venue_ltv)
    return _margin_rates(state)


def disagrees(state: State) -> bool:
    """Ours and the venue's figures differ, and not by a moment's price alone."""
    return state.loan.disagreements >= TELLING


def disagreement(state: State) -> float:
    """How far apart they are; 0 where one of them is unknown."""
    mine, theirs = ours_and_venues(state)
    return 0.0 if math.isnan(mine) or math.isnan(theirs) else abs(mine - theirs)


def unrealised(state: State, mark: float) -> float:
    """Gain of both legs at a mark; NaN while the books are closed."""
    if not state.ledger.is_open:
        return math.nan
    price = Decimal(repr(mark))
    gains = [book.unrealised(leg, price) for leg, book in state.ledger.legs.items()]
    return math.nan if any(gain is None for gain in gains) else float(sum((g for g in gains if g is not None), ZERO))


def cash_usdt(state: State) -> float:
    """USDT of the unified account beside debt and open profit; NaN unknown."""
    quote = state.wallet.coin(state.config.quote) if state.wallet is not None else None
    if state.wallet is None:
        return math.nan
    return float(quote.equity - quote.unrealised) if quote is not None else 0.0


def _margin_rates(state: State) -> tuple[float, float]:
    """(ours, Bybit's) maintenance margin rate of the account, of the same wallet at the mark it came with: a price that has run on since is
    no disagreement."""
    wallet = state.wallet
    if wallet is None or wallet.mm_rate is None or state.wallet_mark is None or not state.ledger.is_open:
        return math.nan, math.nan
    mark, legs = float(state.wallet_mark), state.ledger.legs
    gain, usdt = unrealised(state, mark), cash_usdt(state)
    ratio = collateral_ratio(state, mark)
    margin = insurance.uta_margin_usdt(account_btc(state), mark, ratio, usdt, gain)
    mm = insurance.uta_maintenance_usdt(
        float(legs[Leg.LONG].qty),
        float(legs[Leg.SHORT].qty),
        mark,
        state.config.policy.mm_per_price,
        usdt,
        gain,
        BORROW_MMR,
    )
    return risk.maintenance_rate(mm, margin), float(wallet.mm_rate)


def is_elsewhere(state: State) -> bool:
    """Whether the coin to protect lies outside of the account, as the settings say."""
    return state.config.fixed_spot is not None


def coin_apart_usd(state: State, wallet: Wallet, pledged: Decimal) -> Decimal:
    """USD by which the coin to protect is worth more than what the wallet counts of it: what is pledged; or what lies elsewhere, in the
    place of the account's own. Needs a price."""
    assert state.market.ticker is not None
    if state.config.fixed_spot is None:
        return pledged * state.market.ticker.index
    own = wallet.coin(state.config.coin)
    return state.config.fixed_spot * state.market.ticker.index - (own.usd_value if own is not None else ZERO)


def account_btc(state: State) -> float:
    """BTC that lies in the unified account."""
    coin = state.wallet.coin(state.config.coin) if state.wallet is not None else None
    return 0.0 if coin is None else float(coin.equity)


def _liquidation(state: State, mark: float, debt: float, ratio: float, gain: float) -> tuple[float, float]:
    """The nearest price of each side at which the loan, or the account with the perps, is liquidated."""
    book, legs = state.loan, state.ledger.legs
    apart = book.structure is Structure.CRYPTO_LOAN
    if not state.ledger.is_open:
        return math.nan, math.nan
    prices = insurance.uta_liquidation_prices(
        account_btc(state),
        float(legs[Leg.LONG].qty),
        float(legs[Leg.SHORT].qty),
        mark,
        gain,
        cash_usdt(state),
        1.0 if apart else ratio,
        state.config.policy.mm_per_price,
        BORROW_MMR,
    )
    if not apart:
        return prices.down, prices.up
    trigger = insurance.loan_trigger_price(debt, state.config.loan.liquidation_ltv, _float(book.pledged), ratio)
    down = max(trigger, prices.down if any(leg.qty for leg in legs.values()) or account_btc(state) else 0.0)
    return down, prices.up


def projected_interest(book: LoanBook, debt: Decimal, hours: float) -> Decimal:
    """Interest on `debt` over `hours` at the rate last read; 0 while no rate is known."""
    rate = book.reading.hourly_rate if book.reading is not None else None
    return ZERO if rate is None else debt * rate * Decimal(repr(hours))


def _float(value: Decimal | None) -> float:
    return math.nan if value is None else float(value)
