"""What leaves in `/api/v1/status`."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.monitoring import present
from bot.monitoring.pulse import QueueDepth, Vitals
from tests.build import a_decision, a_view

VITALS = Vitals(up_s=7200.04, loop_lag_ms=1.5, worst_loop_lag_ms=9.0, queues={"inbox": QueueDepth(depth=2, limit=4096)})

MONEY = [
    ("as people write it", "16200", "16200"),
    ("never an exponent", "1E+3", "1000"),
    ("nor a small one", "1e-8", "0.00000001"),
    ("the digits that were meant", "0.010", "0.010"),
    ("no negative zero", "-0.00", "0.00"),
    ("not a number is unavailable", "NaN", None),
]


@pytest.mark.parametrize(("name", "value", "wanted"), MONEY, ids=[case[0] for case in MONEY])
def test_money(name: str, value: str, wanted: str | None) -> None:
    """Money leaves as a plain decimal string."""
    assert wanted == present.money(Decimal(value))


def test_unavailable_is_null_and_never_zero() -> None:
    """A person who reads 0 believes it; a person who reads nothing asks."""
    view = a_view()
    view = replace(
        view,
        book=replace(view.book, spot=None, delta=None, cover=None),
        loan=replace(view.loan, debt=None, ltv=None, mm_rate=float("nan")),
    )

    doc = json.loads(present.encode(present.document(view, VITALS)))

    assert (doc["book"]["spot_btc"], doc["book"]["delta_btc"], doc["book"]["cover_ratio"]) == (None, None, None)
    assert (doc["loan"]["debt_usdt"], doc["loan"]["ltv_ratio"], doc["loan"]["mm_rate_ratio"]) == (None, None, None)


def test_the_names_are_a_promise() -> None:
    """Clients are written against these names: they may grow, they may not change."""
    doc = present.document(a_view(), VITALS)

    assert {
        "schema", "now_ms", "started_ms", "run", "version", "world", "speed", "symbol", "mode", "latch",
        "breakers", "market", "book", "target",
        "volatility", "funding", "loan", "pnl", "profit", "execution", "health", "process", "decisions", "orders",
    } == set(doc)  # fmt: skip
    assert doc["mode"] == {"name": "TRADING", "why": "streams are fresh and the books agree", "do": ""}
    assert doc["book"]["short"] == {
        "qty_btc": "0.321",
        "entry_price_usdt": "115620.50",
        "unrealised_usdt": "-121.82",
        "realised_usdt": "0",
        "fees_usdt": "6.89",
        "funding_usdt": "3.41",
    }
    assert doc["process"] == {
        "up_s": 7200.0,
        "loop_lag_ms": 1.5,
        "worst_loop_lag_ms": 9.0,
        "queues": {"inbox": {"depth": 2, "limit": 4096}},
    }


def test_a_decision_carries_every_stage_and_its_reason() -> None:
    """Why it did what it did is part of what it did."""
    doc = present.document(a_view(decisions=((1000, a_decision(7)),)), VITALS)

    decision = doc["decisions"][0]
    assert (
        decision["number"],
        decision["at_ms"],
        decision["outcome"],
        decision["gap_btc"],
    ) == (7, 1000, "hedge", "-0.27")
    assert decision["stages"][-1] == {"name": "margin", "value": None, "reason": "margin is unknown"}


def test_time_passing_is_no_news() -> None:
    """Clocks, ages and the process's own vitals move though nothing happened."""
    before = a_view()
    later = replace(before, now_ms=before.now_ms + 500, market=replace(before.market, age_ms=900))
    moved = replace(later, market=replace(later.market, last=Decimal(1)))
    vitals = replace(VITALS, up_s=9000.0, loop_lag_ms=3.0)

    first = present.fingerprints(present.document(before, VITALS))
    second = present.fingerprints(present.document(later, vitals))
    third = present.fingerprints(present.document(moved, vitals))

    assert first == second
    assert {name for name in third if third[name] != second[name]} == {"market"}
