"""Diaries of money: what the transaction log tells, what it does not, and a log that cannot be read."""

from __future__ import annotations

from decimal import Decimal as D

from bot.domain.account import CashKind
from bot.domain.commands import CashAdopted, Mode
from bot.domain.events import CashSeen
from bot.domain.legs import Leg
from tests.scenarios.desk import Desk


def test_the_log_explains_every_trade(desk: Desk) -> None:
    """Trades and fees are in the log, row by row, and the wallet is where they lead."""
    desk.given(hedged=False)
    desk.pass_time(minutes=2)
    desk.venue.sees_the_owner_trade(Leg.SHORT, "0.1")
    desk.pass_time(minutes=2)

    rows = [seen.row for seen in desk.world.diary.of(CashSeen)]
    usdt = desk.state.cash.coins["USDT"]
    assert {CashKind.TRADE} == {row.kind for row in rows}
    assert len(rows) == len(desk.world.account.log)
    assert usdt.start is not None
    assert desk.world.account.purses["USDT"].balance == usdt.start + usdt.changes
    assert "wallet unexplained" not in desk.notes


def test_a_deposit_is_told_by_its_row(desk: Desk) -> None:
    """Coin that comes from outside is hedged, and the operator reads where it came from."""
    desk.given()
    desk.venue.receives("BTC", "0.05")
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, note="money moved", mode=Mode.TRADING)


def test_funding_is_the_same_in_both_accounts(desk: Desk) -> None:
    """Each leg's settlement comes as an execution and as a row, with opposite signs; both tell the same money."""
    desk.given()
    desk.pass_time(minutes=75)  # past eight o'clock

    legs, by_kind = desk.state.ledger.legs, desk.state.cash.by_kind
    assert desk.state.cash.settlements == {}
    assert 0 != legs[Leg.LONG].funding + legs[Leg.SHORT].funding == by_kind["USDT", CashKind.SETTLEMENT]


def test_money_moves_and_nothing_tells_why(desk: Desk) -> None:
    """A person is told the figures, the wallet is believed, and it is told once."""
    desk.given()
    desk.venue.moves_money_unseen("USDT", "-250")
    desk.pass_time(minutes=5)

    desk.expect(mode=Mode.TRADING, note="wallet unexplained")
    assert 1 == desk.notes.count("wallet unexplained")
    (adopted,) = (record for record in desk.world.diary.of(CashAdopted) if record.was is not None)
    assert ("USDT", D(-250)) == (adopted.coin, adopted.wallet - adopted.explained - adopted.was)


def test_a_log_that_cannot_be_read_stops_nothing(desk: Desk) -> None:
    """Legs, orders and executions are enough to hedge on; after a while a person hears that the log is missing."""
    desk.given()
    desk.venue.suffers("http-error", "GET /v5/account/transaction-log", value="503")
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(minutes=15)
    desk.expect(hedged=True, note="log unread", mode=Mode.TRADING)

    desk.venue.recovers()
    desk.pass_time(minutes=2)
    assert 0 == desk.state.cash.unread
    assert len(desk.world.diary.of(CashSeen)) == len(desk.world.account.log)


def test_rows_are_known_once_through_a_restart(desk: Desk) -> None:
    """The cursor is folded from the journal: what was read is not journalled again, what was missed meanwhile is found."""
    desk.given()
    desk.kill()
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.05")
    desk.pass_time(minutes=3)

    rows = [seen.row.row_id for seen in desk.world.diary.of(CashSeen)]
    assert len(rows) == len(set(rows)) == len(desk.world.account.log)
    assert 1 == len([record for record in desk.world.diary.of(CashAdopted) if record.coin == "USDT"])


def test_the_owner_buys_spot_and_pays_the_fee_in_coin(desk: Desk) -> None:
    """The fee makes the holding smaller than the purchase; it is booked once, and the execution spares us waiting for the wallet."""
    desk.given()
    before = desk.world.true_spot
    desk.venue.suffers("frame-doubled", "private")
    desk.venue.sees_the_owner_buy_spot("0.05")
    desk.pass_time(seconds=8)  # sooner than a wallet alone would be believed

    gained = desk.world.true_spot - before
    assert D("0.04995") == gained == desk.state.ledger.spot_change
    assert {"BTC": D("0.00005")} == desk.state.ledger.spot_fees
    assert desk.world.true_spot == desk.state.holding.qty
    desk.pass_time(minutes=2)
    desk.expect(hedged=True, mode=Mode.TRADING)
