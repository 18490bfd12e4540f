"""Switches, modes, and the reads that show them; parameters and routes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.simulator import venue as venue_module
from bot.simulator.deeds import perform
from bot.simulator.faults import Injection
from bot.simulator.keys import KeyInfo, key_row
from bot.simulator.pages import DAY_MS
from bot.simulator.venue import Tick, Venue
from tests.unit.simulator.pit import START_MS, Pit

D = Decimal


def test_collateral_can_be_switched_off():
    """By the owner's hand or ours: the coin then backs nothing; never while margin needs it, never for USDT."""
    pit = Pit(coins={"BTC": D("0.27"), "USDT": D(100)})

    pit.done("POST", "/v5/account/set-collateral-switch", coin="BTC", collateralSwitch="OFF")

    assert (False, "100") == (pit.coin("BTC")["collateralSwitch"], pit.wallet()["totalMarginBalance"])
    assert 182111 == pit.refused("POST", "/v5/account/set-collateral-switch", coin="USDT", collateralSwitch="OFF")
    assert 182104 == Pit().refused("POST", "/v5/account/set-collateral-switch", coin="BTC", collateralSwitch="OFF")


def test_a_batch_of_switches_is_all_or_nothing():
    """One coin that cannot be switched leaves the others as they were."""
    pit = Pit(coins={"BTC": D("0.27")})
    wish = [{"coin": "BTC", "collateralSwitch": "OFF"}, {"coin": "USDT", "collateralSwitch": "OFF"}]

    assert 182111 == pit.refused("POST", "/v5/account/set-collateral-switch-batch", request=wish)
    assert pit.coin("BTC")["collateralSwitch"] is True
    assert wish[:1] == pit.done("POST", "/v5/account/set-collateral-switch-batch", request=wish[:1])["list"]


def test_margin_modes():
    """The same again is 110026; the modes this venue does not reckon are refused with a reason, and nothing has changed."""
    pit = Pit(coins={"USDT": D(1000)})
    switch = "/v5/account/set-margin-mode"

    assert 110026 == pit.refused("POST", switch, setMarginMode="REGULAR_MARGIN")
    for mode, reason in (("PORTFOLIO_MARGIN", "3400000"), ("ISOLATED_MARGIN", "3400094")):
        refused = pit.ask("POST", switch, setMarginMode=mode)
        assert (3400045, reason) == (refused.ret_code, refused.result["reasons"][0]["reasonCode"])
    assert "REGULAR_MARGIN" == pit.done("GET", "/v5/account/info")["marginMode"]


def test_a_margin_mode_that_somebody_changed():
    """In isolated mode the account's margin rates are blank and spot margin stays off; the way back is open."""
    pit = Pit()
    perform(pit.venue, Injection(fault="margin-mode"))

    assert ("", "") == (pit.wallet()["accountMMRate"], pit.wallet()["totalAvailableBalance"])
    assert "ISOLATED_MARGIN" == pit.done("GET", "/v5/account/info")["marginMode"]
    assert 182021 == pit.refused("POST", "/v5/spot-margin-trade/switch-mode", spotMarginMode="1")
    assert 3200403 == pit.refused("POST", "/v5/order/pre-check", **pit.wish("Sell", "0.1", positionIdx=2))
    assert {"reasons": []} == pit.done("POST", "/v5/account/set-margin-mode", setMarginMode="REGULAR_MARGIN")
    assert D(pit.wallet()["accountMMRate"]) > 0


def test_price_behaviour_has_opposite_senses():
    """lpaSpot true adjusts, lpaPerp true refuses."""
    pit = Pit(coins={"USDT": D(10_000)})
    read = ("lpaSpot", "lpaPerp")
    before = pit.done("GET", "/v5/account/user-setting-config")

    pit.done("POST", "/v5/account/set-limit-px-action", category="spot", modifyEnable=True)
    pit.done("POST", "/v5/account/set-limit-px-action", category="linear", modifyEnable=False)
    after = pit.done("GET", "/v5/account/user-setting-config")

    assert ([False, False], [True, True]) == ([before[n] for n in read], [after[n] for n in read])
    assert "116580.0" == pit.order("Buy", "0.01", "130000", category="spot")["price"]


def test_delta_mode_lowers_the_adl_rank():
    """A delta-neutral book may ask to stand further back in the queue."""
    pit = Pit()
    pit.tick("100000", after_ms=1000)
    before = pit.leg(2)["adlRankIndicator"]

    pit.done("POST", "/v5/account/set-delta-mode", deltaEnable="1")

    assert before - 1 == pit.leg(2)["adlRankIndicator"]
    assert pit.done("GET", "/v5/account/user-setting-config")["deltaEnable"] is True


def test_spot_hedging_is_not_position_hedging():
    """set-hedging-mode belongs to portfolio margin."""
    assert 140001 == Pit().refused("POST", "/v5/account/set-hedging-mode", setHedgingMode="ON")


KEYS = [
    # name, key -> readOnly, deadlineDay, expiredAt, ips
    ("bound to an address, it never expires", KeyInfo(ips=("1.2.3.4",)), 0, -2, "1970-01-01T00:00:00Z", ["1.2.3.4"]),
    ("unbound, it has ninety days", KeyInfo(expires_ms=START_MS + 90 * DAY_MS), 0, 90, "2025-10-09T00:00:00Z", ["*"]),
    ("expired yesterday", KeyInfo(expires_ms=START_MS - DAY_MS), 0, 0, "2025-07-10T00:00:00Z", ["*"]),
    ("read-only", KeyInfo(read_only=True), 1, -2, "1970-01-01T00:00:00Z", ["*"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "read_only", "days", "expires", "ips"), [c[1:] for c in KEYS], ids=[c[0] for c in KEYS]
)
def test_a_key_says_what_it_is(key: KeyInfo, read_only: int, days: int, expires: str, ips: list[str]):
    """Permissions, addresses and expiry as query-api shows them; no secret, no withdrawal."""
    row = key_row(key, 100_000_001, START_MS)

    assert (read_only, days, expires, ips, "") == tuple(
        row[n] for n in ("readOnly", "deadlineDay", "expiredAt", "ips", "secret")
    )
    assert ["AccountTransfer"] == row["permissions"]["Wallet"]
    assert key.may("Order")
    assert not key.may("Withdraw")


def test_null_is_absent_and_unknown_is_ignored():
    """Clients send null for what they do not mean, and words that nobody knows."""
    pit = Pit()

    row = pit.order("Sell", "0.1", positionIdx="2", triggerPrice=None, stopLoss="", size="7", reduceOnly="false")

    assert "Filled" == row["orderStatus"]


def test_unknown_routes():
    """10017, privately and publicly."""
    pit = Pit()

    assert 10017 == pit.refused("GET", "/v5/option/anything")
    assert 10017 == pit.venue.public("/v5/option/anything", {}).ret_code


def test_every_route_names_its_permission():
    """The face asks the venue which permission a request needs; spot orders need another than perpetual ones."""
    venue = Venue(seed=1, now_ms=START_MS)
    needed = {venue.permission(method, path, {}) for method, path in venue_module.PRIVATE_PATHS}

    assert {"any", "Order", "Position", "SpotTrade", "AccountTransfer"} == needed
    assert "SpotTrade" == venue.permission("POST", "/v5/order/create", {"category": "spot"})


def test_windows():
    """Both ends within the span, or one that extends it; the transaction log shows a day, orders a week."""
    pit = Pit()
    pit.wait(hours=30)
    day = 24 * 3_600_000

    def rows(**window: int) -> int:
        return len(pit.done("GET", "/v5/account/transaction-log", type="INTEREST", limit=50, **window)["list"])

    assert 24 == rows() == rows(startTime=START_MS) == rows(endTime=START_MS + day)
    assert 30 == rows(startTime=START_MS, endTime=START_MS + 2 * day)
    assert 10001 == pit.refused("GET", "/v5/account/transaction-log", startTime=START_MS, endTime=START_MS + 8 * day)
    assert 10001 == pit.refused("GET", "/v5/account/transaction-log", startTime=START_MS + 1, endTime=START_MS)


def test_no_orders_before_the_first_price():
    """A venue without a tick trades nothing, and says so."""
    venue = Venue(seed=1, now_ms=START_MS)
    venue.open_account("me", coins={"USDT": D(1000)})

    reply = venue.request("me", "POST", "/v5/order/create", Pit.wish("Buy", "0.1", positionIdx=1))

    assert 110074 == reply.ret_code
    with pytest.raises(ValueError, match="leg 1"):
        venue.open_account("you", legs={1: (D(1), None)})


def test_time_runs_forward_only():
    """A tick from the past raises, inside and outside the calm."""
    pit = Pit()
    pit.tick("116000", after_ms=1000)

    with pytest.raises(ValueError, match="backwards"):
        pit.venue.step(Tick(at_ms=START_MS, last=D(116_000), mark=D(116_000), index=D(116_000)))
    with pytest.raises(ValueError, match="backwards"):
        pit.venue.advance(START_MS)


def test_the_book_is_a_book():
    """Bids below asks, best first, no level twice, sizes on the lot."""
    pit = Pit()
    for category, step in (("linear", D("0.001")), ("spot", D("0.000001"))):
        book = pit.venue.public(
            "/v5/market/orderbook", {"category": category, "symbol": "BTCUSDT", "limit": "200"}
        ).result
        bids, asks = ([D(price) for price, _ in book[side]] for side in ("b", "a"))

        assert (200, 200) == (len(bids), len(asks))
        assert sorted(set(bids), reverse=True) == bids
        assert sorted(set(asks)) == asks
        assert bids[0] < asks[0]
        assert all(D(size) > 0 and D(size) % step == 0 for side in ("b", "a") for _, size in book[side])
