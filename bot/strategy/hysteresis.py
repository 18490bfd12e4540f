"""A level that rises at its threshold and falls later: one rule for volatility, funding, LTV and margin.

With `rise` = how many thresholds the value has reached and `hold` = how many of the lower, leaving thresholds it still
reaches, the level is the previous one clamped into [rise, hold]. It cannot flap while the value stays between the two.
"""


def reached(value: float, first: float, second: float, third: float, fourth: float) -> int:
    """How many of four ascending thresholds `value` has reached (value >= threshold): 0 .. 4. NaN reaches none."""
    if not value >= first:
        return 0
    if not value >= second:
        return 1
    if not value >= third:
        return 2
    return 4 if value >= fourth else 3


def exceeded(value: float, first: float, second: float, third: float, fourth: float) -> int:
    """How many of four ascending thresholds `value` lies strictly above: 0 .. 4. NaN exceeds none."""
    if not value > first:
        return 0
    if not value > second:
        return 1
    if not value > third:
        return 2
    return 4 if value > fourth else 3


def settle(previous: int, rise: int, hold: int) -> int:
    """The previous level clamped into [rise, hold]; a negative previous level (none yet) gives `rise`."""
    if previous < rise:
        return rise
    if previous > hold:
        return hold
    return previous
