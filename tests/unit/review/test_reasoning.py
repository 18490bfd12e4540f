"""A decision told stage by stage, from the journal or on figures of one's own."""

from __future__ import annotations

import json
import math
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from bot.domain.events import JournalSeen
from bot.review.reasoning import Figures, explained, thought
from tests.unit.engine.desk import Desk
from tests.unit.journal.told import CONFIG, a_days_desk, open_day

SEED = Figures(
    spot=0.27,
    long=D("0.213"),
    short=D("0.213"),
    price=116_000.0,
    vol=0.03,
    funding=0.0001,
    interval_h=8.0,
    loan=16_200.0,
    margin=14_000.0,
    maintenance=900.0,
    is_settled=False,
)


def legs(document: dict[str, Any]) -> tuple[Any, Any]:
    return document["trade"].get("long"), document["trade"].get("short")


def test_the_original_book_is_answered_as_the_daemon_answers_it() -> None:
    """The same code, the same legs: long 0.051, short 0.321, and every stage says what it was given and passed on."""
    document = thought(SEED, CONFIG)

    assert ("hedge", ("0.213 -> 0.051", "0.213 -> 0.321")) == (document["decision"]["outcome"], legs(document))
    assert [("user", 0.27, 0.0), ("volatility", 0.0, 0.0), ("funding", 0.0, 0.0), ("ltv floor", 0.0, 0.0)] == [
        (s["stage"], s["target_in"], s["target_out"]) for s in document["stages"][:4]
    ]
    assert "middle volatility" == document["stages"][1]["reason"]
    assert json.dumps(document, allow_nan=False)


CASES = [
    # name, figures, outcome, reason
    ("price is impossible", {"price": 0.0}, "refuse", "the price is unknown or impossible"),
    ("spot is impossible", {"spot": 1e9}, "refuse", "the BTC to protect is unknown or impossible"),
    ("spot is not a number", {"spot": math.nan}, "refuse", "the BTC to protect is unknown or impossible"),
    ("price is not a number", {"price": math.nan}, "refuse", "the price is unknown or impossible"),
    ("volatility is not a number", {"vol": math.nan}, "refuse", "volatility is unknown and there is no earlier level to keep"),
    ("legs are on target", {"long": D(0), "short": D("0.270")}, "hold", "delta is on target to the last step"),
    ("inside the band", {"long": D(0), "short": D("0.265"), "is_settled": True}, "hold", "the gap is inside the no-trade band"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "change", "outcome", "reason"), CASES, ids=[case[0] for case in CASES])
def test_figures_that_do_not_trade_say_why(name: str, change: dict[str, Any], outcome: str, reason: str) -> None:
    """A refusal and a hold are answers with a reason, never a trade by accident."""
    document = thought(SEED._replace(**change), CONFIG)

    assert (outcome, reason) == (document["decision"]["outcome"], document["decision"]["reason"])
    assert (None, None) == legs(document | {"trade": document.get("trade", {})})


def test_unknown_funding_never_grows_risk() -> None:
    """Delta is below its target: to come back means to uncover, and that needs to know what it costs."""
    document = thought(SEED._replace(funding=math.nan, long=D(0), short=D("0.213")), CONFIG)

    assert "UNKNOWN" == document["inputs"]["market"]["funding_regime"]
    assert "funding is unknown, the last multiplier stays" == document["stages"][2]["reason"]
    assert 0.0 <= document["trade"]["leaves_delta"] < document["trade"]["delta"]


def test_a_decision_is_explained_with_what_followed(tmp_path: Path) -> None:
    """Inputs, stages, the two orders, their fills, and that nothing was left."""
    with open_day(tmp_path) as journal:
        document = explained(journal, "1")

    assert document is not None
    assert "the same, bit for bit" == document["decision"]["taken_again"]
    assert ["r1-1Ls", "r1-2Sg"] == [order["order"] for order in document["orders"]]
    assert [D("0.162"), D("0.108")] == [fill["qty"] for fill in document["fills"]]
    assert (D("0.270"), 0.0) == (document["execution"]["filled"], document["execution"]["maker_share"])
    assert {"hedge": "reached: leg targets reached", "delta": D(0), "gap": D(0), "fees": D("17.226")} == document[
        "left"
    ]


def test_a_hedge_that_was_cut_short_says_what_is_left(tmp_path: Path) -> None:
    """The long leg was cut, the short one could not grow: 0.108 BTC still stand uncovered."""
    desk = Desk(CONFIG)
    desk.start()
    desk.accept(desk.orders[0])
    desk.hear(JournalSeen(writable=False, reason="the journal cannot be written: full"))
    desk.fill(desk.orders[0])
    desk.pulse(200)
    with open_day(tmp_path, desk) as journal:
        document = explained(journal, "1")

    assert document is not None
    assert ("given up: it took too long", D("0.108"), D("-0.108")) == tuple(
        document["left"][name] for name in ("hedge", "delta", "gap")
    )


def test_a_decision_without_orders_says_so(tmp_path: Path) -> None:
    """The last of the day held."""
    with open_day(tmp_path, a_days_desk(1)) as journal:
        document = explained(journal, None)

    assert document is not None
    assert ("hold", "no order was wanted") == (document["decision"]["outcome"], document["left"]["hedge"])
    assert "orders" not in document


def test_no_such_decision(tmp_path: Path) -> None:
    """Nothing is made up."""
    with open_day(tmp_path) as journal:
        assert explained(journal, "77") is None
