"""What the log tells of a record."""

from __future__ import annotations

import pytest
import structlog

from bot import narrator
from bot.domain.events import FactsLost


@pytest.mark.parametrize(("count", "said"), [(0, []), (3, ["facts lost: the inbox overflowed"])])
def test_no_fact_is_called_lost_where_the_engine_only_stood_still(count: int, said: list[str]) -> None:
    """After every stall the log said "the inbox overflowed, count 0", as an error."""
    with structlog.testing.capture_logs() as lines:
        narrator.tell(FactsLost(count=count), 0)

    assert said == [line["event"] for line in lines]
