"""What Prometheus reads."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from prometheus_client.parser import text_string_to_metric_families

from bot.domain.commands import Mode, Outcome
from bot.domain.view import BotView
from bot.monitoring.metrics import Metrics, Tally
from bot.monitoring.pulse import QueueDepth, Vitals
from tests.build import NOW_MS, a_decision, a_view, an_order_view

VITALS = Vitals(up_s=60.0, loop_lag_ms=1.5, worst_loop_lag_ms=9.0, queues={"inbox": QueueDepth(depth=2, limit=4096)})


class Scraped:
    """One scrape, looked up as in PromQL: name and labels."""

    def __init__(self, metrics: Metrics) -> None:
        text = metrics.page("")[0].decode()
        self.families = list(text_string_to_metric_families(text))
        self.samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value for f in self.families for sample in f.samples
        }

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.samples.get((name, *sorted(labels.items())))


def _metrics(view: BotView) -> Metrics:
    return Metrics(lambda: view, lambda: VITALS, lambda: 3)


def test_the_numbers_of_the_desk() -> None:
    """Names with units; one value each."""
    read = Scraped(_metrics(a_view()))

    assert read("hedgelock_delta_btc") == 0.0
    assert read("hedgelock_leg_btc", leg="short") == 0.321
    assert read("hedgelock_price_usdt", kind="mark") == 116_000.0
    assert read("hedgelock_volatility_ratio", kind="smoothed") == 0.0262
    assert read("hedgelock_funding_rate_ratio") == 0.0001
    assert read("hedgelock_funding_due_seconds") == 7_020.0
    assert read("hedgelock_price_age_seconds") == 0.4
    assert read("hedgelock_loop_lag_seconds") == 0.0015
    assert read("hedgelock_queue_depth", queue="inbox") == 2.0
    assert read("hedgelock_bad_inputs_total", kind="malformed frame") == 2.0
    assert read("hedgelock_stream_clients") == 3.0


def test_exactly_one_mode_is_on() -> None:
    """An alert compares with 1; the others must be there as 0."""
    read = Scraped(_metrics(a_view(mode=Mode.BLIND)))

    assert {mode.value: float(mode is Mode.BLIND) for mode in Mode} == {
        mode.value: read("hedgelock_mode", mode=mode.value) for mode in Mode
    }


def test_unavailable_is_absent() -> None:
    """A zero delta is good news; it must not be made of ignorance."""
    view = a_view()
    read = Scraped(_metrics(replace(view, book=replace(view.book, delta=None, spot=None))))

    assert (read("hedgelock_delta_btc"), read("hedgelock_spot_btc")) == (None, None)


def test_the_parts_of_the_profit_add_up() -> None:
    """sum(hedgelock_pnl_part_usdt) is hedgelock_pnl_usdt."""
    read = Scraped(_metrics(a_view()))

    parts = [read("hedgelock_pnl_part_usdt", part=part) for part in ("realised", "unrealised", "funding", "fees")]
    assert read("hedgelock_pnl_usdt") == round(sum(part or 0 for part in parts), 8)


def test_every_family_is_documented_and_ours_are_named_alike() -> None:
    """Help on all of them; a unit or a kind at the end of the name."""
    families = Scraped(_metrics(a_view())).families

    assert [family.name for family in families if not family.documentation] == []
    ours = {family.name for family in families if family.name.startswith("hedgelock_")}
    assert len(ours) > 40


def test_orders_are_counted_by_the_state_they_reach() -> None:
    """The view lists the last few only; the counter never goes back, and nothing is counted twice."""
    seen = [a_view()]
    metrics = Metrics(lambda: seen[-1], lambda: VITALS, lambda: 0)
    metrics.see(seen[-1])

    seen.append(a_view(orders=(an_order_view("a", state="open"), *seen[0].orders)))
    metrics.see(seen[-1])
    seen.append(a_view(orders=(an_order_view("b", state="refused"), an_order_view("a", state="filled"))))
    metrics.see(seen[-1])
    metrics.see(seen[-1])
    read = Scraped(metrics)

    assert {state: read("hedgelock_orders_total", state=state) for state in ("open", "filled", "refused")} == {
        "open": 1.0,
        "filled": 1.0,
        "refused": 1.0,
    }


def test_decisions_are_counted_by_outcome() -> None:
    """One hold after the first look is one hold."""
    seen = [a_view()]
    metrics = Metrics(lambda: seen[-1], lambda: VITALS, lambda: 0)
    metrics.see(seen[-1])

    held = a_decision(2, outcome=Outcome.HOLD, gap=Decimal(0))
    seen.append(a_view(decisions=((NOW_MS, held), *seen[0].decisions)))
    read = Scraped(metrics)

    assert read("hedgelock_decisions_total", outcome="hold") == 1.0
    assert (
        read("hedgelock_decisions_total", outcome="hedge") == 0.0
    )  # present from the start: increase() needs a zero to start from


def test_a_tally_forgets_what_is_long_past() -> None:
    """Months of orders do not grow it."""
    tally = Tally()
    tally.see([])

    for number in range(10_000):
        tally.see([(number, "filled")])

    assert tally.counts["filled"] == 10_000
    assert len(tally._known) <= 4_096
