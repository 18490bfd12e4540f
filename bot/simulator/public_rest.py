"""The public REST answers the face gives itself: time, klines, settled funding, recent trades, system status, announcements.

Knows the board and its history. Bybit: market/time, market/kline and its three sisters, market/history-fund-rate, market/recent-trade,
system-status, announcement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.simulator.board import MarketBoard, trade_name
from bot.simulator.envelope import PublicHandler
from bot.simulator.figures import plain
from bot.simulator.history import INTERVALS, Candle
from bot.simulator.params import Ask, Refusal
from bot.simulator.topics import SYMBOL
from bot.simulator.venue import Reply

__all__ = ["Notices", "public_handlers"]


class Notices:
    """What the venue has announced: rows of system/status, newest first."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []


def public_handlers(
    board: MarketBoard,
    notices: Notices,
    wall_ns: Callable[[], int],
    settled: Callable[[], list[tuple[int, str]]],
) -> dict[str, PublicHandler]:
    """Handler per path. `wall_ns`: real time; `settled`: (time, rate) of every settlement known, oldest first."""
    kinds = {
        "/v5/market/kline": "last",
        "/v5/market/mark-price-kline": "mark",
        "/v5/market/index-price-kline": "index",
        "/v5/market/premium-index-price-kline": "premium",
    }
    klines = {path: _kline_handler(board, kind) for path, kind in kinds.items()}
    return {
        **klines,
        "/v5/market/time": lambda _: _time(wall_ns()),
        "/v5/market/tickers": lambda params: _tickers(board, Ask(params)),
        "/v5/market/funding/history": lambda params: _funding(Ask(params), settled()),
        "/v5/market/recent-trade": lambda params: _trades(board, Ask(params)),
        "/v5/system/status": lambda params: _status(notices, Ask(params)),
        "/v5/announcements/index": lambda params: _announcements(Ask(params)),
    }


def _time(wall_ns: int) -> Reply:
    return Reply(result={"timeSecond": str(wall_ns // 1_000_000_000), "timeNano": str(wall_ns)})


def _tickers(board: MarketBoard, ask: Ask) -> Reply:
    category = ask.choice("category", ("spot", "linear", "inverse", "option"))
    symbol = ask.text("symbol", SYMBOL)
    if category in ("inverse", "option"):
        return Reply(result={"category": category, "list": []})
    if symbol != SYMBOL:
        raise Refusal(10001, "params error: symbol invalid")
    return Reply(result={"category": category, "list": [board.rest_ticker(category)]})


def _kline_handler(board: MarketBoard, kind: str) -> Callable[[Mapping[str, object]], Reply]:
    def klines(params: Mapping[str, object]) -> Reply:
        ask = Ask(params)
        allowed = ("linear", "spot") if kind == "last" else ("linear",)
        category = ask.choice("category", allowed, "linear")
        _known_symbol(ask)
        interval = ask.choice("interval", tuple(INTERVALS))
        limit = _limit(ask, 200, 1000)
        candles = board.history.candles(
            "spot" if category == "spot" else kind,
            interval,
            from_ms=ask.whole("start"),
            to_ms=ask.whole("end"),
            limit=limit,
        )
        rows = [_row(candle, traded=kind == "last") for candle in candles]
        return Reply(result={"symbol": SYMBOL, "category": category, "list": rows})

    return klines


def _row(candle: Candle, *, traded: bool) -> list[str]:
    prices = [plain(price) for price in candle[1:5]]
    figures = [plain(candle.volume), plain(candle.turnover)] if traded else []
    return [str(candle.at_ms), *prices, *figures]


def _funding(ask: Ask, settled: list[tuple[int, str]]) -> Reply:
    ask.choice("category", ("linear", "inverse"))
    _known_symbol(ask)
    start_ms, end_ms = ask.whole("startTime"), ask.whole("endTime")
    if start_ms is not None and end_ms is None:
        raise Refusal(10001, "params error: endTime is required with startTime")
    rows = [
        {"symbol": SYMBOL, "fundingRate": rate, "fundingRateTimestamp": str(at_ms)}
        for at_ms, rate in reversed(settled)
        if (start_ms is None or at_ms >= start_ms) and (end_ms is None or at_ms <= end_ms)
    ]
    return Reply(result={"category": "linear", "list": rows[: _limit(ask, 200, 200)]})


def _trades(board: MarketBoard, ask: Ask) -> Reply:
    category = ask.choice("category", ("linear", "spot"))
    _known_symbol(ask)
    limit = _limit(ask, 60, 60) if category == "spot" else _limit(ask, 500, 1000)
    rows = [
        {
            "execId": trade_name(category, trade),
            "symbol": SYMBOL,
            "price": plain(trade.price),
            "size": plain(trade.qty),
            "side": trade.side,
            "time": str(trade.at_ms),
            "isBlockTrade": False,
            "isRPITrade": False,
            "seq": str(9_000_000_000 + trade.seq),
        }
        for trade in board.history.trades(limit)
    ]
    return Reply(result={"category": category, "list": rows})


def _status(notices: Notices, ask: Ask) -> Reply:
    rows = notices.rows
    for name in ("id", "state"):
        if ask.has(name):
            rows = [row for row in rows if row[name] == ask.text(name)]
    return Reply(ret_msg="", result={"list": rows})


def _announcements(ask: Ask) -> Reply:
    ask.need("locale")
    return Reply(result={"total": 0, "list": []})


def _known_symbol(ask: Ask) -> None:
    if ask.need("symbol") != SYMBOL:
        raise Refusal(10001, "params error: symbol invalid")


def _limit(ask: Ask, default: int, most: int) -> int:
    limit = ask.whole("limit", default) or default
    if limit < 1:
        raise Refusal(10001, "params error: limit invalid")
    return min(limit, most)
