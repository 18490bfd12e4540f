"""A live tape: another V5 host's public streams drive this venue (`--tape live`).

Knows two addresses and three public answers: klines and settled funding to begin with, `tickers` and `publicTrade` from then on. Reads with
its own few lines, the `websockets` library and aiohttp; no key, no account, nothing of the bot. When the stream breaks it comes back by
itself, later and later; meanwhile the price stands still, as it does for anyone who cannot see it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import websockets

from bot.simulator.tape import Bar, TapeError
from bot.simulator.venue import Tick

__all__ = ["LiveHost", "LiveTape", "LiveTapeError"]

SYMBOL = "BTCUSDT"
BAR_MS, MINUTE_MS = 300_000, 60_000
PATIENCE_S = 10.0
SILENCE_S = 30.0
PING_S = 15.0
MOST_WAITING = 50_000
_BACK_OFF_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)


class LiveTapeError(TapeError):
    """The live host gave no price to begin with; the message says what it did."""


@dataclass(frozen=True, slots=True)
class LiveHost:
    """Base URLs of a V5 host, without a path."""

    rest_url: str = "https://api.bybit.com"
    ws_url: str = "wss://stream.bybit.com"

    @classmethod
    def at(cls, url: str) -> LiveHost:
        """ "" = mainnet; http(s)://HOST[:PORT] = a host that serves both on one port, as this simulator does."""
        if not url:
            return cls()
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"a live host is http://… or https://…, not {url!r}")
        return cls(f"{parts.scheme}://{parts.netloc}", f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}")


class LiveTape:
    """A price source fed by `run`. Make one with `open`, which waits for its history and first price."""

    bar_ms = BAR_MS

    def __init__(
        self, host: LiveHost, bars: list[Bar], minutes: list[Bar], rates: list[tuple[int, Decimal]], first: Tick
    ):
        self._host = host
        self._bars, self._minutes, self._settled = bars, minutes, rates
        self._waiting: deque[Tick] = deque([first], maxlen=MOST_WAITING)
        self._last = first
        self._traded = Decimal(0)
        self._heard_lately = False
        self.start_ms = first.at_ms
        self.breaks = 0

    @classmethod
    async def open(cls, host: LiveHost) -> LiveTape:
        """Read history, settled rates and the present price. Raises LiveTapeError."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        try:
            async with aiohttp.ClientSession(host.rest_url, timeout=timeout, trust_env=False) as session:
                bars = await _klines(session, "5")
                minutes = await _klines(session, "1")
                funding = await _ask(session, "/v5/market/funding/history", {"limit": "200"})
                ticker = (await _ask(session, "/v5/market/tickers", {}))["list"][0]
                book = await _ask(session, "/v5/market/orderbook", {"limit": "1"})
            rates = [(int(row["fundingRateTimestamp"]), Decimal(row["fundingRate"])) for row in funding["list"]]
            first = _tick(int(book["ts"]), ticker, None)
        except (
            aiohttp.ClientError,
            TimeoutError,
            msgspec.MsgspecError,
            KeyError,
            IndexError,
            ValueError,
            InvalidOperation,
        ) as error:
            raise LiveTapeError(f"no market data from {host.rest_url}: {type(error).__name__}: {error}") from error
        closed = [bar for bar in bars if bar.at_ms + BAR_MS <= first.at_ms]
        return cls(host, closed, minutes, sorted(rates), first)

    # -- what a price source tells --------------------------------------------------------------------------------------------------

    def history(self) -> list[Bar]:
        return self._bars

    def minutes(self, number: int) -> list[Bar]:
        """The minutes of a closed bar, as far back as the host listed them; further back the bar itself."""
        bar = self._bars[number]
        inside = [minute for minute in self._minutes if bar.at_ms <= minute.at_ms < bar.at_ms + BAR_MS]
        return inside or [bar]

    def basis(self, number: int) -> tuple[float, float]:
        """Mark and index of the past are taken as the last price."""
        return 1.0, 1.0

    def settled_rates(self) -> list[tuple[int, Decimal]]:
        return self._settled

    def due(self, until_ms: int) -> Iterator[Tick]:
        """Whatever has arrived: it has happened, also when the host's clock is ahead of ours."""
        while self._waiting:
            yield self._waiting.popleft()

    def next_at_ms(self) -> int | None:
        return self._waiting[0].at_ms if self._waiting else None

    # -- the stream -----------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the host until cancelled."""
        attempt = 0
        while True:
            try:
                async with websockets.connect(
                    f"{self._host.ws_url}/v5/public/linear", proxy=None, open_timeout=PATIENCE_S, ping_interval=PING_S
                ) as socket:
                    await self._follow(socket)
            except* (OSError, TimeoutError, websockets.WebSocketException, msgspec.MsgspecError):
                pass  # counted in `breaks`; the next attempt is below
            self.breaks += 1
            attempt = 0 if self._heard_lately else attempt + 1
            await asyncio.sleep(_BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)])

    async def _follow(self, socket: websockets.ClientConnection) -> None:
        self._heard_lately = False
        topics = [f"tickers.{SYMBOL}", f"publicTrade.{SYMBOL}"]
        await socket.send(msgspec.json.encode({"op": "subscribe", "args": topics}).decode())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_ping(socket))
            ticker: dict[str, Any] = {}
            while True:
                async with asyncio.timeout(SILENCE_S):
                    frame = msgspec.json.decode(await socket.recv())
                self.hear(frame, ticker)
                self._heard_lately = True

    def hear(self, frame: Mapping[str, Any], ticker: dict[str, Any]) -> None:
        """Take one frame; `ticker` gathers the fields of snapshot and deltas. A frame that makes no sense is passed over."""
        try:
            match frame.get("topic"):
                case "publicTrade.BTCUSDT":
                    self._traded += sum((Decimal(row["v"]) for row in frame["data"]), Decimal(0))
                case "tickers.BTCUSDT":
                    if frame["type"] == "snapshot":
                        ticker.clear()
                    ticker.update(frame["data"])
                    self._append(_tick(int(frame["ts"]), ticker, self._last))
                case _:
                    return
        except (KeyError, TypeError, ValueError, InvalidOperation):
            return

    def _append(self, tick: Tick) -> None:
        if tick.at_ms < self._last.at_ms:
            return
        self._waiting.append(
            Tick(
                at_ms=tick.at_ms,
                last=tick.last,
                mark=tick.mark,
                index=tick.index,
                volume=self._traded,
                funding_rate=tick.funding_rate,
            )
        )
        self._last, self._traded = tick, Decimal(0)


def _tick(at_ms: int, row: Mapping[str, Any], before: Tick | None) -> Tick:
    """A tick of a ticker row; what the row lacks stays as it was. Raises ValueError for a price that is none."""
    last = Decimal(row["lastPrice"]) if row.get("lastPrice") else _known(before).last
    mark = Decimal(row["markPrice"]) if row.get("markPrice") else _known(before).mark
    index = Decimal(row["indexPrice"]) if row.get("indexPrice") else _known(before).index
    if not all(price.is_finite() and price > 0 for price in (last, mark, index)):
        raise ValueError(f"not a price: {last}, {mark}, {index}")
    rate = Decimal(row["fundingRate"]) if row.get("fundingRate") else None
    return Tick(at_ms=at_ms, last=last, mark=mark, index=index, funding_rate=rate)


def _known(tick: Tick | None) -> Tick:
    if tick is None:
        raise ValueError("a ticker without a price")
    return tick


async def _ping(socket: websockets.ClientConnection) -> None:
    while True:
        await asyncio.sleep(PING_S)
        await socket.send('{"op":"ping"}')


async def _klines(session: aiohttp.ClientSession, interval: str) -> list[Bar]:
    result = await _ask(session, "/v5/market/kline", {"interval": interval, "limit": "1000"})
    rows = [
        Bar(int(row[0]), *(round(Decimal(price) * 10) for price in row[1:5]), round(Decimal(row[5]) * 1000))  # type: ignore[call-arg]
        for row in result["list"]
    ]
    return sorted(rows)


async def _ask(session: aiohttp.ClientSession, path: str, params: Mapping[str, str]) -> dict[str, Any]:
    async with session.get(path, params={"category": "linear", "symbol": SYMBOL, **params}) as answer:
        body = msgspec.json.decode(await answer.read(), type=dict)
    if body.get("retCode") != 0:
        raise ValueError(f"{path} answered {body.get('retCode')}: {body.get('retMsg')}")
    return dict(body["result"])
