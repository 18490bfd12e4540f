"""What the market shows everyone: tickers, book, band, candles, trades; the venue's own prices joined with the day's figures.

Knows the venue and the history; no account, no subscriber. Open interest is a fixed plausible figure: this market has only a few holders.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from bot.simulator.figures import fixed, plain
from bot.simulator.history import SPOT_VOLUME_SHARE, History, Trade
from bot.simulator.topics import SYMBOL, trade_row
from bot.simulator.venue import Venue

__all__ = ["MarketBoard"]

CENT, TENTH = Decimal("0.01"), Decimal("0.1")
OPEN_INTEREST_BTC = Decimal("50000")
_TRADE_ID = 0x5A5D_0000_0000_5000_8000_0000_0000_0000
_SPOT_TRADE_ID = 2_290_000_000_000_000_000


class MarketBoard:
    """The public face of one market."""

    def __init__(self, venue: Venue, history: History) -> None:
        self.venue, self.history = venue, history

    @property
    def now_ms(self) -> int:
        return self.venue.now_ms

    def cross_seq(self) -> int:
        """Grows with the market; comparable between topics."""
        return 9_000_000_000 + self.history.trade_count

    def ticker(self, category: str) -> dict[str, str]:
        """`data` of a tickers message (Bybit: websocket/public/ticker)."""
        row = self.rest_ticker(category)
        if category == "spot":
            return {name: row[name] for name in _SPOT_TICKER}
        row["tickDirection"] = self.history.direction
        return {name: row[name] for name in _LINEAR_TICKER if name in row}

    def rest_ticker(self, category: str) -> dict[str, str]:
        """A row of /v5/market/tickers (Bybit: market/tickers): the venue's prices, the history's figures."""
        reply = self.venue.public("/v5/market/tickers", {"category": category, "symbol": SYMBOL})
        row: dict[str, str] = dict((reply.result or {})["list"][0])
        day = self.history.day()
        last = Decimal(row["lastPrice"])
        if category == "spot":
            ratio = last / Decimal(day.open_24h)
            high, low, first = (
                fixed(price, TENTH) for price in (max(day.high_24h, last), min(day.low_24h, last), day.open_24h)
            )
            volume, turnover = (
                plain(day.volume_24h / SPOT_VOLUME_SHARE),
                plain(day.turnover_24h / SPOT_VOLUME_SHARE),
            )
            change = fixed(ratio - 1, Decimal("0.0001"))
        else:
            high, low, first = (
                fixed(price, CENT) for price in (max(day.high_24h, last), min(day.low_24h, last), day.open_24h)
            )
            volume, turnover = (
                fixed(day.volume_24h, Decimal("0.0001")),
                fixed(day.turnover_24h, Decimal("0.0001")),
            )
            change = fixed(last / day.open_24h - 1, Decimal("0.000001"))
            row |= {"prevPrice1h": fixed(day.open_1h, CENT), **_open_interest(Decimal(row["markPrice"]))}
        row |= {"prevPrice24h": first, "price24hPcnt": change, "highPrice24h": high, "lowPrice24h": low}
        return row | {"volume24h": volume, "turnover24h": turnover}

    def book(self, category: str, depth: int) -> dict[str, Any]:
        """`result` of /v5/market/orderbook."""
        reply = self.venue.public("/v5/market/orderbook", {"category": category, "symbol": SYMBOL, "limit": depth})
        return dict(reply.result or {})

    def price_limit(self, category: str) -> dict[str, str]:
        reply = self.venue.public("/v5/market/price-limit", {"category": category, "symbol": SYMBOL})
        result = reply.result or {}
        return {name: result[name] for name in ("symbol", "buyLmt", "sellLmt")}

    def trade_rows(self, category: str, after: int) -> tuple[int, list[dict[str, Any]]]:
        """(number of the last trade, rows of the trades after number `after`) for the publicTrade topic."""
        rows = [
            trade_row(
                category,
                at_ms=trade.at_ms,
                price=trade.price,
                qty=trade.qty,
                side=trade.side,
                direction=trade.direction,
                name=trade_name(category, trade),
                seq=9_000_000_000 + trade.seq,
            )
            for trade in self.history.trades_after(after)
        ]
        return self.history.trade_count, rows


def trade_name(category: str, trade: Trade) -> str:
    """Id of a public trade: a UUID for derivatives, a number for spot."""
    return str(UUID(int=_TRADE_ID + trade.seq)) if category != "spot" else str(_SPOT_TRADE_ID + trade.seq)


def _open_interest(mark: Decimal) -> dict[str, str]:
    """Both sides, and the single-side twins Bybit added in 2026."""
    return {
        "openInterest": plain(OPEN_INTEREST_BTC),
        "openInterestValue": fixed(OPEN_INTEREST_BTC * mark, CENT),
        "singleOpenInterest": plain(OPEN_INTEREST_BTC / 2),
        "singleOpenInterestValue": fixed(OPEN_INTEREST_BTC * mark / 2, CENT),
    }


_LINEAR_TICKER = (
    *(
        "symbol",
        "tickDirection",
        "price24hPcnt",
        "lastPrice",
        "prevPrice24h",
        "highPrice24h",
        "lowPrice24h",
        "prevPrice1h",
    ),
    *(
        "markPrice",
        "indexPrice",
        "openInterest",
        "openInterestValue",
        "turnover24h",
        "volume24h",
        "fundingIntervalHour",
    ),
    *("fundingCap", "singleOpenInterest", "singleOpenInterestValue", "nextFundingTime", "fundingRate"),
    *("bid1Price", "bid1Size", "ask1Price", "ask1Size", "preOpenPrice", "preQty", "curPreListingPhase"),
)
_SPOT_TICKER = (
    *(
        "symbol",
        "lastPrice",
        "highPrice24h",
        "lowPrice24h",
        "prevPrice24h",
        "volume24h",
        "turnover24h",
        "price24hPcnt",
    ),
    "usdIndexPrice",
)
