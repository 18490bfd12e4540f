"""The ledger: executions become legs and money, each once."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from bot.domain.account import ExecKind, Execution
from bot.domain.commands import FundingAdopted, LegsAdopted
from bot.domain.errors import Broken
from bot.domain.legs import Leg
from bot.engine.ledger import KEPT_NAMES, Ledger, settlement_hour, spot_change_of
from tests.unit.engine.desk import NOW_MS, an_execution

TAKER = D("0.00055")


def an_open_ledger(long: str = "0", short: str = "0", entry: str = "116000", seq: int = -1) -> Ledger:
    ledger = Ledger(symbol="BTCUSDT")
    ledger.adopt(
        LegsAdopted(
            long_qty=D(long), short_qty=D(short), long_entry=D(entry), short_entry=D(entry), seq=seq, at_ms=NOW_MS,
            reason="test",
        )
    )  # fmt: skip
    return ledger


def a_trade(exec_id: str, side: str, qty: str, price: str, *, closes: bool = False, **changes: object) -> Execution:
    size, at = D(qty), D(price)
    return an_execution(
        exec_id, side=side, qty=qty, price=at, fee=size * at * TAKER, closed_qty=size if closes else D(0), **changes
    )


def test_a_fill_arriving_twice_is_booked_once() -> None:
    """The venue repeats itself after a reconnect; money does not."""
    ledger = an_open_ledger()
    fill = a_trade("e1", "Sell", "0.5", "60000")

    ledger.book(fill)
    ledger.book(fill)

    assert ledger.legs[Leg.SHORT].qty == D("0.5")
    assert ledger.legs[Leg.SHORT].fees == D("16.5")


def test_a_day_of_trades_adds_up_to_the_worked_figures() -> None:
    """Opening, shrinking and growing both legs: realised per leg, average entries and the total, to the last digit."""
    ledger = an_open_ledger()
    for n, (side, qty, price, closes) in enumerate(
        [
            ("Sell", "0.213", "116000", False),
            ("Buy", "0.213", "116000", False),
            ("Sell", "0.162", "116000", True),
            ("Sell", "0.108", "116000", False),
            ("Buy", "0.1", "110000", True),
            ("Sell", "0.051", "110000", True),
        ]
    ):
        ledger.book(a_trade(f"e{n}", side, qty, price, closes=closes))
    long, short = ledger.legs[Leg.LONG], ledger.legs[Leg.SHORT]

    assert (long.qty, short.qty, short.entry_price) == (D(0), D("0.221"), D(116000))
    assert short.realised - short.fees == D("573.4702")
    assert long.realised - long.fees == D("-333.0105")
    assert short.unrealised(Leg.SHORT, D(108000)) == D(1768)
    total = short.realised - short.fees + long.realised - long.fees + D(1768)
    assert total == D("2008.4597")


@pytest.mark.parametrize(
    ("side", "fee", "leg", "received"),
    [
        ("Sell", "-3.132", Leg.SHORT, "3.132"),  # a short receives positive funding: execFee is negative
        ("Sell", "3.132", Leg.SHORT, "-3.132"),
        ("Buy", "1.5", Leg.LONG, "-1.5"),
        ("Buy", "-1.5", Leg.LONG, "1.5"),
    ],
)
def test_funding_is_money_and_never_moves_a_leg(side: str, fee: str, leg: Leg, received: str) -> None:
    """A Funding row carries the whole leg as its quantity; booking that as a trade would close the hedge on paper."""
    ledger = an_open_ledger(long="0.2", short="0.3")

    ledger.book(an_execution("f1", side=side, qty="0.3", kind=ExecKind.FUNDING, fee=D(fee)))

    assert (ledger.legs[Leg.LONG].qty, ledger.legs[Leg.SHORT].qty) == (D("0.2"), D("0.3"))
    assert ledger.legs[leg].funding == D(received)


def test_adl_shrinks_the_leg_it_names() -> None:
    """Auto-deleveraging arrives as an execution of its own kind, by no order of ours, and is a real loss of hedge."""
    ledger = an_open_ledger(short="0.321")

    ledger.book(a_trade("a1", "Buy", "0.1", "100000", closes=True, kind=ExecKind.ADL))

    assert ledger.legs[Leg.SHORT].qty == D("0.221")
    assert ledger.legs[Leg.SHORT].realised == D(1600)


def test_an_undocumented_kind_stops_the_books() -> None:
    """What nobody has explained may be anything; the books would rather stop than guess."""
    ledger = an_open_ledger(short="0.3")

    with pytest.raises(Broken, match="CorporateAction"):
        ledger.book(an_execution("u1", kind=ExecKind.UNKNOWN, raw_kind="CorporateAction"))


def test_an_execution_that_closes_more_than_the_leg_holds_waits_for_the_one_missing_before_it() -> None:
    """Messages overtake each other: the close is kept, and booked when what it closes has arrived."""
    ledger = an_open_ledger(long="0.1")

    ledger.book(a_trade("late", "Sell", "0.2", "116000", closes=True))
    assert (ledger.is_waiting, ledger.legs[Leg.LONG].qty) == (True, D("0.1"))
    ledger.book(a_trade("early", "Buy", "0.1", "116000"))

    assert (ledger.is_waiting, ledger.legs[Leg.LONG].qty) == (False, D(0))


def test_what_came_before_the_books_were_open_moves_them_only_if_it_is_newer() -> None:
    """Executions of the stream may arrive before the first reading: its legs contain the older ones."""
    ledger = Ledger(symbol="BTCUSDT")
    ledger.book(a_trade("in it", "Sell", "0.1", "116000", closes=True, seq=7))
    ledger.book(a_trade("after it", "Sell", "0.1", "116000", closes=True, seq=9))

    adopted = LegsAdopted(
        long_qty=D("0.2"), short_qty=D(0), long_entry=D(116000), short_entry=None, seq=8, at_ms=NOW_MS, reason="test"
    )
    ledger.adopt(adopted)

    assert ledger.legs[Leg.LONG].qty == D("0.1")


@pytest.mark.parametrize(
    ("adopted_seq", "seq", "exec_ms", "expected"),
    [
        (50, 50, NOW_MS + 9, "0.3"),  # contained in the adopted legs: its seq says so
        (50, 51, NOW_MS - 9, "0.4"),  # after them, whatever its time
        (-1, -1, NOW_MS, "0.3"),  # no seq anywhere: by time
        (-1, -1, NOW_MS + 1, "0.4"),
        (-1, 51, NOW_MS, "0.3"),  # a seq on one side alone compares with nothing
        (50, -1, NOW_MS, "0.3"),
    ],
)
def test_what_adopted_legs_contain_is_not_booked_again(adopted_seq: int, seq: int, exec_ms: int, expected: str) -> None:
    """Adopted legs already hold the fills before them; only later ones move the leg."""
    ledger = an_open_ledger(short="0.3", seq=adopted_seq)

    ledger.book(a_trade("e1", "Sell", "0.1", "116000", seq=seq, exec_ms=exec_ms))

    assert ledger.legs[Leg.SHORT].qty == D(expected)


def test_spot_trades_and_other_symbols_leave_the_legs_alone() -> None:
    """A spot sale changes the wallet, not a leg; and a leg is no coin."""
    ledger = an_open_ledger(long="0.2", short="0.3")

    ledger.book(a_trade("s1", "Sell", "0.1", "116000", category="spot"))
    ledger.book(a_trade("x1", "Sell", "0.1", "4000", symbol="ETHUSDT"))
    ledger.book(a_trade("x2", "Sell", "0.1", "4000", symbol="ETHUSDT", category="spot"))
    assert (ledger.legs[Leg.LONG].qty, ledger.legs[Leg.SHORT].qty) == (D("0.2"), D("0.3"))

    ledger.book(a_trade("e1", "Sell", "0.1", "116000"))
    assert D("-0.1") == ledger.spot_change


def test_a_spot_trades_fee_is_kept_in_the_coin_it_was_charged_in() -> None:
    """A spot purchase pays in bitcoin; it moves no leg."""
    ledger = an_open_ledger(long="0.1")

    ledger.book(an_execution("s1", category="spot", fee=D("0.0001"), fee_currency="BTC"))

    assert {"BTC": D("0.0001")} == ledger.spot_fees
    assert ledger.legs[Leg.LONG].qty == D("0.1")


@pytest.mark.parametrize(("fee_currency", "change"), [("BTC", "0.0999"), ("USDT", "0.1"), ("", "0.1")])
def test_a_fee_in_the_coin_leaves_less_of_it(fee_currency: str, change: str) -> None:
    """And a fee in a coin that nobody names is taken for the other one: the wallet will tell."""
    bought = an_execution("s1", category="spot", fee=D("0.0001"), fee_currency=fee_currency)

    assert D(change) == spot_change_of(bought)


def test_profit_without_a_price_is_unknown_and_no_zero() -> None:
    """Of nothing there is none."""
    ledger = an_open_ledger(long="0.2")

    assert None is ledger.legs[Leg.LONG].unrealised(Leg.LONG, None)
    assert 0 == (ledger.legs[Leg.SHORT].unrealised(Leg.SHORT, None))


def test_a_settlement_that_the_log_corrects_is_booked_by_the_difference() -> None:
    """Half of it came as an execution; the log tells the whole, a few seconds before the hour by its own clock."""
    hour_ms = 1_760_000_400_000
    ledger = an_open_ledger(short="0.3")
    ledger.book(
        an_execution("f1", side="Sell", qty="0.15", kind=ExecKind.FUNDING, fee=D("-1.5"), exec_ms=hour_ms + 3_000)
    )

    ledger.adopt_funding(
        FundingAdopted(
            settled_ms=hour_ms - 2_000, leg=Leg.SHORT, funding=D("3"), was=D("1.5"), reason="the log says so"
        )
    )

    assert D("3") == ledger.legs[Leg.SHORT].funding
    assert {(settlement_hour(hour_ms), Leg.SHORT): D("3")} == ledger.settlements


def test_names_of_executions_are_forgotten_by_age_and_none_is_booked_twice() -> None:
    """Memory is bounded: what is older than the line counts as booked."""
    ledger = an_open_ledger()
    for number in range(KEPT_NAMES + 1):
        ledger.book(an_execution(f"e{number}", qty="0.001", exec_ms=NOW_MS + number + 1))

    ledger.book(an_execution("e5", qty="0.001", exec_ms=NOW_MS + 6))

    assert D("0.001") * (KEPT_NAMES + 1) == ledger.legs[Leg.LONG].qty
    assert len(ledger._booked) <= KEPT_NAMES
