"""The questions the strategy tests ask: the seed book with honest defaults; override what the test is about."""

import math
from typing import Any

from bot.strategy.decision import Account, Book, DecisionInputs, Instrument, Market, Memory
from bot.strategy.pipeline import DEFAULT_POLICY, FIRST_MEMORY, NO_OPERATOR

STEP = 0.001
BTCUSDT = Instrument(step_btc=STEP, min_steps=1, min_notional_usdt=5.0)
SEED_BOOK = Book(spot_btc=0.27, long_steps=213, short_steps=213, long_in_flight_steps=0, short_in_flight_steps=0)
QUIET_MARKET = Market(price=116000.0, price_age_ms=0.0, sigma_24h=0.03, funding_apr=0.1095, funding_regime=0)
SEED_LOAN = Account(debt_usdt=16200.0, collateral_ratio=1.0, ltv_reported=math.nan, margin_usdt=14493.6, mm_usdt=922.26)
SETTLED = Memory(
    vol_level=1,
    pay_level=0,
    ltv_level=1,
    margin_level=0,
    funding_multiplier=1.0,
    user_target_btc=0.0,
    recentre=0,
)
"""After a decision whose target was reached: from here only the band, or a change, calls for a trade."""


def a_question(*, settled: bool = False, **overrides: Any) -> DecisionInputs:
    """The seed book at 116,000. Keys name fields of any part: spot_btc, price, debt_usdt, hedge_mode, vol_level ..."""
    parts: dict[str, Any] = {
        "book": SEED_BOOK,
        "market": QUIET_MARKET,
        "account": SEED_LOAN,
        "instrument": BTCUSDT,
        "operator": NO_OPERATOR,
        "policy": DEFAULT_POLICY,
        "memory": SETTLED if settled else FIRST_MEMORY,
    }
    top: dict[str, int] = {"now_ms": 0, "last_hedge_ms": -1}
    for name, value in overrides.items():
        if name in top:
            top[name] = value
            continue
        homes = [part for part, held in parts.items() if name in held._fields]
        assert len(homes) == 1, f"{name} is a field of {homes}"
        parts[homes[0]] = parts[homes[0]]._replace(**{name: value})
    return DecisionInputs(**top, **parts)
