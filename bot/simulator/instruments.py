"""What may be traded and how: the BTCUSDT perpetual and the BTCUSDT spot pair, with Bybit's own filters and risk tiers.

Figures of August 2026 (Bybit: market/instrument). Knows no price and no account.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from bot.simulator.figures import ZERO, fixed, plain

__all__ = [
    "COINS",
    "LINEAR",
    "RISK_TIERS",
    "SPOT",
    "SYMBOL",
    "Contract",
    "RiskTier",
    "instrument_row",
    "tier_of",
]

SYMBOL = "BTCUSDT"
COINS = ("BTC", "USDT", "USDC")
"""Every coin an account may hold. Only BTC has a moving price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Filters of one instrument. Quantities in BTC, prices and values in USDT, `funding_interval_min` 0 for spot."""

    category: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    min_value: Decimal
    max_limit_qty: Decimal
    max_market_qty: Decimal
    max_post_only_qty: Decimal
    band_x: Decimal
    band_y: Decimal
    price_like: Decimal
    """Prices of rows are written with as many places as this."""
    min_price: Decimal = Decimal("0.1")
    max_price: Decimal = Decimal("1999999.8")
    max_leverage: Decimal = Decimal("1")
    funding_interval_min: int = 0
    funding_cap: Decimal = ZERO
    max_orders: int = 500
    max_conditional_orders: int = 10
    status: str = "Trading"

    def on_tick(self, price: Decimal) -> bool:
        return price % self.tick_size == 0

    def floor_price(self, price: Decimal) -> Decimal:
        return (price / self.tick_size).to_integral_value(ROUND_FLOOR) * self.tick_size

    def ceil_price(self, price: Decimal) -> Decimal:
        return (price / self.tick_size).to_integral_value(ROUND_CEILING) * self.tick_size

    def floor_qty(self, qty: Decimal) -> Decimal:
        return (qty / self.qty_step).to_integral_value(ROUND_FLOOR) * self.qty_step

    def price_text(self, price: Decimal) -> str:
        return fixed(price, self.price_like)

    def qty_text(self, qty: Decimal) -> str:
        return fixed(qty, self.qty_step)


LINEAR = Contract(
    category="linear",
    tick_size=Decimal("0.10"),
    qty_step=Decimal("0.001"),
    min_qty=Decimal("0.001"),
    min_value=Decimal("5"),
    max_limit_qty=Decimal("1500"),
    max_market_qty=Decimal("150"),
    max_post_only_qty=Decimal("1500"),
    band_x=Decimal("0.01"),
    band_y=Decimal("0.02"),
    price_like=Decimal("0.01"),
    max_leverage=Decimal("100"),
    funding_interval_min=480,
    funding_cap=Decimal("0.005"),
)
SPOT = Contract(
    category="spot",
    tick_size=Decimal("0.1"),
    qty_step=Decimal("0.000001"),
    min_qty=Decimal("0.000001"),
    min_value=Decimal("5"),
    max_limit_qty=Decimal("230"),
    max_market_qty=Decimal("120"),
    max_post_only_qty=Decimal("1150"),
    band_x=Decimal("0.005"),
    band_y=Decimal("0.01"),
    price_like=Decimal("0.1"),
    max_conditional_orders=30,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskTier:
    """One risk tier: up to `limit` USDT of position value at mark (Bybit: market/risk-limit)."""

    id: int
    limit: Decimal
    mmr: Decimal
    imr: Decimal
    max_leverage: Decimal
    mm_deduction: Decimal


def _tiers() -> tuple[RiskTier, ...]:
    """Marginal tiers: value·mmr − deduction is continuous at each edge (Bybit: help centre, maintenance margin USDT contract)."""
    shape = (
        ("2000000", "0.005", "0.01", "100"),
        ("10000000", "0.01", "0.02", "50"),
        ("20000000", "0.02", "0.04", "25"),
        ("40000000", "0.04", "0.08", "12.5"),
        ("80000000", "0.08", "0.16", "6.25"),
        ("400000000", "0.25", "0.5", "2"),
    )
    tiers: list[RiskTier] = []
    deduction, last_mmr, last_limit = ZERO, ZERO, ZERO
    for number, (limit, mmr, imr, leverage) in enumerate(shape, start=1):
        deduction += last_limit * (Decimal(mmr) - last_mmr)
        last_mmr, last_limit = Decimal(mmr), Decimal(limit)
        tiers.append(
            RiskTier(
                id=number,
                limit=Decimal(limit),
                mmr=Decimal(mmr),
                imr=Decimal(imr),
                max_leverage=Decimal(leverage),
                mm_deduction=deduction,
            )
        )
    return tuple(tiers)


RISK_TIERS = _tiers()


def tier_of(value: Decimal) -> RiskTier:
    """The tier a position value falls in; the last tier has no ceiling of its own here."""
    for tier in RISK_TIERS:
        if value <= tier.limit:
            return tier
    return RISK_TIERS[-1]


def instrument_row(contract: Contract) -> dict[str, Any]:
    """A row of /v5/market/instruments-info."""
    return _linear_row(contract) if contract.category == "linear" else _spot_row(contract)


def _linear_row(c: Contract) -> dict[str, Any]:
    return {
        "symbol": SYMBOL,
        "symbolId": 5,
        "contractType": "LinearPerpetual",
        "status": c.status,
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "launchTime": "1584230400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": fixed(c.max_leverage, Decimal("0.01")),
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": c.price_text(c.min_price),
            "maxPrice": c.price_text(c.max_price),
            "tickSize": c.price_text(c.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": c.qty_text(c.max_limit_qty),
            "minOrderQty": c.qty_text(c.min_qty),
            "qtyStep": c.qty_text(c.qty_step),
            "postOnlyMaxOrderQty": c.qty_text(c.max_post_only_qty),
            "maxMktOrderQty": c.qty_text(c.max_market_qty),
            "minNotionalValue": plain(c.min_value),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": c.funding_interval_min,
        "settleCoin": "USDT",
        "copyTrading": "both",
        "upperFundingRate": plain(c.funding_cap),
        "lowerFundingRate": plain(-c.funding_cap),
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": plain(c.band_x), "priceLimitRatioY": plain(c.band_y)},
        "symbolType": "",
    }


def _spot_row(c: Contract) -> dict[str, Any]:
    return {
        "symbolId": 9,
        "symbol": SYMBOL,
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "innovation": "0",
        "status": c.status,
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": plain(c.qty_step),
            "quotePrecision": "0.0000001",
            "minOrderQty": plain(c.min_qty),
            "maxOrderQty": plain(c.max_limit_qty),
            "minOrderAmt": plain(c.min_value),
            "maxOrderAmt": "8000000",
            "maxLimitOrderQty": plain(c.max_limit_qty),
            "maxMarketOrderQty": plain(c.max_market_qty),
            "postOnlyMaxLimitOrderSize": plain(c.max_post_only_qty),
        },
        "priceFilter": {"tickSize": plain(c.tick_size)},
        "riskParameters": {"priceLimitRatioX": plain(c.band_x), "priceLimitRatioY": plain(c.band_y)},
        "symbolType": "",
    }
