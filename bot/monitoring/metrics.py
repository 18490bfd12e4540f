"""Prometheus: the same picture as numbers, read at the moment of the scrape.

Units are Prometheus' own (seconds, ratios) or the desk's (btc, usdt), and stand in the name. What is unavailable is absent, never zero.
A counter shows every label it can have from the first scrape on: Prometheus cannot see an increase from absent to one.
Ages and times are market time. Names follow prometheus.io "Metric and label naming".
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bot.domain.commands import Mode, Outcome
from bot.domain.orders import OrderState
from bot.domain.view import BotView
from bot.monitoring import health
from bot.monitoring.pulse import Vitals

__all__ = ["Metrics", "Tally"]

Number = Decimal | float | int | None


class Tally:
    """Counts things as they pass through the short lists of the view: each (thing, label) once.

    The first view is where counting begins: what it already lists happened before this process looked, and is not counted.
    """

    _REMEMBERED = 4_096

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._known: set[tuple[object, str]] = set()
        self._oldest_first: deque[tuple[object, str]] = deque()
        self._begun = False

    def see(self, things: Iterable[tuple[object, str]]) -> None:
        """Take in (identity, label) pairs, oldest first; a pair seen before is not news."""
        for pair in things:
            if pair in self._known:
                continue
            self._known.add(pair)
            self._oldest_first.append(pair)
            if self._begun:
                self.counts[pair[1]] += 1
        while len(self._oldest_first) > self._REMEMBERED:
            self._known.discard(self._oldest_first.popleft())
        self._begun = True


class Metrics(Collector):
    """A collector over the view, in a registry of its own."""

    def __init__(self, view: Callable[[], BotView], vitals: Callable[[], Vitals], clients: Callable[[], int]) -> None:
        self._view = view
        self._vitals = vitals
        self._clients = clients
        self._orders = Tally()
        self._decisions = Tally()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(pid=lambda: vitals().pid, registry=self._registry)
        PlatformCollector(registry=self._registry)

    def see(self, view: BotView) -> None:
        """Count what is new in `view`; called at every beat, so that nothing passes between two scrapes."""
        self._orders.see((order.order_link_id, order.state) for order in reversed(view.orders))
        self._decisions.see((decided.number, decided.outcome.value) for _, decided in reversed(view.decisions))

    def page(self, accept: str) -> tuple[bytes, str]:
        """The exposition and its content type, in the format that `accept` asks for."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type

    def collect(self) -> Iterator[Metric]:
        view, vitals = self._view(), self._vitals()
        self.see(view)
        yield from _about(view)
        yield from _market(view)
        yield from _book(view)
        yield from _rates(view)
        yield from _money(view)
        yield from _profit(view)
        yield from _wellbeing(view, vitals)
        yield from _process(vitals, self._clients())
        orders = dict.fromkeys((state.value for state in OrderState), 0) | self._orders.counts
        yield _counter("orders", "Orders by the state they reached, since this process began to look", "state", orders)
        decisions = dict.fromkeys((outcome.value for outcome in Outcome), 0) | self._decisions.counts
        yield _counter("decisions", "Decisions by outcome, since this process began to look", "outcome", decisions)


def _gauge(name: str, text: str, value: Number) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"hedgelock_{name}", text)
    if value is not None:
        family.add_metric([], float(value))
    return family


def _gauges(name: str, text: str, label: str, values: dict[str, Number]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"hedgelock_{name}", text, labels=[label])
    for key, value in values.items():
        if value is not None:
            family.add_metric([key], float(value))
    return family


def _counter(name: str, text: str, label: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"hedgelock_{name}", text, labels=[label])
    for key, count in counts.items():
        family.add_metric([key], count)
    return family


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _about(view: BotView) -> Iterator[Metric]:
    build = {"version": view.version, "world": view.world, "symbol": view.symbol, "run": view.run}
    yield InfoMetricFamily("hedgelock_build", "What runs, and in which world", value=build)
    modes: dict[str, Number] = {mode.value: int(mode is view.mode) for mode in Mode}
    yield _gauges("mode", "1 for the present mode, 0 for the others", "mode", modes)
    yield _gauge(
        "market_time_seconds", "Market time, Unix seconds; the tape's own date in paper mode", view.now_ms / 1000
    )
    yield _gauge("speed_ratio", "Market seconds per real second", view.speed)


def _market(view: BotView) -> Iterator[Metric]:
    market = view.market
    prices: dict[str, Number] = {
        "last": market.last,
        "mark": market.mark,
        "index": market.index,
        "bid": market.bid,
        "ask": market.ask,
    }
    yield _gauges("price_usdt", "Price of one BTC in USDT, by kind", "kind", prices)
    yield _gauge("price_age_seconds", "Age of the newest price, market time", _seconds(market.age_ms))
    yield _gauge("price_stale", "1 when the price is too old to grow a leg on", market.stale)


def _book(view: BotView) -> Iterator[Metric]:
    book, target = view.book, view.target
    yield _gauge("spot_btc", "BTC held as collateral", book.spot)
    yield _gauges("leg_btc", "Absolute size of a perp leg", "leg", {"long": book.long.qty, "short": book.short.qty})
    wanted: dict[str, Number] = {"long": target.long_qty, "short": target.short_qty}
    yield _gauges("leg_target_btc", "Absolute size of a perp leg that is aimed at", "leg", wanted)
    yield _gauge("delta_btc", "Net delta: spot + long - short", book.delta)
    yield _gauge("target_delta_btc", "Delta that is aimed at", target.delta)
    yield _gauge("gap_btc", "Target less delta; negative: delta must fall", target.gap)
    yield _gauge("band_btc", "Half-width around the target in which nothing is traded", target.band)
    yield _gauge("hedge_ratio", "Share h of a trade that goes to the short leg", target.hedge_ratio)
    yield _gauge("hedging", "1 while a hedge is in motion", target.hedging)
    yield _gauge("cover_ratio", "(short - long) / spot", book.cover)
    yield _gauge(
        "reconciled_age_seconds", "Since books and venue were last found equal", _seconds(book.reconciled_age_ms)
    )


def _rates(view: BotView) -> Iterator[Metric]:
    volatility, funding = view.volatility, view.funding
    sigmas: dict[str, Number] = {"raw": volatility.raw, "smoothed": volatility.smoothed, **volatility.estimators}
    yield _gauges("volatility_ratio", "Volatility per 24 h, as a fraction", "kind", sigmas)
    readings: dict[str, Number] = {**volatility.estimators}
    yield _gauges("volatility_estimate_ratio", "Volatility per 24 h by estimator, as a fraction", "estimator", readings)
    yield _gauge("volatility_jump_share_ratio", "Share of the variance that came in jumps", volatility.jump_share)
    yield _gauge("volatility_bars", "Closed candles in the volatility window", volatility.bars)
    yield _gauges("volatility_regime", "1 for the present regime", "regime", {volatility.regime: 1})
    yield _gauge("funding_rate_ratio", "Funding rate per interval; positive: longs pay shorts", funding.rate)
    yield _gauge("funding_apr_ratio", "Funding per year, simple", funding.apr)
    averages: dict[str, Number] = {
        "deciding": funding.deciding_apr,
        "24h": funding.average_24h_apr,
        "7d": funding.average_7d_apr,
    }
    yield _gauges("funding_average_apr_ratio", "Funding per year, averaged", "over", averages)
    yield _gauge("funding_per_day_usdt", "What the legs earn a day at the deciding rate", funding.per_day)
    yield _gauge("funding_should_exit", "1 while the book pays EXTREME funding", funding.should_exit)
    yield _gauges("funding_regime", "1 for the present regime", "regime", {funding.regime: 1})
    outside = {funding.outside_regime: 1} if funding.outside_regime else {}
    yield _gauges("funding_outside_regime", "1 for the regime that another system names", "regime", {**outside})
    due_ms = None if funding.next_ms is None else funding.next_ms - view.now_ms
    yield _gauge("funding_due_seconds", "Until the next funding payment, market time", _seconds(due_ms))
    yield _gauge(
        "funding_next_payment_usdt",
        "Next payment at the present rate and legs; positive: received",
        funding.next_payment,
    )


def _money(view: BotView) -> Iterator[Metric]:
    loan, pnl = view.loan, view.pnl
    yield _gauge("loan_debt_usdt", "USDT owed", loan.debt)
    yield _gauge("loan_ltv_ratio", "Loan-to-value that the ladder looks at", loan.ltv)
    yield _gauge("loan_interest_per_day_usdt", "Interest per day at the present rate", loan.interest_per_day)
    yield _gauge("maintenance_margin_ratio", "Maintenance margin rate of the account; 1 is liquidation", loan.mm_rate)
    yield _gauge("equity_usdt", "Equity of the account", loan.equity)
    yield _gauges("loan_rung", "1 for the present rung of the LTV ladder", "rung", {loan.rung: 1})
    yield _gauges("margin_rung", "1 for the present rung of the margin ladder", "rung", {loan.margin_rung: 1})
    prices: dict[str, Number] = {"below": loan.liquidation_down, "above": loan.liquidation_up}
    away: dict[str, Number] = {"below": loan.distance_down, "above": loan.distance_up}
    yield _gauges("liquidation_price_usdt", "Price at which something is liquidated, all else as it is", "side", prices)
    yield _gauges("liquidation_distance_ratio", "How far away that is, of the present price", "side", away)
    yield _gauge("loan_paid_usdt", "Repaid to date", loan.paid_to_date)
    parts: dict[str, Number] = {
        "realised": pnl.realised,
        "unrealised": pnl.unrealised,
        "funding": pnl.funding,
        "fees": -pnl.fees,
    }
    yield _gauges("pnl_part_usdt", "Parts of the perps' profit; they add up to hedgelock_pnl_usdt", "part", parts)
    yield _gauge("pnl_usdt", "Profit of the perps since the books began", pnl.total)


def _profit(view: BotView) -> Iterator[Metric]:
    profit, execution = view.profit, view.execution
    yield _gauge("profit_cycle_usdt", "Net perp profit of the present cycle", profit.pnl)
    yield _gauge("profit_peak_usdt", "Its highest", profit.peak)
    yield _gauge("profit_armed", "1 once the trailing stop is armed", profit.armed)
    yield _gauge("profit_stop_usdt", "Profit at or below which the trailing stop fires", profit.stop_at)
    yield _gauge("profit_target_price_usdt", "Price at which the profit target fires", profit.target_price)
    yield CounterMetricFamily(
        "hedgelock_profit_realised_usdt", "Profit turned into cash, net", value=float(profit.realised)
    )
    yield _gauges("market_regime", "1 for the present regime of the book", "regime", {profit.regime: 1})
    yield _gauge("slippage_ratio", "Fills against the mid at the hedge's begin, last hedges", execution.slippage)
    yield _gauge("maker_share_ratio", "Share of the last hedges' size that was made", execution.maker_share)


def _wellbeing(view: BotView, vitals: Vitals) -> Iterator[Metric]:
    state = view.health
    verdicts: dict[str, Number] = {
        "live": health.live(vitals).ok,
        "ready": health.ready(view).ok,
        "trading": health.trading(view).ok,
    }
    yield _gauge("latch_closed", "1 while the halt latch is closed", bool(view.latch))
    yield _gauges("health", "1 when the verdict is well", "verdict", verdicts)
    yield _gauges("stream_up", "1 when the stream is connected and fresh", "stream", {**state.streams})
    yield _gauge("unknown_orders", "Orders that left and that nobody has answered for", state.unknown_orders)
    yield _gauge("reconcile_failures", "Readings of the account that failed in a row", state.reconcile_failures)
    yield _counter("bad_inputs", "Inputs that were dropped as unusable, by kind", "kind", state.bad_inputs)
    yield CounterMetricFamily("hedgelock_records", "Records folded", value=state.records)


def _process(vitals: Vitals, clients: int) -> Iterator[Metric]:
    depths: dict[str, Number] = {name: queue.depth for name, queue in vitals.queues.items()}
    limits: dict[str, Number] = {name: queue.limit for name, queue in vitals.queues.items()}
    lag, worst = vitals.loop_lag_ms, vitals.worst_loop_lag_ms
    yield _gauge("up_seconds", "Real time since the process began", vitals.up_s)
    yield _gauge("loop_lag_seconds", "How late the event loop ran, real time", None if lag is None else lag / 1000)
    yield _gauge("loop_lag_worst_seconds", "The worst of the last minute", None if worst is None else worst / 1000)
    yield _gauges("queue_depth", "Things waiting in a queue", "queue", depths)
    yield _gauges("queue_limit", "Things a queue may hold", "queue", limits)
    yield _gauge("stream_clients", "Pages listening to the dashboard's stream", clients)
