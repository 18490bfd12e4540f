"""The hour in memory."""

from __future__ import annotations

from bot.monitoring.trail import Trail
from tests.build import NOW_MS, a_view


def test_one_point_a_second_and_an_hour_at_most() -> None:
    """Two looks in a second leave one point; the oldest leaves when the hour is full."""
    trail = Trail()

    for half_seconds in range(2 * 3_700):
        trail.offer(a_view(now_ms=NOW_MS + half_seconds), now_s=half_seconds / 2)
    doc = trail.document()

    assert len(doc["points"]) == 3_600
    assert doc["points"][0][0] == NOW_MS + 200
    assert doc["columns"] == ["at_ms", "delta_btc", "target_delta_btc", "band_btc", "mark_usdt"]
    assert doc["points"][-1] == (NOW_MS + 7_398, "0.000", "0", "0.010", "116000")
