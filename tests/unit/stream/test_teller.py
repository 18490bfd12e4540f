"""What is told of a day: every trade once, a state only when it changed, and shapes that others can rely on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from bot.domain.commands import Mode, ModeChanged, Note
from bot.domain.records import Record
from bot.domain.view import BotView
from bot.engine import picture
from bot.engine.engine import Engine
from bot.review.replay import NoDiary
from bot.stream.messages import MESSAGES, HedgeTrade, MarketData, Message, PositionState, schema_name
from bot.stream.teller import Teller
from scripts.stream_schemas import schemas
from tests.unit.journal.told import CONFIG, a_days_desk


def told(records: list[tuple[Record, int]]) -> list[Message]:
    engine, teller, messages = Engine(CONFIG, NoDiary()), Teller("r1"), list[Message]()
    for number, (record, at_ms) in enumerate(records, start=1):
        engine.recover(record, at_ms)

        def look(at_ms: int = at_ms) -> BotView:
            return picture.view(engine.state, at_ms)

        messages += teller.tell(number, at_ms, record, look)
    return messages


def test_a_day_is_told() -> None:
    """Two executions are two trades of ours; the last state is the book after both, on a desk whose streams have gone quiet."""
    messages = told(a_days_desk().diary.records)

    trades = [message for message in messages if isinstance(message, HedgeTrade)]
    assert [(True, "Sell"), (True, "Sell")] == [(trade.ours, trade.side) for trade in trades]
    state = [message for message in messages if isinstance(message, PositionState)][-1]
    assert ("0.051", "0.321", "BLIND") == (str(state.long), str(state.short), state.mode)
    assert {"market_data", "funding_context", "position_states", "pnl_updates"} <= {m.topic for m in messages}


def test_what_did_not_change_is_not_told_again() -> None:
    """Prices without consequence make market data and nothing else but the profit and loss they change."""
    quiet = a_days_desk(hours=3).diary.records
    busier = a_days_desk(hours=6).diary.records

    more = Counter(m.topic for m in told(busier)) - Counter(m.topic for m in told(quiet))
    assert set(more) <= {"market_data", "pnl_updates"}


def test_a_number_that_repeats_is_a_repeat() -> None:
    """Told twice, a record makes the very same messages: a consumer can drop them by topic, run and number."""
    records = a_days_desk().diary.records
    messages = told(records)
    assert messages == told(records)

    assert {("r1", "r1")} == {(m.journal, m.run) for m in messages}
    seen = Counter((m.topic, m.number) for m in messages if isinstance(m, MarketData | HedgeTrade | PositionState))
    assert {1} == set(seen.values())


@pytest.mark.parametrize(
    ("record", "kind", "severity"),
    [
        (ModeChanged(before=Mode.TRADING, after=Mode.HALTED, reason="latched"), "mode", "critical"),
        (ModeChanged(before=Mode.TRADING, after=Mode.BLIND, reason="no stream"), "mode", "warning"),
        (Note(severity="critical", kind="books broken", text="…"), "books broken", "critical"),
    ],
)
def test_an_emergency_is_told(record: Record, kind: str, severity: str) -> None:
    """What would wake a person is on the topic that wakes people."""
    (message,) = [m for m in told([(record, 1)]) if m.topic == "emergency_actions"]
    assert {"kind": kind, "severity": severity}.items() <= msgspec.to_builtins(message).items()


def test_the_ordinary_is_no_emergency() -> None:
    """The start of trading and a remark wake nobody."""
    records: list[tuple[Record, int]] = [
        (ModeChanged(before=Mode.STARTING, after=Mode.TRADING, reason="fresh"), 1),
        (Note(severity="info", kind="remark", text="…"), 2),
    ]
    assert [] == [m for m in told(records) if m.topic == "emergency_actions"]


@pytest.mark.parametrize("shape", MESSAGES, ids=schema_name)
def test_the_schemas_are_the_shapes(shape: type[Message], root: Path) -> None:
    """What docs/schemas promises is what is sent; after a change: python -m scripts.stream_schemas."""
    name = f"{schema_name(shape)}.json"
    assert schemas()[name] == (root / "docs" / "schemas" / name).read_text(encoding="utf-8")
