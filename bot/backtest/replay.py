"""Full fidelity: the tape through the live engine and the simulated venue, in virtual time, order by order.

The same ticks as the kernel's (open, first extreme, other extreme, close), the same running funding rate; but orders rest, fill in part,
are refused, and travel for as long as `latency_ms` says. The debt may be inside the unified account, or a Crypto Loan beside it. Knows the
order of things along the tape; what happens at one moment is `pair`.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.backtest import book as b
from bot.backtest import kernel
from bot.backtest.ease import Foresight
from bot.backtest.lived import Faults, Lived
from bot.backtest.pair import Pair
from bot.backtest.subset import same_subset
from bot.domain.events import BarClosed, Channel, ChannelChanged, Started
from bot.engine.config import EngineConfig
from bot.strategy import ladder

__all__ = ["live", "same_subset"]

CALM = Faults()


def live(
    tape: b.Tape,
    span: b.Span,
    opening: b.Opening,
    rules: b.Rules,
    config: EngineConfig,
    *,
    faults: Faults = CALM,
    keep: bool = True,
    every_tick: bool = False,
    done: Callable[[], None] = lambda: None,
) -> Lived:
    """Play a span of the tape through engine and venue. `done` is called after each bar.

    The engine's patience with the plant is stretched to the tape's ticks: between two of them nothing can arrive. Ticks at which neither
    it nor the venue would do anything are passed over, unless `every_tick`: what is recorded is the same, but for the prices themselves.
    """
    pair = Pair(tape, span, opening, rules, config, faults, keep)
    return _Run(tape, span, rules, pair, every_tick=every_tick).through(done)


class _Run:
    """A pair on its way along the tape, and the ticks that it passes over."""

    def __init__(self, tape: b.Tape, span: b.Span, rules: b.Rules, pair: Pair, *, every_tick: bool) -> None:
        self.tape, self.span, self.pair, self.lived = tape, span, pair, pair.lived
        self.tick_ms, self.sample_ms = tape.bar_ms // kernel.TICKS, rules.sample_every_ms
        self.next_sample = pair.now // self.sample_ms * self.sample_ms
        self.foresight = Foresight(
            pair.engine, pair.venue, pair.custody, pair.ticker, pair.candles.extremes, self.tick_ms, never=every_tick
        )
        self.passed: list[int] = []
        """Numbers of the ticks that were passed over since the last one that was played: tick k of bar i is TICKS * i + k."""
        self.ended: int | None = None
        """The bar that has just closed a candle."""

    def through(self, done: Callable[[], None]) -> Lived:
        """The whole span."""
        pair, lived = self.pair, self.lived
        self._start()
        for i in range(self.span.first, self.span.last):
            self._play_bar(i)
            self.ended = i if pair.candles.closes_one(i) else None
            done()
            if lived.died_ms is not None:
                break
        if self.passed:
            self._come_back()
            lived.see(*pair.weighed(pair.price))
        end_ms = int(self.tape.at_ms[self.span.last - 1]) + self.tape.bar_ms
        if lived.died_ms is None:
            pair.venue.advance(end_ms - 1)
            lived.interest = pair.custody.interest()
            lived.weigh_time(end_ms)
        lived.sample(pair.custody.balance(end_ms if lived.died_ms is None else pair.now))
        lived.mode = pair.engine.state.mode.value
        return lived

    def _start(self) -> None:
        self.pair.hear(Started(run="bt", version="0", mode="paper", settings_hash=""))
        for channel in Channel:
            self.pair.hear(ChannelChanged(channel=channel, up=True, reason="connected"))

    def _play_bar(self, i: int) -> None:
        """The four ticks of a bar. One that stands still is played: the engine minds that, be it for long."""
        tape, first, first_ms = self.tape, kernel.TICKS * i, int(self.tape.at_ms[i])
        low, high = float(tape.low[i]), float(tape.high[i])
        moves = low < high
        if moves and self._passes_over(low, high, first_ms, first_ms + (kernel.TICKS - 1) * self.tick_ms):
            self.passed += range(first, first + kernel.TICKS)
            return
        rises = bool(tape.close[i] >= tape.open[i])
        for k in range(kernel.TICKS):
            price, at_ms = kernel.tick_price(tape, i, k, rises), first_ms + k * self.tick_ms
            if moves and self._passes_over(price, price, at_ms, at_ms):
                self.passed.append(first + k)
                continue
            self._come_back()
            self.pair.stand_at(price, at_ms)
            if moves and self._passes_again():
                self.passed.append(first + k)
                continue
            self._play_tick()
            if self.lived.died_ms is not None:
                break

    def _play_tick(self) -> None:
        """What the engine hears of the tick at which the venue stands, and what follows."""
        pair = self.pair
        self.lived.ticks += 1
        pair.hear_ticker(pair.price, pair.now)
        pair.watch()
        pair.do_what_is_due()
        if self.ended is not None:
            ended, self.ended = self.ended, None
            pair.hear(BarClosed(bar=pair.candles.ending_with(ended)))
        pair.come_to_rest()
        if pair.now >= self.next_sample:
            self._sample()
        self.foresight.look(pair.now, pair.diary.deeds)

    def _sample(self) -> None:
        self.lived.sample(self.pair.custody.balance(self.pair.now))
        self.next_sample = (self.pair.now // self.sample_ms + 1) * self.sample_ms

    # -- what is passed over ---------------------------------------------------------------------------------------------

    def _passes_over(self, low: float, high: float, first_ms: int, last_ms: int) -> bool:
        """Whether nothing comes of the ticks between these prices and moments."""
        if self.pair.is_waiting or last_ms >= self.next_sample or not self.foresight.holds(low, high, last_ms):
            return False
        return self._learns(first_ms)

    def _passes_again(self) -> bool:
        """Whether the tick at which the venue stands is nothing to the engine: a sample, or clockwork that has touched nothing of ours."""
        pair = self.pair
        if (
            pair.is_waiting
            or not pair.venue.is_silent
            or not self.foresight.outlasts(pair.price, pair.now, pair.diary.deeds)
        ):
            return False
        if not self._learns(pair.now):
            return False
        if pair.now >= self.next_sample:
            self.lived.see(*pair.weighed(pair.price))
            self._sample()
        return True

    def _learns(self, at_ms: int) -> bool:
        """Learn the bar that has closed before this moment, if one has; whether nothing comes of it."""
        if self.ended is None:
            return True
        ended, self.ended = self.ended, None
        self.pair.engine.learn(BarClosed(bar=self.pair.candles.ending_with(ended)), at_ms)
        return self.foresight.holds_bar()

    def _come_back(self) -> None:
        """Take up again after ticks that were passed over: their extremes are seen, and the last of them are heard: half a minute, and the
        last move of the price."""
        if not self.passed:
            return
        pair, passed, self.passed = self.pair, self.passed, []
        prices = kernel.tick_prices(self.tape, passed[0], len(passed))
        self.lived.ticks += len(passed)
        ends = (pair.weighed(float(price)) for price in (prices.min(), prices.max()))
        self.lived.see_path(self._moment(passed[0]), prices, *ends)
        last_move = next((n for n in range(len(passed) - 2, 0, -1) if prices[n] != prices[n + 1]), 0)
        first_heard = max(0, min(last_move, len(passed) - 1 - ladder.FALL_OVER_MS // self.tick_ms))
        for number, price in zip(passed[first_heard:], prices[first_heard:].tolist(), strict=True):
            pair.hear_ticker(price, self._moment(number))
        pair.stand_at(pair.price, pair.now)

    def _moment(self, number: int) -> int:
        i, k = divmod(number, kernel.TICKS)
        return int(self.tape.at_ms[i]) + k * self.tick_ms
