"""Questions about the account and their validated answers, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.account import ExecKind
from bot.domain.commands import ReadAccount, SeekOrder
from bot.domain.errors import Refused, Unavailable
from tests.unit.exchange.rows import a_coin, a_leg, a_wallet, an_execution, an_order
from tests.unit.exchange.scripted import NOW_MS, QUICK, Room, a_room, body, page, raw, slam

POSITIONS, WALLET, REALTIME = "/v5/position/list", "/v5/account/wallet-balance", "/v5/order/realtime"
HISTORY, EXECUTIONS, FEES = "/v5/order/history", "/v5/execution/list", "/v5/account/fee-rate"
KEY, INFO = "/v5/user/query-api", "/v5/account/info"

READ = ReadAccount(why="test", executions_since_ms=NOW_MS - 3_600_000)


def script_account(room: Room) -> None:
    """A whole account: both legs (short first), no orders, BTC, one execution."""
    room.venue.say(EXECUTIONS, page(an_execution("e1")))
    room.venue.say(POSITIONS, page(a_leg(2, "0.321"), a_leg(1, "0.051")))
    room.venue.say(REALTIME, page())
    room.venue.say(WALLET, body({"list": [a_wallet(a_coin("BTC"))]}))


async def test_a_reading_is_whole_and_knows_its_legs_by_index() -> None:
    """The venue lists the short leg first; nothing depends on it. A wallet without a USDT row has no USDT."""
    async with a_room() as room:
        script_account(room)

        reading = (await room.reader.read_account(READ)).reading

        assert (D("0.051"), D("0.321")) == (reading.long.qty, reading.short.qty)
        assert (None, D("25"), 2) == (reading.long.liq_price, reading.long.leverage, reading.short.adl_rank)
        assert D("0.27") == reading.wallet.coin("BTC").wallet  # type: ignore[union-attr]
        assert D(0) == reading.wallet.coin("USDT").borrowed  # type: ignore[union-attr]
        assert None is reading.wallet.available
        assert ["e1"] == [row.exec_id for row in reading.executions]
        assert "USDT" == reading.executions[0].fee_currency


async def test_executions_are_asked_before_and_after_the_rest() -> None:
    """A fill between two pages cannot fall between them; a fill seen twice is one fill."""
    async with a_room() as room:
        script_account(room)
        room.venue.say(EXECUTIONS, page(an_execution("e1")), page(an_execution("e2"), an_execution("e1")))

        reading = (await room.reader.read_account(READ)).reading

        order = [one.path for one in room.venue.asked if one.path != "/v5/market/time"]
        assert [EXECUTIONS, POSITIONS, REALTIME, WALLET, EXECUTIONS] == order
        assert ["e1", "e2"] == [row.exec_id for row in reading.executions]


@pytest.mark.parametrize(("found", "second_ms"), [((), READ.executions_since_ms), ((-600_000,), NOW_MS - 660_000)])
async def test_the_second_look_begins_at_the_venues_newest_date(found: tuple[int, ...], second_ms: int) -> None:
    """A minute before the newest that the first look found, by the venue's clock: ours may be minutes ahead of it."""
    async with a_room() as room:
        script_account(room)
        room.venue.say(EXECUTIONS, page(*(an_execution("e1", NOW_MS + ago_ms) for ago_ms in found)))

        await room.reader.read_account(READ)

        starts = [int(one.params["startTime"]) for one in room.venue.asked if one.path == EXECUTIONS]
        assert [READ.executions_since_ms, second_ms] == starts


BROKEN_PAGES = [
    ("one leg missing", POSITIONS, page(a_leg(1))),
    ("one leg twice", POSITIONS, page(a_leg(1), a_leg(1))),
    ("no rows", POSITIONS, page()),
    ("one-way mode", POSITIONS, page(a_leg(0))),
    ("another symbol's legs", POSITIONS, page(a_leg(1, symbol="ETHUSDT"), a_leg(2, symbol="ETHUSDT"))),
    ("another category", POSITIONS, page(a_leg(1), a_leg(2), category="inverse")),
    ("a long leg that is short", POSITIONS, page(a_leg(1, side="Sell"), a_leg(2))),
    ("a size that is no number", POSITIONS, page(a_leg(1) | {"size": ""}, a_leg(2))),
    ("a size that is NaN", POSITIONS, page(a_leg(1) | {"size": "NaN"}, a_leg(2))),
    ("result null", POSITIONS, raw('{"retCode":0,"result":null}')),
    ("result empty", POSITIONS, body({})),
    ("list null", POSITIONS, body({"list": None})),
    ("a wallet without BTC", WALLET, body({"list": [a_wallet(a_coin("USDT"))]})),
    ("a BTC row of blanks", WALLET, body({"list": [a_wallet(a_coin("BTC", "", borrowAmount="", usdValue=""))]})),
    ("a USDT row of blanks", WALLET, body({"list": [a_wallet(a_coin("BTC"), a_coin("USDT", "", borrowAmount=""))]})),
    ("a USDT debt that is odd", WALLET, body({"list": [a_wallet(a_coin("BTC"), a_coin("USDT", spotBorrow="?"))]})),
    ("a coin without a name", WALLET, body({"list": [a_wallet(a_coin("BTC"), a_coin(""))]})),
    ("a total that is blank", WALLET, body({"list": [a_wallet(a_coin("BTC"), totalEquity="")]})),
    ("another account type", WALLET, body({"list": [a_wallet(a_coin("BTC"), accountType="FUND")]})),
    ("no account", WALLET, body({"list": []})),
    ("orders that are no rows", REALTIME, page("o1")),
    ("executions that are no rows", EXECUTIONS, page(["e1"])),
]


@pytest.mark.parametrize(("what", "path", "answer"), BROKEN_PAGES, ids=[case[0] for case in BROKEN_PAGES])
async def test_a_reading_with_a_hole_is_no_reading(what: str, path: str, answer: Any) -> None:
    """Whatever is missing or odd makes the whole reading Unavailable, never a flat book."""
    async with a_room() as room:
        script_account(room)
        room.venue.say(path, answer)

        with pytest.raises(Unavailable):
            await room.reader.read_account(READ)


AIRDROP = a_coin("AIRDROP", "1000000", equity="", usdValue="--")
LEGS_AND_A_STRANGER = page(a_leg(2, "0.321"), {"symbol": "ETHUSDT", "size": None}, a_leg(1, "0.051"))
ODD_ROWS = [
    # what is odd, and where, and what is said of it
    ("an airdrop's figures", WALLET, body({"list": [a_wallet(AIRDROP, a_coin("BTC"))]}), "wallet: AIRDROP"),
    ("a coin of nulls", WALLET, body({"list": [a_wallet(a_coin("BTC"), {"coin": "X", "equity": None})]}), "wallet: X"),
    ("a leg of another symbol", POSITIONS, LEGS_AND_A_STRANGER, None),
    ("an order of another symbol", REALTIME, page(an_order() | {"symbol": "ETHUSDT", "qty": None}), None),
    ("an order of another hand", REALTIME, page(an_order(qty="")), "order: qty"),
    ("an execution of another symbol", EXECUTIONS, page({"symbol": "ETHUSDT"}), None),
    ("an execution without a name", EXECUTIONS, page(an_execution("")), "execution: execId"),
    ("an execution of nothing", EXECUTIONS, page(an_execution("e1", execQty="0")), "execution: execQty"),
    ("a time in seconds", EXECUTIONS, page(an_execution("e1", execTime="1760000000")), "execution: execTime"),
]


@pytest.mark.parametrize(("what", "path", "answer", "told"), ODD_ROWS, ids=[case[0] for case in ODD_ROWS])
async def test_a_row_that_we_can_do_without_does_not_cost_the_reading(
    what: str, path: str, answer: Any, told: str | None
) -> None:
    """It may stay odd for ever. What is ours is told as left out; legs and wallet are whole, and show what it did."""
    async with a_room() as room:
        script_account(room)
        room.venue.say(path, answer)

        reading = (await room.reader.read_account(READ)).reading

        assert (D("0.051"), D("0.321")) == (reading.long.qty, reading.short.qty)
        assert ["BTC", "USDT"] == [coin.coin for coin in reading.wallet.coins]
        assert (0 if told is None else 1) == len(reading.unread)
        assert told is None or reading.unread[0].startswith(told)


async def test_of_the_newest_orders_only_a_hedgelocks_must_make_sense() -> None:
    """What a person has placed by hand in some odd form keeps no bot from starting; an unreadable one of a bot is told by its name."""
    async with a_room() as room:
        ours = an_order("o2", link := "h0000000a0b1c2d3e4f-1Sg")
        room.venue.say(HISTORY, page(an_order("o1", "", qty=""), ours))
        room.venue.say(REALTIME, page(an_order("o3", "by-hand", side=None)), page(ours | {"qty": None}))

        for unread in ([], [link]):
            rows, odd = await room.reader.read_newest_orders()
            assert (["o2"], unread) == ([row.order_id for row in rows], odd)


async def test_pages_are_walked_to_the_end_and_rows_counted_once() -> None:
    """The cursor is sent back untouched, percent signs and all; the last page repeats a row."""
    async with a_room() as room:
        script_account(room)
        room.venue.say(
            REALTIME,
            page(an_order("o1", "a"), cursor="page%3D2%26x"),
            page(an_order("o2", "b"), an_order("o1", "a"), cursor="page%3D3"),
            page(cursor="page%3D4"),
        )

        reading = (await room.reader.read_account(READ)).reading

        assert ["o1", "o2"] == [row.order_id for row in reading.open_orders]
        cursors = [one.params.get("cursor") for one in room.venue.asked if one.path == REALTIME]
        assert [None, "page=2&x", "page=3"] == cursors  # as a server decodes them


async def test_an_error_on_page_two_is_an_error() -> None:
    """A failure is not a short list."""
    async with a_room() as room:
        script_account(room)
        room.venue.say(REALTIME, page(an_order(), cursor="2"), slam)

        with pytest.raises(Unavailable):
            await room.reader.read_account(READ)


async def test_a_long_silence_is_read_in_windows_of_a_week() -> None:
    """Three weeks away are three contiguous questions, because one may span seven days at most."""
    async with a_room() as room:
        script_account(room)
        since_ms = NOW_MS - 20 * 86_400_000

        await room.reader.read_account(ReadAccount(why="test", executions_since_ms=since_ms))

        spans = [
            (int(one.params["startTime"]), int(one.params["endTime"]))
            for one in room.venue.asked
            if one.path == EXECUTIONS
        ]
        walked = spans[:-1]  # the last one is the second look
        assert since_ms == walked[0][0]
        assert all(end + 1 == start for (_, end), (start, _) in itertools.pairwise(walked))
        assert walked[-1][1] >= NOW_MS
        assert all(end - start < 7 * 86_400_000 for start, end in spans)


async def test_a_hiccup_is_asked_again_and_a_refusal_is_not() -> None:
    async with a_room() as room:
        script_account(room)
        room.venue.say(POSITIONS, body(code=10016), page(a_leg(1), a_leg(2)))
        await room.reader.read_account(READ)
        assert 2 == room.venue.count(POSITIONS)

        room.venue.say(POSITIONS, body(code=10003))
        with pytest.raises(Refused):
            await room.reader.read_account(READ)
        assert 3 == room.venue.count(POSITIONS)


async def test_a_question_ends_by_its_deadline() -> None:
    """A venue that answers every page slowly does not hold us for ever."""
    async with a_room(patience=replace(QUICK, question_deadline_s=0.4)) as room:
        script_account(room)

        async def endless(request: Any) -> Any:
            await asyncio.sleep(0.05)
            number = int(request.query.get("cursor", "0")) + 1
            return await page(an_order(f"o{number}", f"l{number}"), cursor=str(number))(request)

        room.venue.say(REALTIME, endless)

        with pytest.raises(Unavailable, match="no whole answer"):
            await room.reader.read_account(READ)


async def test_the_facts_name_what_must_be_mended() -> None:
    """In one-way mode there is no reading, but the facts still say why. A demo account has no fee page."""
    async with a_room() as room:
        room.venue.say(
            KEY,
            body(
                {
                    "readOnly": 1,
                    "permissions": {"Wallet": ["Withdraw"], "ContractTrade": ["Order", "Position"]},
                    "ips": ["*"],
                    "deadlineDay": 12,
                    "uta": 1,
                    "userID": 42,
                }
            ),
        )
        room.venue.say(INFO, body({"marginMode": "REGULAR_MARGIN", "unifiedMarginStatus": 5}))
        room.venue.say(POSITIONS, page(a_leg(0)))
        room.venue.say(FEES, body(code=10005))

        facts = await room.reader.read_facts()

        assert ("42", False, True, True) == (facts.uid, facts.hedge_mode, facts.read_only, facts.can_withdraw)
        assert (False, True, False, 12) == (facts.can_trade, facts.unified, facts.ip_bound, facts.expires_in_days)
        assert (None, None) == (facts.taker_fee, facts.maker_fee)


async def test_an_order_is_sought_in_three_books() -> None:
    """Found in history: its row and its executions, which alone say what was filled."""
    async with a_room() as room:
        room.venue.say(REALTIME, page())
        room.venue.say(HISTORY, page(an_order(orderStatus="Cancelled", cumExecQty="0.1")))
        room.venue.say(EXECUTIONS, page(an_execution("e1"), an_execution("f", execType="Funding", execQty="0")))

        sought = await room.reader.seek(SeekOrder(order_link_id="h-1", symbol="BTCUSDT", sent_ms=NOW_MS))

        assert "Cancelled" == sought.order.status  # type: ignore[union-attr]
        assert [ExecKind.TRADE, ExecKind.FUNDING] == [row.kind for row in sought.executions]


async def test_absence_needs_three_valid_answers() -> None:
    """Two empty books and one broken one prove nothing."""
    seek = SeekOrder(order_link_id="h-1", symbol="BTCUSDT", sent_ms=NOW_MS)
    async with a_room() as room:
        for path in (REALTIME, HISTORY, EXECUTIONS):
            room.venue.say(path, page())
        sought = await room.reader.seek(seek)
        assert (None, ()) == (sought.order, sought.executions)

        for broken in (REALTIME, HISTORY, EXECUTIONS):
            room.venue.say(broken, raw("<html>", kind="text/html"))
            with pytest.raises(Unavailable):
                await room.reader.seek(seek)
            room.venue.say(broken, page())


async def test_a_row_of_it_that_cannot_be_read_is_no_absence() -> None:
    """It may stay so: what else there is of the order is told, and that there is such a row."""
    async with a_room() as room:
        room.venue.say(REALTIME, page(an_order(side="")))
        room.venue.say(HISTORY, page(), page(an_order(orderStatus="Filled")))
        room.venue.say(EXECUTIONS, page(an_execution("e1"), an_execution("e2", execQty="")))

        for status in (None, "Filled"):
            sought = await room.reader.seek(SeekOrder(order_link_id="h-1", symbol="BTCUSDT", sent_ms=NOW_MS))

            assert status == (sought.order and sought.order.status)
            assert ["e1"] == [row.exec_id for row in sought.executions]
            assert 2 == len(sought.unread)
            for kind, why in zip(("order: side", "execution: execQty"), sought.unread, strict=True):
                assert why.startswith(kind)


async def test_an_answer_about_another_order_is_no_answer() -> None:
    async with a_room() as room:
        room.venue.say(REALTIME, page(an_order(link="somebody-else")))
        room.venue.say(HISTORY, page())
        room.venue.say(EXECUTIONS, page())

        with pytest.raises(Unavailable, match="another order"):
            await room.reader.seek(SeekOrder(order_link_id="h-1", symbol="BTCUSDT", sent_ms=NOW_MS))


LOG = "/v5/account/transaction-log"
READ_CASH = ReadAccount(why="test", executions_since_ms=NOW_MS - 3_600_000, cash_since_ms=NOW_MS - 8 * 86_400_000)


def a_cash_row(name: str, at_ms: int = NOW_MS, **changes: Any) -> dict[str, Any]:
    known = {
        "id": name, "currency": "USDT", "type": "TRADE", "change": "-1.5", "cashFlow": "0", "fee": "1.5", "funding": "",
        "cashBalance": "98.5", "transactionTime": str(at_ms), "category": "linear", "symbol": "BTCUSDT", "side": "Buy",
        "qty": "0.1", "tradePrice": "116000", "tradeId": f"t-{name}", "orderId": "o", "orderLinkId": "",
    }  # fmt: skip
    return known | changes


async def test_the_transaction_log_is_walked_by_window_and_page_and_each_row_counts_once() -> None:
    """Eight days are two windows that name both ends; the venue lists the newest first, and repeats ids on different rows."""
    async with a_room() as room:
        script_account(room)
        repeated = a_cash_row("a", NOW_MS + 5, tradeId="t-other")
        room.venue.say(
            LOG,
            page(repeated, a_cash_row("b", NOW_MS + 5), cursor="2"),
            page(a_cash_row("b", NOW_MS + 5), a_cash_row("a")),
            page(),
        )

        reading = (await room.reader.read_account(READ_CASH)).reading

        assert reading.cash is not None
        assert ["t-a", "t-b", "t-other"] == [row.trade_id for row in reading.cash]
        asked = [one.params for one in room.venue.asked if one.path == LOG]
        assert [None, "2", None] == [params.get("cursor") for params in asked]
        assert all(int(params["endTime"]) - int(params["startTime"]) < 7 * 86_400_000 for params in asked)
        assert int(asked[0]["endTime"]) + 1 == int(asked[2]["startTime"])


async def test_one_odd_line_of_the_transaction_log_does_not_hide_the_others() -> None:
    """Else the log would stay unread for as long as the line is in it."""
    async with a_room() as room:
        script_account(room)
        room.venue.say(LOG, page(a_cash_row("a"), a_cash_row("b", currency="AIRDROP", change="")))

        reading = (await room.reader.read_account(READ_CASH)).reading

        assert ["t-a"] == [row.trade_id for row in reading.cash or ()]
        assert reading.unread[0].startswith("cash row: change")


@pytest.mark.parametrize("answer", [slam, raw("<html>"), page(a_cash_row("a", change="")), page(a_cash_row("a", id=7))])
async def test_a_reading_counts_without_the_transaction_log(answer: Any) -> None:
    """Legs and orders are what keeps a book safe; a log that is down, odd or forbidden is told as missing, never as empty."""
    async with a_room() as room:
        script_account(room)
        room.venue.say(LOG, answer)

        assert None is (await room.reader.read_account(READ_CASH)).reading.cash
        assert None is (await room.reader.read_account(READ)).reading.cash
