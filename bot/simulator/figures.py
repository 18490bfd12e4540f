"""Exact arithmetic of the venue: one decimal context, one grain of booked money, one way to print a number.

Knows how amounts are rounded and written. Does not know what they mean.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

__all__ = ["GRAIN", "MONEY", "ONE", "ZERO", "booked", "fixed", "plain"]

ZERO = Decimal(0)
ONE = Decimal(1)

# Every amount that reaches a balance is a multiple of this grain, so sums of bookings are exact to the last digit.
GRAIN = Decimal("0.00000001")

# Forty digits hold any sum of grains that a simulated account can meet; the caller's own context is never used.
MONEY = Context(prec=40, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])


def booked(amount: Decimal) -> Decimal:
    """`amount` rounded half-even to the ledger's grain; the only rounding between a formula and a balance."""
    return amount.quantize(GRAIN, None, MONEY)


def plain(number: Decimal) -> str:
    """Decimal text without exponent and without trailing zeros: "0", "0.213", "116000"."""
    if not number:
        return "0"
    return format(number.normalize(MONEY), "f")


def fixed(number: Decimal, like: Decimal) -> str:
    """Decimal text with as many places as `like` shows: fixed(Decimal("1"), Decimal("0.001")) == "1.000"."""
    return format(number.quantize(like, context=MONEY), "f")
