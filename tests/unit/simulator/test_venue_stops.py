"""Orders that wait for a price: conditional orders, take profit, stop loss, trailing stops."""

from __future__ import annotations

from decimal import Decimal

from tests.unit.simulator.pit import Pit

D = Decimal
STOP = {"category": "linear", "symbol": "BTCUSDT", "tpslMode": "Full"}


def test_a_conditional_order_wakes_at_its_price():
    """Untriggered, then triggered by the mark, then a market order at the book of that moment."""
    pit = Pit()
    row = pit.order("Sell", "0.05", positionIdx=2, triggerPrice="115000", triggerDirection=2, triggerBy="MarkPrice")
    assert ("Untriggered", "Stop") == (row["orderStatus"], row["stopOrderType"])
    pit.venue.drain()

    pit.tick("114990", after_ms=1000)

    statuses = [push.rows[0]["orderStatus"] for push in pit.pushes("order")]
    assert ["Triggered", "Filled"] == statuses
    assert "114989.90" == pit.fills()[0]["execPrice"]


def test_a_conditional_order_takes_margin_only_when_it_wakes():
    """Accepted without margin, it dies at the trigger when there is none."""
    pit = Pit()
    row = pit.order("Buy", "50", positionIdx=1, triggerPrice="117000", triggerDirection=1)

    pit.tick("117000", after_ms=1000)

    ended = pit.found(row["orderId"])
    assert ("Cancelled", "0.000") == (ended["orderStatus"], ended["cumExecQty"])


def test_close_on_trigger_makes_room():
    """A stop that may close on trigger cancels the contract's other orders when margin is short."""
    pit = Pit(coins={"USDT": D(3_000)}, legs={}, leverage=D(10), hedge_mode=False)
    other = pit.order("Buy", "0.2", "115000")
    stop = pit.order("Sell", "0.2", triggerPrice="114000", triggerDirection=2, closeOnTrigger=True)
    pit.done("POST", "/v5/order/cancel", category="linear", symbol="BTCUSDT", orderId=other["orderId"])
    blocking = pit.order("Buy", "0.2", "113900")

    pit.tick("113950", after_ms=1000)

    assert "Filled" == pit.found(stop["orderId"])["orderStatus"]
    assert "Cancelled" == pit.found(blocking["orderId"])["orderStatus"]


def test_a_full_stop_follows_its_leg():
    """Set once, it closes whatever the leg has become, and its partner dies with the leg."""
    pit = Pit()
    pit.done("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, takeProfit="120000", stopLoss="110000")
    pit.order("Buy", "0.1", positionIdx=1)
    assert ("120000.00", "110000.00") == (pit.leg(1)["takeProfit"], pit.leg(1)["stopLoss"])
    assert ["0.313", "0.313"] == [row["qty"] for row in pit.open_orders()]
    pit.venue.drain()

    pit.tick("109900", after_ms=1000)

    assert ("0", "0.213") == pit.legs()
    ends = {push.rows[0]["stopOrderType"]: push.rows[0]["cancelType"] for push in pit.pushes("order")}
    assert "CancelByTpSlTsClear" == ends["TakeProfit"]
    assert ["CreateByStopLoss"] == sorted({row.create_type for row in pit.account.executions if row.closed_size})
    assert "0" == pit.leg(1)["stopLoss"]


def test_the_same_stop_again_is_not_modified():
    """34040 says that nothing changed; "0" removes; a stop on the wrong side or a flat leg is refused."""
    pit = Pit()
    pit.done("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, stopLoss="110000")

    assert 34040 == pit.refused("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, stopLoss="110000")
    assert 10001 == pit.refused("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, stopLoss="117000")
    pit.done("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, stopLoss="0")
    assert [] == pit.open_orders()
    pit.order("Sell", "0.213", positionIdx=1)
    assert 10001 == pit.refused("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, stopLoss="110000")


def test_partial_stops_are_twins():
    """Two halves of one intention: one acts, the other is cancelled."""
    pit = Pit()
    half = {"category": "linear", "symbol": "BTCUSDT", "tpslMode": "Partial", "positionIdx": 1}
    pit.done(
        "POST", "/v5/position/trading-stop", **half, takeProfit="117000", stopLoss="115000", tpSize="0.1", slSize="0.1"
    )
    pit.venue.drain()

    pit.tick("117100", after_ms=1000)

    assert ("0.113", "0.213") == pit.legs()
    cancels = [push.rows[0]["cancelType"] for push in pit.pushes("order") if push.rows[0]["orderStatus"] == "Cancelled"]
    assert ["CancelByOCOSlCanceledByTpTriggered"] == cancels


def test_take_profit_comes_with_its_order():
    """An order may carry its exits; they live from the moment it is filled."""
    pit = Pit(coins={"USDT": D(50_000)})
    pit.order("Buy", "0.1", "115900", positionIdx=1, takeProfit="118000", stopLoss="114000")
    assert ["New"] == [row["orderStatus"] for row in pit.open_orders()]

    pit.tick("115890", after_ms=1000)
    kinds = sorted(row["stopOrderType"] for row in pit.open_orders())
    pit.tick("118001", after_ms=1000)

    assert ["StopLoss", "TakeProfit"] == kinds
    assert (("0", "0"), []) == (pit.legs(), pit.open_orders())


def test_a_trailing_stop_trails():
    """It moves up behind the best price and never down."""
    pit = Pit()
    pit.done("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, trailingStop="1000")

    prices = []
    for price in ("117000", "118000", "117500"):
        pit.tick(price, after_ms=1000)
        prices.append(pit.open_orders()[0]["triggerPrice"])
    pit.tick("116990", after_ms=1000)

    assert ["116000.00", "117000.00", "117000.00"] == prices
    assert ("0", "0.213") == pit.legs()


def test_a_trailing_stop_waits_for_its_active_price():
    """Below the active price nothing trails."""
    pit = Pit()
    pit.done("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, trailingStop="500", activePrice="118000")

    pit.tick("117000", after_ms=1000)
    pit.tick("114000", after_ms=1000)
    assert ("0.213", "0.213") == pit.legs()
    pit.tick("118100", after_ms=1000)
    pit.tick("117600", after_ms=1000)

    assert ("0", "0.213") == pit.legs()


def test_a_spot_stop_freezes_coin_by_its_kind():
    """tpslOrder freezes at once, StopOrder when it wakes (and may find nothing left)."""
    pit = Pit(coins={"BTC": D("0.1"), "USDT": D(1000)})
    pit.order("Sell", "0.06", category="spot", triggerPrice="110000", orderFilter="tpslOrder")
    stop = pit.order("Sell", "0.06", category="spot", triggerPrice="111000", orderFilter="StopOrder")
    assert "0.06" == pit.coin("BTC")["locked"]

    pit.tick("110500", after_ms=1000)

    assert "Cancelled" == pit.found(stop["orderId"], category="spot")["orderStatus"]
    pit.tick("109900", after_ms=1000)
    assert "0.04" == pit.coin("BTC")["walletBalance"]


def test_a_cancelled_spot_trigger_is_deactivated():
    """Spot calls it Deactivated, and wants the filter named to cancel it."""
    pit = Pit(coins={"BTC": D("0.1"), "USDT": D(1000)})
    row = pit.order("Sell", "0.06", category="spot", triggerPrice="110000", orderFilter="tpslOrder")
    key = {"category": "spot", "symbol": "BTCUSDT", "orderId": row["orderId"]}

    assert 170213 == pit.refused("POST", "/v5/order/cancel", **key)
    pit.done("POST", "/v5/order/cancel", **key, orderFilter="tpslOrder")

    assert "Deactivated" == pit.found(row["orderId"], category="spot")["orderStatus"]


def test_a_spot_order_may_carry_its_exits():
    """Bought, then sold again at the take profit; the two halves freeze the coin once."""
    pit = Pit(coins={"USDT": D(5_000)})
    pit.order("Buy", "0.02", "115900", category="spot", takeProfit="118000", stopLoss="114000")
    pit.tick("115800", after_ms=1000)
    frozen = pit.coin("BTC")["locked"]

    pit.tick("118100", after_ms=1000)

    assert "0.01998" == frozen
    assert [] == pit.open_orders("spot")
    assert "0" == pit.coin("BTC")["walletBalance"]


def test_a_stop_cancelled_by_hand_is_gone_from_the_position():
    """The position row shows the stops that live, nothing remembered."""
    pit = Pit()
    pit.done("POST", "/v5/position/trading-stop", **STOP, positionIdx=1, stopLoss="110000", trailingStop="300")
    shown = pit.leg(1)["stopLoss"], pit.leg(1)["trailingStop"]

    pit.done("POST", "/v5/order/cancel-all", category="linear", symbol="BTCUSDT")

    assert ("110000.00", "300") == shown
    assert ("0", "0") == (pit.leg(1)["stopLoss"], pit.leg(1)["trailingStop"])


def test_the_surviving_half_of_a_spot_pair_holds_the_coin():
    """Cancel the half that froze the coin, and the other freezes it."""
    pit = Pit(coins={"USDT": D(5_000)})
    pit.order("Buy", "0.02", "115900", category="spot", takeProfit="118000", stopLoss="114000")
    pit.tick("115800", after_ms=1000)
    halves = pit.open_orders("spot")

    pit.done(
        "POST",
        "/v5/order/cancel",
        category="spot",
        symbol="BTCUSDT",
        orderId=halves[-1]["orderId"],
        orderFilter="tpslOrder",
    )

    assert (1, "0.01998") == (len(pit.open_orders("spot")), pit.coin("BTC")["locked"])
