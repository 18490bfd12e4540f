"""Every example of Bybit's documentation that a decoder of ours eats, eaten."""

from __future__ import annotations

from decimal import Decimal as D
from pathlib import Path

import pytest

from bot.domain.account import CashKind, ExecKind
from bot.exchange import wire_rest
from bot.exchange.judge import Reply, judge_answer, judge_deed
from bot.exchange.wire_cash import cash_row
from bot.exchange.wire_rest import Envelope, page
from bot.exchange.wire_rows import (
    BadRow,
    ExecutionWire,
    OrderWire,
    PositionWire,
    WalletWire,
    decode,
    execution,
    leg_row,
    order_row,
    wallet,
)
from bot.exchange.wire_stream import bar, frame, klines, rows, ticker

DOCS = Path(__file__).resolve().parents[2] / "data" / "bybit" / "docs"


def said(name: str) -> bytes:
    return (DOCS / f"{name}.json").read_bytes()


def answered(name: str) -> Envelope:
    return judge_answer(Reply(200, {}, said(name)), name=name)


def test_wallet_balance() -> None:
    """The example account holds no BTC row with anything in it, but its row is there and complete."""
    seen = wire_rest.unified_wallet(
        page(answered("GET_v5_account_wallet-balance").result), must_hold=("BTC",), may_hold=("USDT",)
    )

    assert (D("3.31216591"), D("0"), D("0")) == (seen.total_equity, seen.mm_rate, seen.coins[0].wallet)
    assert ["BTC", "USDT"] == [coin.coin for coin in seen.coins]


def test_transaction_log() -> None:
    """The example repeats one id on two rows; our names keep them apart. Funding paid is negative here, unlike in executions."""
    found = [cash_row(raw) for raw in page(answered("GET_v5_account_transaction-log").result).rows]

    assert [CashKind.SETTLEMENT, CashKind.TRADE, CashKind.TRADE] == [row.kind for row in found]
    assert 3 == len({row.row_id for row in found})
    assert (D("-0.003676"), D("-0.003676"), D(0), "Buy") == (
        found[0].funding,
        found[0].change,
        found[0].fee,
        found[0].side,
    )
    assert (None, D("-0.0190872"), D("0.01908720"), D(88)) == (
        found[1].funding,
        found[1].change,
        found[1].fee,
        found[1].qty,
    )
    assert all(row.change == row.cash_flow + (row.funding or 0) - row.fee for row in found)


def test_position_list() -> None:
    """The documented example is one-way and inverse: understood, and not mistaken for two legs."""
    found = page(answered("GET_v5_position_list").result)

    assert False is wire_rest.hedge_mode(found, "BTCUSD")
    with pytest.raises(BadRow, match="one-way"):
        wire_rest.both_legs(found, "BTCUSD")
    with pytest.raises(BadRow, match="category"):
        page(answered("GET_v5_position_list").result, category="linear")


@pytest.mark.parametrize(
    ("name", "status", "filled", "reject"),
    [
        ("GET_v5_order_realtime", "New", D("0.00"), ""),
        ("GET_v5_order_history", "Cancelled", D("0.000"), "EC_PostOnlyWillTakeLiquidity"),
    ],
)
def test_orders(name: str, status: str, filled: D, reject: str) -> None:
    found = page(answered(name).result, category="linear")

    (seen,) = [order_row(decode(raw, OrderWire, "order")) for raw in found.rows]

    assert (status, filled, reject, 1) == (seen.status, seen.filled_qty, seen.reject_reason, seen.position_idx)
    assert found.next_page_cursor  # given although this is the last page


@pytest.mark.parametrize(
    ("name", "kind", "fee", "closed"),
    [
        ("GET_v5_execution_list", ExecKind.TRADE, D("0.071409"), D(0)),
        ("GET_v5_pre-upgrade_execution_list.Funding", ExecKind.FUNDING, D("0.6364003"), D(0)),
    ],
)
def test_executions(name: str, kind: ExecKind, fee: D, closed: D) -> None:
    """A funding row has a side, a size and a price, and moves nothing."""
    found = page(answered(name).result, category="linear")

    (seen,) = [execution(decode(raw, ExecutionWire, "execution")) for raw in found.rows]

    assert (kind, fee, closed) == (seen.kind, seen.fee, seen.closed_qty)
    assert (kind is ExecKind.TRADE) == seen.kind.moves_legs


def test_account_facts() -> None:
    """The example key is read-only and bound to addresses: its leftover of a deadline means nothing."""
    seen = wire_rest.account_facts(
        key=answered("GET_v5_user_query-api").result,
        account=answered("GET_v5_account_info").result,
        positions=page(answered("GET_v5_position_list").result),
        fees=page(answered("GET_v5_account_fee-rate").result),
        symbol="BTCUSD",
    )

    assert ("1448939", "REGULAR_MARGIN", True, True, False) == (
        seen.uid,
        seen.margin_mode,
        seen.unified,
        seen.read_only,
        seen.can_trade,
    )
    assert (True, None, False) == (seen.ip_bound, seen.expires_in_days, seen.can_withdraw)
    assert None is seen.taker_fee  # the example's rate is of another symbol


def test_instrument() -> None:
    seen = wire_rest.instrument(
        page(answered("GET_v5_market_instruments-info.linear").result, category="linear"), "BTCUSDT"
    )

    assert (D("0.10"), D("0.001"), D("5"), 480) == (
        seen.tick_size,
        seen.qty_step,
        seen.min_notional,
        seen.funding_interval_min,
    )


def test_klines_funding_and_time() -> None:
    candles = wire_rest.bars(page(answered("GET_v5_market_kline").result), 60)
    points = wire_rest.funding_points(page(answered("GET_v5_market_funding_history").result), "ETHPERP")

    assert [1670608800000, 1670605200000, 1670601600000] == [candle.start_ms for candle in candles]
    assert [(1672041600000, D("0.0001"))] == [(point.at_ms, point.rate) for point in points]
    assert 1688639403423213947 == wire_rest.server_ns(answered("GET_v5_market_time").result)


def test_order_answers() -> None:
    for name, link in (("POST_v5_order_create", "spot-test-postonly"), ("POST_v5_order_cancel", "linear-004")):
        assert wire_rest.created_order_id(judge_deed(Reply(200, {}, said(name))), link)


def test_stream_control_frames() -> None:
    """Two shapes of pong, three of consent."""
    pongs = [frame(said(name)).is_pong for name in ("WS_pong.linear", "WS_pong.private")]
    consents = [
        frame(said(name)).success for name in ("WS_auth", "WS_subscribe_ack.linear", "WS_subscribe_ack.private")
    ]

    assert ([True, True], [True, True, True]) == (pongs, consents)
    assert not frame(said("WS_subscribe_ack.linear")).is_pong


def test_stream_ticker_and_kline() -> None:
    """The ticker example is from a day when last and mark stood 40 % below the index: true all the same."""
    seen = ticker(frame(said("WS_tickers.linear.snapshot")).data)
    (candle,) = klines(frame(said("WS_kline.5.linear")).data)

    assert ("66666.60", "115418.19", "-0.005") == (seen.last_price, seen.index_price, seen.funding_rate)
    assert not candle.confirm
    assert (
        D("16608")
        == bar(
            candle.start,
            5,
            open=candle.open,
            high=candle.high,
            low=candle.low,
            close=candle.close,
            volume=candle.volume,
        ).low
    )


def test_stream_rows() -> None:
    """An option's order is read as well; it is the category that makes it foreign."""
    (order,) = rows(frame(said("WS_order")).data, "order")
    (fill,) = rows(frame(said("WS_execution")).data, "execution")
    (leg,) = rows(frame(said("WS_position")).data, "position")
    (account,) = rows(frame(said("WS_wallet")).data, "wallet")

    assert D("75") == order_row(decode(order, OrderWire, "order")).avg_price
    taxed = execution(decode(fill, ExecutionWire, "execution"))
    assert (D("26.378931279"), "USDT", D("0.5")) == (taxed.fee, taxed.fee_currency, taxed.closed_qty)
    flat = leg_row(decode(leg, PositionWire, "position"))
    assert (D(0), None, None) == (flat.qty, flat.entry_price, flat.liq_price)
    assert D("0.00102964") == wallet(decode(account, WalletWire, "wallet"), ()).coins[0].wallet
