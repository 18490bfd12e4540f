"""Diaries of REST: answers that are none, answers of yesterday, and orders that are turned down."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D

import pytest

from bot.domain.commands import Mode
from bot.domain.legs import Leg
from tests.scenarios.desk import CREATE, Desk
from tests.unit.engine.desk import a_config

GARBAGE = ["html", "empty", "null", "truncated", "result-null", "result-empty"]


@pytest.mark.fault(53, 59)
@pytest.mark.parametrize("shape", GARBAGE)
def test_every_read_is_garbage(desk: Desk, shape: str) -> None:
    """Garbage is no observation, and never "flat": nothing is ordered on it."""
    desk.given()
    desk.mark()
    desk.venue.suffers("garbage", "GET", value=shape)
    desk.pass_time(minutes=2)
    desk.expect(sent=0, mode=Mode.BLIND, adopted=0)

    desk.venue.recovers()
    desk.pass_time(seconds=40)
    desk.expect(sent=0, mode=Mode.TRADING)


@pytest.mark.fault(53)
@pytest.mark.parametrize("shape", GARBAGE)
def test_the_answer_to_an_order_is_garbage(desk: Desk, shape: str) -> None:
    """HTTP 200 and nonsense: the order may be there, and is asked for."""
    desk.given(hedged=False)
    desk.venue.suffers("garbage", CREATE, value=shape)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=2)


@pytest.mark.fault(57)
def test_a_page_repeats_its_last_row(desk: Desk) -> None:
    """Rows are counted by name, not by line."""
    desk.given(hedged=False)
    desk.venue.suffers("page-repeats", "GET /v5/execution")
    desk.venue.suffers("topic-silent", "private execution")
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321")


@pytest.mark.fault(58)
def test_a_page_is_empty_and_has_a_next_one(desk: Desk) -> None:
    """An empty list of positions is not an observation; the books stay."""
    desk.given()
    desk.venue.suffers("page-empty", "GET /v5/position")
    desk.pass_time(minutes=2)
    desk.expect(long="0.051", short="0.321", adopted=0, mode=Mode.BLIND)

    desk.venue.recovers()
    desk.pass_time(minutes=1)
    desk.expect(mode=Mode.TRADING)


@pytest.mark.fault(93)
@pytest.mark.parametrize("fault", ["rows-shuffled", "row-dropped"])
def test_the_rows_of_the_legs_are_reversed_or_one_is_missing(desk: Desk, fault: str) -> None:
    """A leg is known by its index; one row is half an observation, and half is none."""
    desk.given()
    desk.mark()
    desk.venue.suffers(fault, "GET /v5/position")
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=0, adopted=0)


@pytest.mark.fault(64)
def test_the_wallet_leaves_the_collateral_out(desk: Desk) -> None:
    """A missing coin is a missing observation: the spot is not zero."""
    desk.given()
    desk.mark()
    desk.venue.suffers("row-dropped", "GET /v5/account/wallet", value="coin=BTC")
    desk.pass_time(minutes=2)

    desk.expect(sent=0, long="0.051", short="0.321")


ODD = [
    # the row that is odd                   | where
    ("coin=AIRDROP", "GET /v5/account/wallet-balance"),
    ("symbol=ETHUSDT", "GET /v5/position/list"),
    ("symbol=ETHUSDT", "GET /v5/order/realtime"),
    ("symbol=BTCUSDT", "GET /v5/order/realtime"),
    ("symbol=BTCUSDT", "GET /v5/execution/list"),
    ("currency=AIRDROP", "GET /v5/account/transaction-log"),
]


@pytest.mark.fault(41, 44)
@pytest.mark.parametrize(("row", "where"), ODD)
def test_a_row_that_is_not_needed_stays_odd_for_ever(desk: Desk, row: str, where: str) -> None:
    """An airdrop, another contract, an order of another hand: the hedge is kept as if it were not there, after a restart too."""
    desk.given()
    desk.venue.suffers("row-odd", where, value=row)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=2)
    desk.expect(hedged=True, mode=Mode.TRADING, adopted=0)

    desk.kill()
    desk.pass_time(minutes=3)
    desk.expect(hedged=True, mode=Mode.TRADING, adopted=0, note=None if "ETHUSDT" in row else "row unread")


@pytest.mark.fault(41, 64)
@pytest.mark.parametrize("coin", ["BTC", "USDT"])
def test_a_coin_that_matters_is_odd(desk: Desk, coin: str) -> None:
    """A debt or a holding that cannot be read is not taken for none."""
    desk.given()
    desk.mark()
    desk.venue.suffers("row-odd", "GET /v5/account/wallet-balance", value=f"coin={coin}")
    desk.pass_time(minutes=2)

    desk.expect(sent=0, mode=Mode.BLIND)


@pytest.mark.fault(62, 201)
def test_every_read_is_twelve_seconds_old(desk: Desk) -> None:
    """A reading older than our books proves nothing, and is not adopted."""
    desk.given(hedged=False)
    desk.venue.reads_lag(11_000)
    desk.pass_time(minutes=4)

    desk.expect(long="0.051", short="0.321", sent=2, adopted=0)


@pytest.mark.fault(67, 145)
def test_the_rate_limit_is_hit_again_and_again(desk: Desk) -> None:
    """Questions wait longer each time; an order that was told "too many" is looked for, not repeated."""
    desk.given()
    desk.venue.suffers("rate-limited", p=0.7)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=5)
    desk.venue.recovers()
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, mode=Mode.TRADING)


REFUSALS = [
    pytest.param(110007, marks=pytest.mark.fault(97)),
    pytest.param(110020, marks=pytest.mark.fault(101)),
    pytest.param(110003, marks=pytest.mark.fault(102)),
    pytest.param(110023, marks=pytest.mark.fault(110)),
    pytest.param(110021, marks=pytest.mark.fault(111)),
    pytest.param(110063, marks=pytest.mark.fault(112)),
    pytest.param(110123, marks=pytest.mark.fault(113)),
    pytest.param(110085, marks=pytest.mark.fault(115)),
    pytest.param(10001, marks=pytest.mark.fault(92)),
    pytest.param(10028, marks=pytest.mark.fault(142)),
    pytest.param(10024, marks=pytest.mark.fault(143)),
    pytest.param(33004, marks=pytest.mark.fault(138)),
    pytest.param(10005, marks=pytest.mark.fault(139)),
    pytest.param(10003, marks=pytest.mark.fault(140)),
    pytest.param(110017, marks=pytest.mark.fault(91)),
]


@pytest.mark.parametrize("code", REFUSALS)
def test_the_venue_turns_every_order_down(desk: Desk, code: int) -> None:
    """A refusal is not argued with: three, then a pause that doubles, and a person is told."""
    desk.given()
    desk.mark()
    desk.venue.suffers("refused-with", CREATE, value=str(code))
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=30)
    desk.expect(note="hedge given up", unsettled=[])
    assert desk.sent <= 15

    desk.venue.recovers()
    desk.pass_time(minutes=70)
    desk.expect(hedged=True)


@pytest.mark.fault(97)
def test_an_account_that_cannot_carry_all_of_the_hedge_carries_what_fits(desk: Desk) -> None:
    """Margin for a part of the short: what is turned down whole is tried at half the size, and a person is told of the rest."""
    desk.given(hedged=False)
    desk.world.account.leverage.update({"Buy": D("1.8"), "Sell": D("1.8")})
    desk.pass_time(minutes=10)

    desk.expect(long="0.000", short="0.241", note="hedge given up", mode=Mode.TRADING)


@pytest.mark.fault(102)
def test_the_band_is_narrower_than_our_cap(desk: Desk) -> None:
    """The venue moves our price to the edge of its band and says nothing: the hedge is made, and a person is told of the band."""
    desk.given()
    desk.mark()
    desk.venue.changes_the_contract(band_x=D("0.0002"), band_y=D("0.0004"))
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=5)

    desk.expect(hedged=True, note="order repriced", unsettled=[])


@pytest.mark.fault(98, 99)
def test_a_residue_below_the_smallest_order(desk: Desk) -> None:
    """Less than a step is inside the band, not an error to be repeated."""
    desk.given(spot="0.2704")
    desk.mark()
    desk.pass_time(minutes=10)

    desk.expect(sent=0, mode=Mode.TRADING)


@pytest.mark.fault(100)
def test_a_hedge_larger_than_one_order_may_be(desk: Desk) -> None:
    """It leaves in slices, one after the other, towards one target."""
    desk.given(hedged=False, limits=replace(a_config().limits, max_order=D("0.02")))
    desk.pass_time(minutes=3)

    desk.expect(long="0.051", short="0.321", given_up=0)


@pytest.mark.fault(82, 83)
@pytest.mark.parametrize("share", ["0", "0.3", "0.99"])
def test_an_order_trades_in_part_and_the_rest_is_cancelled(desk: Desk, share: str) -> None:
    """Cancelled says nothing of what was filled; the next order is for the rest."""
    desk.given(hedged=False)
    desk.venue.suffers("order-cut-short", CREATE, times=3, value=share)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", unsettled=[])


@pytest.mark.fault(103, 152)
def test_there_is_hardly_a_book(desk: Desk) -> None:
    """A hundredth of a bitcoin at a time; the hedge takes what there is and goes on when there is more."""
    desk.given(hedged=False)
    desk.venue.thins_its_book("0.01")
    desk.pass_time(minutes=2)
    desk.venue.thins_its_book("50")
    desk.pass_time(minutes=3)

    desk.expect(hedged=True, unsettled=[], mode=Mode.TRADING)


@pytest.mark.fault(146)
def test_the_price_grid_changes_while_we_trade(desk: Desk) -> None:
    """The filters are read again every hour, and orders are on the new grid from then on."""
    desk.given()
    desk.venue.changes_the_contract(tick_size=D("0.5"))
    desk.pass_time(minutes=65)
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=2)

    desk.expect(hedged=True)
    assert desk.state.instrument is not None
    assert D("0.5") == desk.state.instrument.tick_size


@pytest.mark.fault(147)
def test_the_contract_stops_trading(desk: Desk) -> None:
    """Every order is turned down and the contract leaves the venue's list: nothing loops, and the hedge goes on when it is back."""
    desk.given()
    desk.mark()
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.venue.changes_the_contract(status="Closed")
    desk.pass_time(minutes=20)
    desk.expect(hedged=False, note="hedge given up")
    assert desk.sent <= 12

    desk.venue.changes_the_contract(status="Trading")
    desk.pass_time(minutes=70)
    desk.expect(hedged=True, mode=Mode.TRADING)


@pytest.mark.fault(188)
def test_a_hedge_that_would_pass_the_leg_limit(desk: Desk) -> None:
    """The limit bounds the leg at the venue; the hedge goes as far as it may and says that it could not go on."""
    desk.given(long="0", short="0.213", hedged=False, limits=replace(a_config().limits, max_leg=D("0.25")))
    desk.pass_time(minutes=10)

    desk.expect(short="0.25", hedged=False, note=None)
    assert desk.world.leg(2) <= D("0.25")
