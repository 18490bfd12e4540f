"""A world in which the price takes the way of real crashes, at the market's own pace, with the daemon's own settings.

Nothing goes wrong here but the price: requests take as long as they do, prices come once a second, the pulse beats twice. What is watched
is the lender's own LTV at every price, and what the book is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from bot import wiring
from bot.domain.events import Bar as Candle
from bot.domain.events import Ticked
from bot.domain.loan import Structure
from bot.engine.config import EngineConfig
from bot.settings import settings
from bot.simulator import loans
from bot.simulator.tape import Bar
from bot.simulator.tape import Tape as Player
from bot.simulator.venue import Tick, Venue
from tests.crashes import HISTORY_BARS
from tests.worlds import weather
from tests.worlds.lending import LoanShore, LoanWorld
from tests.worlds.tape import BAR_MS, FUNDING_RATE, Tape

__all__ = ["FallingWorld"]

D = Decimal
TICK_MS, PULSE_MS = 1000, 500
OF_FIVE_MINUTES = BAR_MS // 60_000


class CrashTape(Tape):
    """The ticks of `bars` from bar HISTORY_BARS on; what lies before is history."""

    def __init__(self, bars: tuple[Bar, ...], seed: int) -> None:
        first = bars[HISTORY_BARS]
        super().__init__(Random(0), first.at_ms, sigma=0.0, price=first.open)
        self._ticks: Iterator[Tick] = Player(bars, seed=seed, start_ms=first.at_ms, tick_ms=TICK_MS).ticks()
        self.bars = [_five(bars[at : at + OF_FIVE_MINUTES]) for at in range(0, HISTORY_BARS, OF_FIVE_MINUTES)]

    def step(self, now_ms: int) -> Tick:
        tick = next(self._ticks)
        assert tick.at_ms == now_ms
        self.tenths = int(tick.last * 10)
        self.closed_now = self._roll(now_ms)
        return replace(tick, funding_rate=FUNDING_RATE)


class FallingShore(LoanShore):
    MUST_HOLD = ()


class FallingWorld(LoanWorld):
    """0.27 BTC are pledged, `cash` USDT carry the short; `variables` are settings as an operator writes them, without the prefix."""

    SHORE = FallingShore

    def __init__(
        self,
        bars: tuple[Bar, ...],
        *,
        seed: int = 1,
        cash: str = "8000",
        short: str = "0.27",
        latency_ms: int = 60,
        **variables: str,
    ) -> None:
        self._bars, self._cash, self._short, self._variables = bars, D(cash), D(short), variables
        climate = weather.Climate(latency_ms=latency_ms)
        self.worst, self.lowest = D(0), D(10**9)
        self.trace: list[tuple[int, Decimal, Decimal]] = []
        """(market ms, index price, the lender's LTV) at every price."""
        super().__init__(seed, structure=Structure.CRYPTO_LOAN, asks=0, climate=climate)

    def _draw_config(self, settings_: dict[str, Any]) -> EngineConfig:
        said = {"HEDGE__MODE": "target", "FUNDING__MULTIPLIER": "off", "PROFIT__ACTION": "off"} | self._variables
        loaded = settings.load(environ={f"{settings.PREFIX}{name}": value for name, value in said.items()})
        return wiring.engine_config(loaded.settings, 1.0)

    def _open_venue(self) -> None:
        first, last = self._bars[HISTORY_BARS], self._bars[-1]
        self.started_ms = self.now = first.at_ms
        self.storm_ends = self.ends = last.at_ms
        self.tape = CrashTape(self._bars, self.seed)
        self.venue = Venue(seed=self.seed, now_ms=self.now)
        self.last_tick = self.tape.step(self.now)
        self.venue.step(self.last_tick)
        self.venue.open_account(
            self.ACCOUNT,
            coins={"BTC": D(0), "USDT": self._cash},
            legs={2: (self._short, None)},
            funding_coins={"BTC": self.spot},
        )
        self.account = self.venue.state.accounts[self.ACCOUNT]
        pledge = [{"currency": "BTC", "amount": str(self.spot)}]
        loan = {"loanCurrency": "USDT", "loanAmount": "16200", "collateralList": pledge}
        assert self.venue.request(self.ACCOUNT, "POST", "/v5/crypto-loan-flexible/borrow", loan).ret_code == 0
        self.venue.deposit(self.ACCOUNT, "USDT", D(-16200), "FUND")
        self.first_debt, self.first_btc = self.true_debt, self.true_btc

    def begin(self) -> None:
        self.at(self.now, self.born)
        self.at(self.now + TICK_MS, self._tick)

    def run(self) -> FallingWorld:
        """From the first price of the fall to the last. Not every invariant of a calm can hold at its end: it has none."""
        self.begin()
        self.pass_until(self.ends)
        return self

    def _tick(self) -> None:
        self.last_tick = self.tape.step(self.now)
        self.step_venue(self.last_tick)
        ltv = loans.ltv(self.venue.state, self.account.loans)
        self.worst, self.lowest = max(self.worst, ltv), min(self.lowest, self.last_tick.index)
        self.trace.append((self.now, self.last_tick.index, ltv))
        self.wires.price(self.last_tick)
        self.at(self.now + TICK_MS, self._tick)

    def _pulse(self, life: int) -> None:
        if self.life != life or self.engine is None:
            return
        self.wires.tick()
        self.hear(Ticked())
        self.at(self.now + PULSE_MS, lambda: self._pulse(life))

    @property
    def equity(self) -> Decimal:
        """Everything owned less everything owed, USDT, at the index price."""
        reply = self.venue.request(self.ACCOUNT, "GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"})
        unified = D(reply.result["list"][0]["totalEquity"])  # type: ignore[index]
        book, index = self.account.loans, self.venue.state.market.index
        pledged = book.collateral["BTC"] * index
        return unified + self.account.fund["USDT"] + pledged - loans.debt_usd(self.venue.state, book, index)

    @property
    def fees(self) -> Decimal:
        """USDT paid for trades."""
        return sum((row.fee for row in self.account.executions if row.exec_type != "Funding"), D(0))

    @property
    def was_liquidated(self) -> bool:
        """By the lender, or by the venue for want of margin."""
        by_lender = any(row.kind in (2, 6) for row in self.account.loans.repayments)
        return by_lender or any(row.type == "LIQUIDATION" for row in self.account.log)


def _five(bars: tuple[Bar, ...]) -> Candle:
    """A five-minute bar of its minutes, as the bot reads it."""
    prices = [(bar.open, bar.high, bar.low, bar.close) for bar in bars]
    opened, close = prices[0][0], prices[-1][3]
    high, low = max(price[1] for price in prices), min(price[2] for price in prices)
    values = [D(tenths) / 10 for tenths in (opened, high, low, close)]
    return Candle(
        start_ms=bars[0].at_ms, minutes=5, open=values[0], high=values[1], low=values[2], close=values[3], volume=D(1)
    )
