"""The venue: prices and requests in, answers and stream messages out, in virtual time.

One facade over the rooms that keep its rules: `intake`, `matching` and `trading` for orders, `margin` and `calm` for risk, `funding` for
what the clock brings, the `desk_*` files for requests. No asyncio, no sockets, no wall clock: the same seed and calls give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import NamedTuple

from bot.simulator import (
    calm,
    clockwork,
    desk_account,
    desk_assets,
    desk_borrow,
    desk_changes,
    desk_fixed,
    desk_loans,
    desk_market,
    desk_orders,
    desk_positions,
    desk_settings,
    liquidation,
    loans,
    matching,
    rows,
    transfers,
    wallet_rows,
)  # fmt: skip
from bot.simulator.figures import MONEY, ZERO, booked
from bot.simulator.instruments import COINS, Contract
from bot.simulator.margin import Exposure, Margin, Prices, exposure_of, prices_of
from bot.simulator.params import Ask, Refusal, Reply
from bot.simulator.rules import VenueRules
from bot.simulator.state import Account, Fate, Mint, Push, State

__all__ = ["PRIVATE_PATHS", "PUBLIC_PATHS", "Calm", "Fate", "Push", "Reply", "Tick", "Venue", "VenueRules"]

_ROUTES = (
    desk_orders.ROUTES
    | desk_changes.ROUTES
    | desk_positions.ROUTES
    | desk_account.ROUTES
    | desk_settings.ROUTES
    | desk_borrow.ROUTES
    | desk_loans.ROUTES
    | desk_fixed.ROUTES
    | desk_assets.ROUTES
)
_PUBLIC = desk_market.PUBLIC | desk_borrow.PUBLIC | desk_loans.PUBLIC | desk_fixed.PUBLIC

PRIVATE_PATHS = frozenset(_ROUTES)
"""(method, path) of every private endpoint the venue answers."""
PUBLIC_PATHS = frozenset(_PUBLIC)
"""Paths of every public endpoint the venue answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One price observation of the tape. Prices in USDT; `last` on the tick grid; `funding_rate` None = unchanged."""

    at_ms: int
    last: Decimal
    mark: Decimal
    index: Decimal
    volume: Decimal = ZERO
    """BTC traded since the previous tick."""
    funding_rate: Decimal | None = None


class Calm(NamedTuple):
    """Open bounds of every price and of the clock."""

    low: float
    high: float
    until_ms: int


class Venue:
    """A small true Bybit. Give it a tick before opening accounts with positions."""

    def __init__(self, *, seed: int, now_ms: int, rules: VenueRules | None = None) -> None:
        self.state = State(rules=rules or VenueRules(), now_ms=now_ms, seed=seed, mint=Mint(seed))
        clockwork.start(self.state)
        self._calm: calm.CalmBox | None = None
        self._exposures: dict[str, tuple[int, Exposure]] = {}
        """Of each account, and the revision they were taken at."""
        self.revision = 0
        """Grows when anything but a price may have changed: until then whatever shows neither price nor clock stays as it is."""

    @property
    def now_ms(self) -> int:
        return self.state.now_ms

    # -- accounts -------------------------------------------------------------------------------------------------------------

    def open_account(
        self,
        name: str,
        *,
        coins: Mapping[str, Decimal] | None = None,
        borrowed: Mapping[str, Decimal] | None = None,
        legs: Mapping[int, tuple[Decimal, Decimal | None]] | None = None,
        hedge_mode: bool = True,
        leverage: Decimal = Decimal(10),
        funding_coins: Mapping[str, Decimal] | None = None,
        pledged: Mapping[str, Decimal] | None = None,
        owed: Mapping[str, Decimal] | None = None,
        uid: int | None = None,
    ) -> Account:
        """Open an account as found: no trade, no fee, no log line.

        `coins`: unified wallet balances. `borrowed`: manual borrowing outstanding (spotBorrow) beside them. `legs`: positionIdx -> (size,
        entry price; None = the present mark), size negative for a one-way short. `funding_coins`: the Funding account. `pledged`, `owed`:
        a flexible Crypto Loan beside it, whatever its LTV.
        Raises ValueError for an unknown coin, a taken name, or a leg without a price.
        """
        with localcontext(MONEY):
            if name in self.state.accounts:
                raise ValueError(f"account {name!r} exists")
            account = Account(
                name=name,
                uid=uid or 100_000_000 + len(self.state.accounts) + 1,
                opened_ms=self.now_ms,
                rows=self.state.rules.history_rows,
            )
            account.hedge_mode = hedge_mode
            account.leverage = {"Buy": leverage, "Sell": leverage}
            for coin, amount in (coins or {}).items():
                account.purses[_known(coin)].balance = booked(amount)
            for coin, amount in (borrowed or {}).items():
                account.purses[_known(coin)].spot_borrow = booked(amount)
            for coin, amount in (funding_coins or {}).items():
                account.fund[_known(coin)] = booked(amount)
            for coin, amount in (pledged or {}).items():
                account.loans.collateral[_known(coin)] = booked(amount)
            for coin, amount in (owed or {}).items():
                account.loans.debts[_known(coin)].principal = booked(amount)
            for idx, (size, entry) in (legs or {}).items():
                self._open_leg(account, idx, size, entry)
            self.state.accounts[name] = account
            self._stirred()
            return account

    def _open_leg(self, account: Account, idx: int, size: Decimal, entry: Decimal | None) -> None:
        price = entry if entry is not None else self.state.market.mark
        if idx not in ((1, 2) if account.hedge_mode else (0,)) or price <= 0:
            raise ValueError(f"leg {idx} of {size} at {price} cannot be opened")
        if not size:
            return
        leg = account.legs[idx]
        leg.side = "Sell" if idx == 2 or size < 0 else "Buy"
        leg.size = abs(size)
        leg.entry_value = booked(abs(size) * price)
        leg.created_ms = leg.updated_ms = self.now_ms
        leg.seq = self.state.mint.seq()

    # -- time and price -------------------------------------------------------------------------------------------------------

    def step(self, tick: Tick) -> None:
        """Advance to a tick: first what fell due before it, then prices, fills, triggers and liquidation, then what falls due with it."""
        state, box = self.state, self._calm
        market = state.market
        market.volume = tick.volume
        if (
            box is not None
            and state.now_ms <= tick.at_ms < box.until_ms
            and box.last_low < tick.last < box.last_high
            and box.mark_low < tick.mark < box.mark_high
            and box.index_low < tick.index < box.index_high
            and not state.taken
        ):
            state.now_ms = tick.at_ms
            market.last = tick.last
            market.mark = tick.mark
            market.index = tick.index
            if tick.funding_rate is not None:
                market.funding_rate = tick.funding_rate
            return
        self._stir(tick)

    def _stir(self, tick: Tick) -> None:
        """A step on which something may happen. A settlement due with the tick uses its prices and the rate that ran before it."""
        self.revision += 1
        state = self.state
        if tick.at_ms < state.now_ms:
            raise ValueError(f"time cannot run backwards: {state.now_ms} -> {tick.at_ms}")
        with localcontext(MONEY):
            clockwork.run_until(state, tick.at_ms - 1)
            state.now_ms = tick.at_ms
            market = state.market
            market.last, market.mark, market.index = tick.last, tick.mark, tick.index
            state.taken.clear()
            for account in state.accounts.values():
                matching.match_account(state, account)
                liquidation.guard(state, account)
                loans.guard(state, account)
            clockwork.run_until(state, tick.at_ms)
            if tick.funding_rate is not None:
                market.funding_rate = tick.funding_rate
            was_left = self._calm is None or self._calm.until_ms > tick.at_ms
            self._calm = calm.draw(state, clockwork.next_due_ms(state), wider=was_left)

    def advance(self, now_ms: int) -> None:
        """Time without a price: only what the clock brings."""
        if now_ms < self.state.now_ms:
            raise ValueError(f"time cannot run backwards: {self.state.now_ms} -> {now_ms}")
        with localcontext(MONEY):
            clockwork.run_until(self.state, now_ms)
            self.state.now_ms = now_ms
            self._stirred()

    def _stirred(self) -> None:
        """Something may have changed: the calm is over."""
        self._calm = None
        self.revision += 1

    # -- requests -------------------------------------------------------------------------------------------------------------

    def permission(self, method: str, path: str, params: Mapping[str, object]) -> str:
        """The permission a key needs: "any", "Order", "Position", "SpotTrade" or "AccountTransfer"; spot orders need SpotTrade."""
        needed = _ROUTES[method, path][1]
        return "SpotTrade" if needed == "Order" and params.get("category") == "spot" else needed

    def request(self, account: str, method: str, path: str, params: Mapping[str, object]) -> Reply:
        """Answer one private request of an account. An unknown route is retCode 10017; a refusal is a Reply, never an exception."""
        route = _ROUTES.get((method, path))
        if route is None:
            return Reply(ret_code=10017, ret_msg="Route not found.")
        with localcontext(MONEY):
            try:
                reply = route[0](self.state, self.state.accounts[account], Ask(params))
            except Refusal as refusal:
                reply = refusal.reply()
        if method == "POST":
            self._stirred()
        return reply

    def public(self, path: str, params: Mapping[str, object]) -> Reply:
        """Answer one public request that the venue owns; 10017 for the others."""
        handler = _PUBLIC.get(path)
        if handler is None:
            return Reply(ret_code=10017, ret_msg="Route not found.")
        with localcontext(MONEY):
            try:
                return handler(self.state, Ask(params))
            except Refusal as refusal:
                return refusal.reply()

    @property
    def calm(self) -> Calm | None:
        """How long and between which prices a step will only move the clock, where last, mark and index are one; None: not the next."""
        box = self._calm
        if box is None or self.state.taken:
            return None
        low, high = max(box.last_low, box.mark_low, box.index_low), min(box.last_high, box.mark_high, box.index_high)
        return Calm(float(low), float(high), box.until_ms)

    def margin(self, account: str, price: Decimal | None = None) -> Margin:
        """The account's margin now, or were `price` mark and index, as figures: for those who are in the same process and need no rows."""
        with localcontext(MONEY):
            revision, exposure = self._exposures.get(account, (-1, None))
            if exposure is None or revision != self.revision:
                exposure = exposure_of(self.state.accounts[account], self.state.rules)
                self._exposures[account] = self.revision, exposure
            return exposure.at(prices_of(self.state.market) if price is None else Prices(price, price))

    @property
    def is_silent(self) -> bool:
        """Whether there is no message to drain."""
        return not self.state.outbox

    def drain(self) -> list[Push]:
        """Messages since the last call, in order."""
        pushes, self.state.outbox = self.state.outbox, []
        return pushes

    def present(self, account: str) -> list[Push]:
        """What the private topics would tell of an account as it is: open orders, legs, wallet."""
        with localcontext(MONEY):
            state, of = self.state, self.state.accounts[account]
            told = {
                "order": [rows.order_push(state, order) for order in of.orders.values()],
                "position": [rows.position_push(state, of, leg) for leg in of.live_legs()],
                "wallet": [wallet_rows.wallet_push(state, of)],
            }
        return [
            Push(account=account, channel="private", topic=topic, rows=tuple(said), at_ms=self.now_ms)
            for topic, said in told.items()
            if said
        ]

    # -- what a fault plan may do ---------------------------------------------------------------------------------------------

    def adl(self, account: str, leg: int, qty: Decimal, price: Decimal | None = None) -> str:
        """Deleverage `qty` of a leg at `price` (default: the mark); the order's id, or "" when the leg is flat."""
        with localcontext(MONEY):
            self._stirred()
            return liquidation.deleverage(self.state, self.state.accounts[account], leg, qty, price)

    def liquidate(self, account: str) -> None:
        """Liquidate the whole account now: sell for every debt, close every leg. By itself liquidation comes on the tick that carries
        the maintenance-margin rate to 100 %, and stops at the rule's target."""
        with localcontext(MONEY):
            self._stirred()
            liquidation.liquidate(self.state, self.state.accounts[account], Decimal(-1))

    def change_mode(self, account: str, *, hedge: bool) -> None:
        """Hedge or one-way mode from now on, whatever is held or open."""
        with localcontext(MONEY):
            self._stirred()
            liquidation.change_mode(self.state, self.state.accounts[account], hedge=hedge)

    def doom(self, account: str, fate: Fate) -> None:
        """Decide what becomes of the account's next order that reaches the book; fates queue up."""
        self.state.accounts[account].fates.append(fate)

    def deposit(self, account: str, coin: str, amount: Decimal, where: str = "FUND") -> None:
        """Coin from outside (amount < 0: to outside), by a hand that is not the API's. Raises Refusal where it is not there."""
        with localcontext(MONEY):
            self._stirred()
            transfers.deposit(self.state, self.state.accounts[account], coin, amount, where)

    def set_rules(self, rules: VenueRules) -> None:
        """Choose other readings of what Bybit leaves unsaid, from now on."""
        self.state.rules = rules
        self._stirred()

    def set_contract(self, category: str, **changes: object) -> Contract:
        """Change an instrument's filters while it trades (tick, lot, funding interval, status...); returns the new ones."""
        changed = replace(self.state.contracts[category], **changes)  # type: ignore[arg-type]
        self.state.contracts[category] = changed
        clockwork.reschedule(self.state)
        self._stirred()
        return changed


def _known(coin: str) -> str:
    if coin not in COINS:
        raise ValueError(f"the venue knows {', '.join(COINS)}, not {coin!r}")
    return coin
