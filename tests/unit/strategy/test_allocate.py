"""Which leg moves, in whole steps."""

import pytest

from bot.strategy.allocate import NO_LIMIT, Allocation, allocate, collapse, first_leg, min_order_steps
from bot.strategy.hedge import whole_steps

CASES = [
    # name, gap BTC, h, long, short -> dL, dS
    ("the seed book", -0.27, 0.4, 213, 213, -162, 108),
    ("long leg cannot give 216", -0.27, 0.2, 213, 213, -213, 57),
    ("h 0: long first, the rest short", -0.27, 0.0, 213, 213, -213, 57),
    ("no legs yet: all on the short", -0.27, 0.4, 0, 0, 0, 270),
    ("short cannot give 78", 0.13, 0.6, 0, 50, 80, -50),
    ("one step, h rounds up", -0.0016, 0.6, 213, 213, 0, 1),
    ("one step, h rounds down", -0.0018, 0.4, 213, 213, -1, 0),
    ("two steps", -0.0024, 0.4, 213, 213, -1, 1),
    ("exactly one step", -0.0010, 0.0, 213, 213, -1, 0),
    ("less than a step", -0.0009, 0.4, 213, 213, 0, 0),
    ("grow delta", 0.0025, 0.4, 0, 1, 1, -1),
    ("off the grid", -0.2705, 0.2, 213, 213, -213, 57),
    ("h above one counts as one", -0.01, 1.7, 213, 213, 0, 10),
    ("h below zero counts as zero", -0.01, -0.3, 213, 213, -10, 0),
]


@pytest.mark.parametrize(("limit", "moves"), [(10, Allocation(0, 10)), (9, Allocation(-6, 0))])
def test_the_growing_leg_takes_the_whole_only_up_to_its_limit(limit, moves):
    """Six and four, where five is the least order and the long leg holds six: all ten on the short if it may grow by ten."""
    assert moves == allocate(-10, 0.4, 6, 50, 5, limit)


@pytest.mark.parametrize(("name", "gap", "h", "long", "short", "d_long", "d_short"), CASES, ids=[c[0] for c in CASES])
def test_allocate(name, gap, h, long, short, d_long, d_short):
    """Exact on the grid, never more than a leg holds, and a second call has nothing left to do."""
    steps = whole_steps(gap, 0.001)
    moved = allocate(steps, h, long, short, 1, NO_LIMIT)

    assert Allocation(d_long, d_short) == moved
    assert steps == moved.long_change_steps - moved.short_change_steps
    left = steps - (moved.long_change_steps - moved.short_change_steps)
    assert Allocation(0, 0) == allocate(left, h, long + d_long, short + d_short, 1, NO_LIMIT)


MINIMUMS = [
    # name, gap, h, long, short, minimum, grow limit -> dL, dS
    ("whole gap below the minimum", -4, 0.5, 213, 213, 5, NO_LIMIT, 0, 0),
    ("small growth goes to the shrinking leg", -10, 0.4, 213, 213, 5, NO_LIMIT, -10, 0),
    ("small shrink goes to the growing leg", -10, 0.8, 213, 213, 5, NO_LIMIT, 0, 10),
    ("small growth, little to shrink: all on the growing leg", -7, 0.1, 6, 0, 5, NO_LIMIT, 0, 7),
    ("small growth is fed by the shrinking leg", -12, 0.1, 11, 0, 5, NO_LIMIT, -7, 5),
    ("no growth allowed: shrink what there is", -270, 0.4, 213, 213, 1, 0, -213, 0),
    ("no growth allowed, nothing to shrink", -270, 0.4, 0, 213, 1, 0, 0, 0),
    ("growth limited: the rest is shrunk", -270, 0.6, 213, 213, 1, 100, -170, 100),
    ("growth limited below the minimum", -20, 0.5, 0, 0, 5, 3, 0, 0),
    ("no growth allowed upwards", 130, 0.6, 0, 50, 1, 0, 0, -50),
]


@pytest.mark.parametrize(
    ("name", "gap", "h", "long", "short", "least", "limit", "d_long", "d_short"),
    MINIMUMS,
    ids=[c[0] for c in MINIMUMS],
)
def test_minimums_and_limits(name, gap, h, long, short, least, limit, d_long, d_short):
    """What one leg may not do goes to the other, or stays undone."""
    assert Allocation(d_long, d_short) == allocate(gap, h, long, short, least, limit)


def test_smallest_order():
    """The larger of lot minimum and notional minimum."""
    assert min_order_steps(1, 5.0, 116000.0, 0.001) == 1
    assert min_order_steps(1, 5.0, 1000.0, 0.001) == 5
    assert min_order_steps(3, 5.0, 116000.0, 0.001) == 3
    assert min_order_steps(0, 0.0, 116000.0, 0.001) == 1


COLLAPSES = [
    ("idle pair, delta kept", 0, 213, 213, NO_LIMIT, -213, -213),
    ("seed book to neutral", -270, 213, 213, NO_LIMIT, -213, 57),
    ("neutral pair book", 0, 213, 483, NO_LIMIT, -213, -213),
    ("flatten the neutral pair book", 270, 213, 483, NO_LIMIT, -213, -483),
    ("short leg too small to give back", 0, 213, 100, NO_LIMIT, -213, -100),
    ("no growth allowed", -270, 213, 213, 0, -213, 0),
]


@pytest.mark.parametrize(
    ("name", "gap", "long", "short", "limit", "d_long", "d_short"), COLLAPSES, ids=[c[0] for c in COLLAPSES]
)
def test_collapse(name, gap, long, short, limit, d_long, d_short):
    """The long leg goes, the short leg takes delta where it should be."""
    assert Allocation(d_long, d_short) == collapse(gap, long, short, 1, limit)


def test_collapse_leaves_what_is_below_the_minimum():
    """An order the exchange would refuse is not made; at the minimum it is."""
    assert Allocation(-213, 57) == collapse(-270, 213, 213, 57, NO_LIMIT)
    assert Allocation(-213, 0) == collapse(-270, 213, 213, 58, NO_LIMIT)
    assert Allocation(0, 0) == collapse(0, 4, 4, 5, NO_LIMIT)


@pytest.mark.parametrize(
    ("d_long", "d_short", "short_first", "first"),
    [
        (-162, 108, 0, 1),
        (80, -50, 0, 2),
        (-213, -213, 0, 1),
        (-213, -213, 1, 2),
        (-1, 0, 1, 1),
        (0, 1, 0, 2),
        (0, 0, 0, 0),
    ],
)
def test_shrink_goes_before_grow(d_long, d_short, short_first, first):
    """Closing frees the margin that opening needs; in a rally the short leg's margin comes first."""
    assert first == first_leg(d_long, d_short, short_first)
