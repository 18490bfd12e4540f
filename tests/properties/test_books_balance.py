"""Whatever happens at the simulated venue, its books add up to the last digit.

Random lives of one account: orders of every kind, prices that drift and jump, funding, interest, borrowing, loans, transfers,
deleveraging and liquidation. After each step the balances are rebuilt from the logs, the logs from the executions, and the legs
from the fills.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.simulator.figures import MONEY
from bot.simulator.instruments import COINS
from bot.simulator.orders import OPEN
from bot.simulator.state import Account
from bot.simulator.venue import Push, Tick, Venue, VenueRules

D = Decimal
START_MS = 1_752_192_000_000
HOUR_MS = 3_600_000

# -- what may happen ----------------------------------------------------------------------------------------------------------

Deed = tuple[str, dict[str, Any]]

QTY = st.sampled_from(["0.001", "0.013", "0.05", "0.162", "0.3", "1", "5"])
SIDE = st.sampled_from(["Buy", "Sell"])
IDX = st.sampled_from([1, 2])
AWAY = st.sampled_from([-3000, -300, -20, -0.3, 0, 0.3, 20, 300, 3000])
COIN = st.sampled_from(["BTC", "USDT"])
AMOUNT = st.sampled_from(["0.00000001", "0.01", "0.123456789", "0.2", "7.77777777", "500", "3000", "16200"])
MOVE = st.sampled_from([-0.2, -0.05, -0.01, -0.001, -0.0001, 0, 0.0001, 0.001, 0.01, 0.05, 0.2])
TIF = st.sampled_from(["GTC", "GTC", "IOC", "FOK", "PostOnly"])
SMP = st.sampled_from(["None", "None", "None", "CancelMaker", "CancelTaker", "CancelBoth"])
YES_NO = st.booleans()

# kind -> (how often, what it may be told)
KINDS: dict[str, tuple[int, dict[str, st.SearchStrategy[Any]]]] = {
    "tick": (10, {"moves": st.lists(MOVE, min_size=1, max_size=6), "volume": QTY, "minutes": st.sampled_from([0, 0, 1, 7, 90])}),
    "market": (5, {"side": SIDE, "qty": QTY, "positionIdx": IDX, "reduceOnly": YES_NO, "smpType": SMP}),
    "limit": (
        5,
        {"side": SIDE, "qty": QTY, "positionIdx": IDX, "away": AWAY, "timeInForce": TIF, "reduceOnly": YES_NO, "smpType": SMP},
    ),
    "exits": (3, {"side": SIDE, "qty": QTY, "positionIdx": IDX, "mode": st.sampled_from(["Full", "Partial"])}),
    "trigger": (3, {"side": SIDE, "qty": QTY, "positionIdx": IDX, "away": st.sampled_from([-900, -100, 100, 900]), "close": YES_NO}),
    "trail": (2, {"positionIdx": IDX, "distance": st.sampled_from(["50", "500"])}),
    "spot": (4, {"side": SIDE, "qty": QTY, "away": AWAY, "leverage": st.sampled_from([0, 1]), "market": YES_NO}),
    "cancel all": (1, {"category": st.sampled_from(["linear", "spot"])}),
    "amend": (3, {"away": AWAY, "qty": QTY}),
    "rate": (2, {"rate": st.sampled_from(["0.0001", "-0.00037", "0.005", "0"])}),
    "wait": (4, {"minutes": st.integers(1, 600)}),
    "borrow": (2, {"coin": COIN, "amount": AMOUNT}),
    "repay": (3, {"coin": COIN, "amount": AMOUNT, "path": st.sampled_from(["repay", "no-convert-repay"])}),
    "transfer": (3, {"coin": COIN, "amount": AMOUNT, "out": YES_NO}),
    "loan": (2, {"coin": COIN, "amount": AMOUNT, "pledge": AMOUNT}),
    "loan repay": (3, {"coin": COIN, "amount": AMOUNT, "sell": YES_NO}),
    "adjust": (2, {"coin": COIN, "amount": AMOUNT, "direction": st.sampled_from(["0", "1"])}),
    "adl": (1, {"leg": IDX, "qty": QTY}),
    "liquidate": (1, {}),
    "collateral": (1, {"on": st.sampled_from(["ON", "OFF"])}),
    "leverage": (1, {"value": st.sampled_from(["5", "25", "100"])}),
}  # fmt: skip
OFTEN = [kind for kind, (weight, _) in KINDS.items() for _ in range(weight)]
DEEDS = st.sampled_from(OFTEN).flatmap(lambda kind: st.tuples(st.just(kind), st.fixed_dictionaries(KINDS[kind][1])))

LIVES = st.lists(DEEDS, min_size=12, max_size=50)


@dataclass
class Life:
    """One venue, one account, and what it began with."""

    rules: VenueRules = field(default_factory=VenueRules)
    restless: bool = False
    """Look at everything on every tick instead of trusting the calm box."""
    price: Decimal = Decimal(116_000)
    number: int = 0

    def __post_init__(self) -> None:
        self.venue = Venue(seed=3, now_ms=START_MS, rules=self.rules)
        self.tick(D(0), D(0), 0)
        self.account: Account = self.venue.open_account(
            "me",
            coins={"BTC": D("0.77"), "USDT": D("9500.12345678")},
            borrowed={"USDT": D(16_200)},
            legs={1: (D("0.213"), D("115000.3")), 2: (D("0.213"), None)},
            leverage=D(25),
            funding_coins={"BTC": D(1), "USDT": D(5_000)},
        )
        self.opening = {coin: purse.balance for coin, purse in self.account.purses.items()}
        self.opening_fund = dict(self.account.fund)
        self.opening_legs = {idx: leg.signed for idx, leg in self.account.legs.items()}
        pledge = [{"currency": "BTC", "amount": "0.2"}]
        self.ask("/v5/crypto-loan-flexible/borrow", loanCurrency="USDT", loanAmount="9000", collateralList=pledge)

    def tick(self, move: Decimal, volume: Decimal, minutes: int, rate: str | None = None) -> None:
        with localcontext(MONEY):  # the arithmetic of this test; the venue sees whatever context its caller has
            self.price = max(D(10), self.venue.state.linear.floor_price(self.price * (1 + move)))
            index = self.price - D("3.75")
        if self.restless:
            self.venue._calm = None
        self.venue.step(
            Tick(
                at_ms=self.venue.now_ms + minutes * 60_000,
                last=self.price,
                mark=self.price,
                index=index,
                volume=volume,
                funding_rate=None if rate is None else D(rate),
            )
        )

    def ask(self, path: str, **params: object) -> int:
        return self.venue.request("me", "POST", path, params).ret_code

    def order(self, **params: object) -> int:
        return self.ask("/v5/order/create", **{"category": "linear", "symbol": "BTCUSDT", **params})

    def live(self, step: Deed) -> None:
        """Do one thing; a refusal is a fine outcome too."""
        kind, f = step
        self.number += 1
        with localcontext(MONEY):
            near = str(self.price + D(str(f.get("away", 0))))
            above, below = str(int(self.price * D("1.02"))), str(int(self.price * D("0.98")))
        key = {"category": "linear", "symbol": "BTCUSDT"}
        match kind:
            case "market":
                self.order(orderType="Market", **f)
            case "limit":
                self.order(orderType="Limit", price=near, **{name: f[name] for name in f if name != "away"})
            case "exits":
                profit, loss = (above, below) if f["side"] == "Buy" else (below, above)
                wish = {name: f[name] for name in ("side", "qty", "positionIdx")}
                self.order(orderType="Market", takeProfit=profit, stopLoss=loss, tpslMode=f["mode"], **wish)
            case "trigger":
                rising = 1 if f["away"] > 0 else 2
                wish = {name: f[name] for name in ("side", "qty", "positionIdx")}
                self.order(
                    orderType="Market", triggerPrice=near, triggerDirection=rising, closeOnTrigger=f["close"], **wish
                )
            case "trail":
                self.ask("/v5/position/trading-stop", **key, positionIdx=f["positionIdx"], trailingStop=f["distance"])
            case "spot":
                wish = {"category": "spot", "side": f["side"], "qty": f["qty"], "isLeverage": f["leverage"]}
                self.order(
                    **wish,
                    **(
                        {"orderType": "Market", "marketUnit": "baseCoin"}
                        if f["market"]
                        else {"orderType": "Limit", "price": near}
                    ),
                )
            case "cancel all":
                self.ask("/v5/order/cancel-all", category=f["category"], symbol="BTCUSDT")
            case "amend":
                for order in list(self.account.orders.values())[:1]:
                    self.ask(
                        "/v5/order/amend",
                        category=order.category,
                        symbol="BTCUSDT",
                        orderId=order.order_id,
                        price=near,
                        qty=f["qty"],
                    )
            case "tick":
                for move in f["moves"]:
                    self.tick(D(str(move)), D(f["volume"]), f["minutes"])
            case "rate":
                self.tick(D(0), D(0), 1, rate=f["rate"])
            case "wait":
                self.venue.advance(self.venue.now_ms + f["minutes"] * 60_000)
            case "borrow":
                self.ask("/v5/account/borrow", **f)
            case "repay":
                self.ask(f"/v5/account/{f['path']}", coin=f["coin"], amount=f["amount"])
            case "transfer":
                ends = ("UNIFIED", "FUND") if f["out"] else ("FUND", "UNIFIED")
                both = {"fromAccountType": ends[0], "toAccountType": ends[1]}
                self.ask(
                    "/v5/asset/transfer/inter-transfer",
                    transferId=str(self.number),
                    coin=f["coin"],
                    amount=f["amount"],
                    **both,
                )
            case "loan":
                pledge = [{"currency": "BTC" if f["coin"] == "USDT" else "USDT", "amount": f["pledge"]}]
                self.ask(
                    "/v5/crypto-loan-flexible/borrow",
                    loanCurrency=f["coin"],
                    loanAmount=f["amount"],
                    collateralList=pledge,
                )
            case "loan repay":
                path = "repay-collateral" if f["sell"] else "repay"
                self.ask(
                    f"/v5/crypto-loan-flexible/{path}",
                    loanCurrency=f["coin"],
                    collateralCoin="BTC,USDT",
                    amount=f["amount"],
                )
            case "adjust":
                self.ask(
                    "/v5/crypto-loan-common/adjust-ltv",
                    currency=f["coin"],
                    amount=f["amount"],
                    direction=f["direction"],
                )
            case "adl":
                self.venue.adl("me", f["leg"], D(f["qty"]))
            case "liquidate":
                self.venue.liquidate("me")
            case "collateral":
                self.ask("/v5/account/set-collateral-switch", coin="BTC", collateralSwitch=f["on"])
            case "leverage":
                self.ask("/v5/position/set-leverage", **key, buyLeverage=f["value"], sellLeverage=f["value"])
            case _:
                raise AssertionError(kind)


# -- what must always hold ----------------------------------------------------------------------------------------------------


def check(life: Life) -> None:
    with localcontext(MONEY):
        check_wallet(life)
        check_usdt_by_cause(life)
        check_fund(life)
        check_legs(life)
        check_orders(life.account)


def check_wallet(life: Life) -> None:
    """Each balance is its opening plus every change ever logged, row by row."""
    running = dict(life.opening)
    borrowed = defaultdict(Decimal, {"USDT": D(16_200)})
    for row in life.account.log:
        running[row.coin] += row.change
        assert row.balance == running[row.coin]
        if row.type == "BORROW":
            borrowed[row.coin] += row.change
        if row.type == "REPAY":
            borrowed[row.coin] += row.change
    for coin, purse in life.account.purses.items():
        assert running[coin] == purse.balance
        assert borrowed[coin] == purse.spot_borrow >= 0


def check_usdt_by_cause(life: Life) -> None:
    """wallet change = realised P&L + fees + funding + interest + transfers + lending + spot trades, from records other than the log."""
    account = life.account
    change: dict[str, Decimal] = defaultdict(Decimal)
    for fill in account.executions:
        if fill.exec_type == "Funding":
            change["USDT"] -= fill.fee
        elif fill.category == "linear":
            change["USDT"] += fill.pnl - fill.fee
        else:
            sign = 1 if fill.side == "Buy" else -1
            change["BTC"] += sign * fill.qty
            change["USDT"] -= sign * fill.value
            change[fill.fee_coin] -= fill.fee
    for charge in account.interest:
        change[charge.coin] -= charge.cost
    for transfer in account.transfers.values():
        if transfer.source == "UNIFIED":
            change[transfer.coin] -= transfer.amount
        if transfer.target == "UNIFIED" and transfer.status == "SUCCESS":
            change[transfer.coin] += transfer.amount
    lending = ("BORROW", "REPAY", "SPOT_REPAYMENT_SELL", "SPOT_REPAYMENT_BUY", "CURRENCY_SELL", "CURRENCY_BUY")
    for row in account.log:
        if row.type in lending:
            change[row.coin] += row.change
    for coin in COINS:
        assert life.opening[coin] + change[coin] == account.purses[coin].balance


def check_fund(life: Life) -> None:
    """Funding and the loan pool: nothing appears, nothing vanishes."""
    account, book = life.account, life.account.loans
    running = dict(life.opening_fund)
    pledged: dict[str, Decimal] = defaultdict(Decimal)
    for row in account.fund_log:
        running[row.coin] += row.change
        assert row.balance == running[row.coin] >= 0
        if row.kind in ("CryptoLoanPledge", "CryptoLoanRelease"):
            pledged[row.coin] -= row.change
    for repayment in book.repayments:
        for coin, amount in repayment.sold.items():
            pledged[coin] -= amount
    for coin in COINS:
        assert running[coin] == account.fund[coin]
        assert pledged[coin] == book.collateral[coin] >= 0
        assert book.debts[coin].principal >= 0
        assert book.debts[coin].interest >= 0


def check_legs(life: Life) -> None:
    """Legs are the sum of their fills, never negative, never on the wrong side."""
    signed = dict(life.opening_legs)
    by_order = {order.order_id: order.position_idx for order in [*life.account.closed, *life.account.orders.values()]}
    for fill in life.account.executions:
        if fill.category == "linear" and fill.exec_type != "Funding":
            signed[by_order[fill.order_id]] += fill.qty if fill.side == "Buy" else -fill.qty
    for idx, leg in life.account.legs.items():
        assert signed[idx] == leg.signed
        assert leg.size >= 0
        assert leg.entry_value >= 0
        assert (leg.side == "") == (leg.size == 0) == (leg.entry_value == 0)
        assert leg.side in ("", {1: "Buy", 2: "Sell"}.get(idx, ""))
        assert leg.open_fee >= 0


def check_orders(account: Account) -> None:
    """Open orders have something left, closed ones do not act, and nothing filled more than it asked."""
    for order in account.orders.values():
        assert order.status in OPEN
        assert order.leaves > 0
    for order in account.closed:
        assert order.status not in OPEN
        if order.quote_budget is None:
            assert order.cum_qty <= order.qty
        else:
            assert order.quote_budget >= 0
    for coin in ("BTC", "USDT"):
        assert account.locked(coin) >= 0


@settings(max_examples=120, deadline=None)
@given(LIVES)
def test_books_balance(steps: list[Deed]):
    """To the last digit, after every single thing that happened."""
    life = Life()
    for step in steps:
        life.live(step)
        check(life)


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_the_calm_box_hides_nothing(steps: list[Deed]):
    """A venue that skips what cannot matter tells exactly the story of one that looks at everything on every tick."""
    calm, restless = Life(), Life(restless=True)
    for step in steps:
        calm.live(step)
        restless.live(step)
        assert told(restless.venue.drain()) == told(calm.venue.drain())
    assert restless.venue.state.mint.last_seq == calm.venue.state.mint.last_seq


@settings(max_examples=30, deadline=None)
@given(LIVES)
def test_the_same_life_twice(steps: list[Deed]):
    """Same seed, same calls, same bytes; the caller's own decimal context changes nothing."""
    first, second = Life(), Life()
    for step in steps:
        first.live(step)
    with localcontext() as context:
        context.prec = 6
        for step in steps:
            second.live(step)

    assert told(first.venue.drain()) == told(second.venue.drain())


def told(pushes: list[Push]) -> list[tuple[str, str, int, str]]:
    return [(push.account or "", push.topic, push.at_ms, repr(push.rows)) for push in pushes]
