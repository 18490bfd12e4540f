"""Stream frames by hand: the venue's side of a conversation."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["NOW_MS", "ack", "asked", "delta", "frame", "kline", "pong_private", "pong_public", "private", "snapshot"]

NOW_MS = 1_760_000_000_000


def frame(**fields: Any) -> str:
    return json.dumps(fields)


def asked(frames: list[str]) -> list[tuple[str, Any]]:
    """(op, args) of frames that we sent."""
    return [(sent["op"], sent.get("args")) for sent in map(json.loads, frames)]


def ack(sent: str, *, ok: bool = True, said: str = "") -> str:
    """The venue's answer to one frame of ours, with its own req_id."""
    request = json.loads(sent)
    return frame(success=ok, ret_msg=said, conn_id="c1", req_id=request["req_id"], op=request["op"])


pong_public = frame(success=True, ret_msg="pong", conn_id="c1", req_id="", op="ping")
pong_private = frame(req_id="x", op="pong", args=["1675418560633"], conn_id="c1")


def snapshot(ts: int = NOW_MS, symbol: str = "BTCUSDT", **changes: str) -> str:
    prices = {
        "lastPrice": "116000.0",
        "markPrice": "116001.1",
        "indexPrice": "116050.2",
        "bid1Price": "115999.9",
        "bid1Size": "3.1",
        "ask1Price": "116000.0",
        "ask1Size": "2.0",
        "fundingRate": "0.0001",
        "nextFundingTime": "1760025600000",
        "fundingIntervalHour": "8",
    }
    data = {"symbol": symbol} | prices | changes
    return frame(topic=f"tickers.{symbol}", type="snapshot", data=data, cs=1, ts=ts)


def delta(ts: int = NOW_MS + 100, symbol: str = "BTCUSDT", **changes: str) -> str:
    return frame(topic=f"tickers.{symbol}", type="delta", data={"symbol": symbol} | changes, cs=2, ts=ts)


def kline(start_ms: int, *, confirm: bool = True, **changes: Any) -> str:
    row = {
        "start": start_ms,
        "end": start_ms + 299_999,
        "interval": "5",
        "open": "100",
        "high": "102",
        "low": "99",
        "close": "101",
        "volume": "5.5",
        "turnover": "550",
        "confirm": confirm,
        "timestamp": start_ms + 1000,
    } | changes
    return frame(topic="kline.5.BTCUSDT", type="snapshot", data=[row], ts=start_ms + 1000)


def private(topic: str, *rows: Any) -> str:
    return frame(topic=topic, id="1_x", creationTime=NOW_MS, data=list(rows))
