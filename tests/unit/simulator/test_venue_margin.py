"""Margin, modes and rows of the unified account."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from bot.simulator.figures import MONEY
from bot.simulator.instruments import RISK_TIERS, tier_of
from bot.simulator.margin import Prices, Stake, collateral_value, leg_margin, order_margin
from bot.simulator.rules import VenueRules
from tests.unit.simulator.pit import SEED_BOOK, Pit

D = Decimal
CENT_OF_CENT = D("0.00000001")


CAPTURED = [
    # name, side, size, entry value = value at mark, leverage, taker rate, IM and MM as Bybit's position stream said them
    ("XRP long x10, 2025-01", "Buy", "4", "2.7862", "10", "0.00055", "1.11999668", None),
    ("SOL long x10 with 18 % tax on the fee, 2025-10", "Buy", "0.2", "233.02", "10", "0.000649", "4.6876214", "0.2602414"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("side", "size", "price", "leverage", "taker", "im", "mm"), [c[1:] for c in CAPTURED], ids=[c[0] for c in CAPTURED]
)
def test_leg_margin_agrees_with_captured_rows(
    side: str, size: str, price: str, leverage: str, taker: str, im: str, mm: str | None
):
    """Initial and maintenance margin carry the fee of closing at bankruptcy, to the last digit of what Bybit sent."""
    leg = Stake(idx=0, side=side, size=D(size), entry_value=D(size) * D(price), leverage=D(leverage))

    own = leg_margin(leg, D(price), VenueRules(linear_taker_rate=D(taker)))

    assert D(im) == own.im.quantize(CENT_OF_CENT, context=MONEY)
    assert mm is None or D(mm) == own.mm.quantize(CENT_OF_CENT, context=MONEY)


def test_order_margin_agrees_with_a_captured_row():
    """An order holds back value/leverage, the fee to open and the fee to close: 10 XRP at 2.5293, x10, gave 2.55573119."""
    held = order_margin("Buy", D("25.293"), D(10), VenueRules())

    assert abs(D("2.55573119") - held) < D("0.00000002")


def test_tiers_meet_at_their_edges():
    """value x rate - deduction is continuous, so a leg never pays more by crossing an edge."""
    for lower, upper in pairwise(RISK_TIERS):
        assert lower.limit * lower.mmr - lower.mm_deduction == lower.limit * upper.mmr - upper.mm_deduction
    assert tier_of(D(10) ** 12) is RISK_TIERS[-1]


COLLATERAL = [
    # qty -> USD that counts, with 0-10 at 0.98 and above at 0.9, BTC at 100,000
    ("0", "0"),
    ("1", "98000"),
    ("10", "980000"),
    ("12", "1160000"),
    ("-1", "-100000"),
]


@pytest.mark.parametrize(("qty", "worth"), COLLATERAL)
def test_collateral_counts_by_marginal_tiers(qty: str, worth: str):
    """The plus side is cut tier by tier, the minus side counts in full."""
    rules = VenueRules(btc_collateral_tiers=((D(0), D("0.98")), (D(10), D("0.9"))))

    assert D(worth) == collateral_value("BTC", D(qty), Prices(D(100_000), D(100_000)), rules, on=True)
    assert min(D(0), D(worth)) == collateral_value("BTC", D(qty), Prices(D(100_000), D(100_000)), rules, on=False)


def test_the_seed_account():
    """Equity 15,120; margin balance by the collateral ratio; maintenance 922.26 on both legs and the debt."""
    pit = Pit(rules=VenueRules(btc_collateral_tiers=((D(0), D("0.98")),)))

    wallet = pit.wallet()

    assert ("15120", "14493.6") == (wallet["totalEquity"], wallet["totalMarginBalance"])
    assert "922.2588" == wallet["totalMaintenanceMargin"]
    assert "0.0636" == wallet["accountMMRate"]
    assert ("16200", "16200", "0") == tuple(
        pit.coin("USDT")[n] for n in ("borrowAmount", "spotBorrow", "walletBalance")
    )


def test_losses_borrow_silently():
    """An open loss without USDT is a liability beside the loan, and it is gone when the loss is."""
    pit = Pit(coins={"BTC": D("0.27")}, legs={2: (D("0.1"), D(116_000))}, leverage=D(25))

    pit.tick("117000", after_ms=1000)
    borrowed = pit.coin("USDT")["borrowAmount"]
    pit.tick("115000", after_ms=1000)

    assert ("100", "0") == (borrowed, pit.coin("USDT")["borrowAmount"])


def test_hedge_mode_always_shows_two_rows():
    """Flat legs are rows too when a symbol is named; by settleCoin only what is held."""
    pit = Pit(coins={"USDT": D(1000)}, legs={})

    assert ("0", "0") == pit.legs()
    assert [] == pit.done("GET", "/v5/position/list", category="linear", settleCoin="USDT")["list"]
    assert 10001 == pit.refused("GET", "/v5/position/list", category="linear")


def test_switching_the_position_mode():
    """Refused with a position, with an open order, and when nothing changes."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={})
    switch = {"category": "linear", "symbol": "BTCUSDT", "coin": None}

    assert 110025 == pit.refused("POST", "/v5/position/switch-mode", **switch, mode=3)
    order = pit.order("Buy", "0.01", "115000", positionIdx=1)
    assert 110028 == pit.refused("POST", "/v5/position/switch-mode", **switch, mode=0)
    pit.done("POST", "/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=order["orderId"])
    pit.order("Buy", "0.01", positionIdx=1)
    assert 110024 == pit.refused("POST", "/v5/position/switch-mode", **switch, mode=0)
    pit.order("Sell", "0.01", positionIdx=1)
    pit.done("POST", "/v5/position/switch-mode", **switch, mode=0)

    assert ("0",) == pit.legs()
    assert 10001 == pit.order_refused("Buy", "0.01", positionIdx=1)


def test_setting_leverage():
    """Both sides alike in cross margin; the same again is 110043; what the tier or the margin forbids is refused."""
    pit = Pit()
    key = {"category": "linear", "symbol": "BTCUSDT"}

    assert 110043 == pit.refused("POST", "/v5/position/set-leverage", **key, buyLeverage="25", sellLeverage="25")
    assert 10001 == pit.refused("POST", "/v5/position/set-leverage", **key, buyLeverage="10", sellLeverage="20")
    assert 10001 == pit.refused("POST", "/v5/position/set-leverage", **key, buyLeverage="101", sellLeverage="101")
    assert 110044 == pit.refused("POST", "/v5/position/set-leverage", **key, buyLeverage="1", sellLeverage="1")
    pit.done("POST", "/v5/position/set-leverage", **key, buyLeverage="50", sellLeverage="50")

    assert "50" == pit.leg(1)["leverage"]


def test_pre_check_promises_what_the_order_brings():
    """The margin rates after the order, asked before it, in ten-thousandths; nothing is placed."""
    pit = Pit()
    wish = pit.wish("Sell", "0.1", "116500", positionIdx=2)

    told = pit.done("POST", "/v5/order/pre-check", **wish)
    pit.order("Sell", "0.1", "116500", positionIdx=2)

    assert told["preImrE4"] < told["postImrE4"]
    assert D(told["postImrE4"]) / 10_000 == pytest.approx(D(pit.wallet()["accountIMRate"]), abs=D("0.0001"))
    assert 110007 == pit.refused("POST", "/v5/order/pre-check", **pit.wish("Sell", "90", "116500", positionIdx=2))


BOOKS = [
    # name, the account, the leg asked, which way the price goes to reach its liqPrice (0: nowhere)
    ("a long leg alone", {"coins": {"USDT": D(5000)}, "legs": {1: (D("0.2"), None)}}, 1, -1),
    ("a short leg alone", {"coins": {"USDT": D(5000)}, "legs": {2: (D("0.2"), None)}}, 2, 1),
    ("a short that its bitcoin covers", {"coins": {"BTC": D(1)}, "legs": {2: (D("0.2"), None)}}, 2, 0),
    ("a long on bitcoin", {"coins": {"BTC": D("0.27")}, "legs": {1: (D("0.5"), None)}}, 1, -1),
    ("the seed's hedged legs and its debt", SEED_BOOK, 1, -1),
    ("the seed's short leg", SEED_BOOK, 2, 0),
    ("after the first hedge", SEED_BOOK | {"legs": {1: (D("0.051"), None), 2: (D("0.321"), None)}}, 2, 1),
    ("hedged too far", SEED_BOOK | {"legs": {1: (D("0.05"), None), 2: (D("0.6"), None)}}, 2, 1),
    ("a long that rises with its account", SEED_BOOK | {"legs": {1: (D("0.05"), None), 2: (D("0.6"), None)}}, 1, 0),
    (
        "far through the tiers",
        {"coins": {"USDT": D(4_000_000)}, "legs": {1: (D("200"), None)}, "leverage": D(10)},
        1,
        -1,
    ),
]


@pytest.mark.parametrize(("name", "book", "idx", "way"), BOOKS, ids=[case[0] for case in BOOKS])
def test_the_liquidation_price_is_where_liquidation_comes(name: str, book: dict, idx: int, way: int) -> None:
    """The account lives until the mark is there, to the tick, whatever legs, debts and collateral it has; or it has no such price."""
    pit = Pit(**book)
    told = pit.leg(idx)["liqPrice"]
    if not way:
        assert told == ""
        return
    price = D(told)

    assert (price - pit.price) * way > 0
    pit.tick(price - way * D("0.3"), after_ms=1000)
    assert not [row for row in pit.account.executions if row.create_type != "CreateByUser"]
    pit.tick(price + way * D("0.3"), after_ms=1000)
    types = {row.type for row in pit.account.log}
    assert types & {"LIQUIDATION", "CURRENCY_SELL"}


def test_closed_profit_and_loss():
    """One record per closing order: exit less entry less both fees, and the wallet agrees with it."""
    pit = Pit(coins={"USDT": D(10_000)}, legs={}, leverage=D(25))
    pit.order("Buy", "0.2", positionIdx=1)
    pit.tick("117000", after_ms=1000)
    pit.order("Sell", "0.1", positionIdx=1)
    pit.order("Sell", "0.1", positionIdx=1)

    rows = pit.done("GET", "/v5/position/closed-pnl", category="linear")["list"]

    assert ["0.1", "0.1"] == [row["closedSize"] for row in rows]
    assert D(pit.coin("USDT")["walletBalance"]) - 10_000 == sum(D(row["closedPnl"]) for row in rows)


def test_the_accounting_oracle():
    """A worked book: hedge, fall, take profit; realised and open P&L agree with the hand calculation before fees."""
    free = VenueRules(half_spread_ticks=0, linear_taker_rate=D(0), linear_maker_rate=D(0))
    pit = Pit(rules=free, coins={"BTC": D("0.27"), "USDT": D(50_000)}, legs={}, leverage=D(25))
    for side, qty, idx in (("Buy", "0.213", 1), ("Sell", "0.213", 2), ("Sell", "0.162", 1), ("Sell", "0.108", 2)):
        pit.order(side, qty, str(pit.price), positionIdx=idx)
    pit.tick("110000", after_ms=1000)
    pit.order("Buy", "0.1", "110000", positionIdx=2)
    pit.order("Sell", "0.051", "110000", positionIdx=1)
    pit.tick("108000", after_ms=1000)

    realised = [row["closedPnl"] for row in pit.done("GET", "/v5/position/closed-pnl", category="linear")["list"]]
    assert ["-306", "600", "0"] == realised
    assert ("0.221", "1768") == (pit.leg(2)["size"], pit.leg(2)["unrealisedPnl"])
