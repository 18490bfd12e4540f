"""Levels that rise at a threshold and fall later."""

import math

import pytest

from bot.strategy.hysteresis import exceeded, reached, settle


@pytest.mark.parametrize(
    ("value", "at_least", "above"),
    [
        (-1.0, 0, 0),
        (1.0, 1, 0),
        (1.5, 1, 1),
        (2.0, 2, 1),
        (3.0, 3, 2),
        (4.0, 4, 3),
        (9.0, 4, 4),
        (math.nan, 0, 0),
    ],
)
def test_counting_thresholds(value, at_least, above):
    """A threshold is reached at its value and exceeded beyond it; NaN does neither."""
    assert at_least == reached(value, 1.0, 2.0, 3.0, 4.0)
    assert above == exceeded(value, 1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("previous", "rise", "hold", "level"),
    [(-1, 2, 3, 2), (0, 1, 1, 1), (1, 1, 2, 1), (2, 1, 2, 2), (4, 1, 2, 2)],
)
def test_settling(previous, rise, hold, level):
    """The previous level stays while it lies between what the value reaches and what it still holds."""
    assert level == settle(previous, rise, hold)
