"""Money and quantities as exact decimals.

A number arrives as text and stays exact; `""`, NaN, infinities and floats are refused here, once, so that nothing behind this door
has to doubt a Decimal. Missing is `None`, never zero.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, InvalidOperation

__all__ = ["ZERO", "BadNumber", "amount", "average", "ceil_to", "floor_to", "maybe_amount", "text"]

ZERO = Decimal(0)
_SATOSHI = Decimal("0.00000001")
_EXACT = str | int | Decimal


class BadNumber(ValueError):
    """A field that should hold a finite decimal does not; the message names the field and the text."""


def amount(raw: object, field: str = "number") -> Decimal:
    """The finite decimal in `raw` (text, int or Decimal; never float, whose digits are already lost). Raises BadNumber."""
    if not isinstance(raw, _EXACT) or isinstance(raw, bool):
        raise BadNumber(f"{field}: {raw!r} is not a decimal")
    try:
        number = Decimal(raw)
    except InvalidOperation:
        raise BadNumber(f"{field}: {raw!r} is not a decimal") from None
    if not number.is_finite():
        raise BadNumber(f"{field}: {raw!r} is not finite")
    return number


def maybe_amount(raw: object, field: str = "number") -> Decimal | None:
    """Like `amount`, but an absent value (`None` or `""`, as Bybit writes "no value") is None."""
    return None if raw is None or raw == "" else amount(raw, field)


def average(value: Decimal, quantity: Decimal) -> Decimal | None:
    """What one unit of `quantity` came to: exact where eight decimals hold it, else rounded to them. None where there is no quantity."""
    if not quantity:
        return None
    exact = value / quantity
    return exact if exact == exact.quantize(_SATOSHI) else exact.quantize(_SATOSHI)


def floor_to(number: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` (> 0) not above `number`."""
    return (number / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(number: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` (> 0) not below `number`."""
    return (number / step).to_integral_value(ROUND_CEILING) * step


def whole_steps(number: Decimal, step: Decimal) -> int:
    """How many whole `step`s fit in `number`, towards zero: rounding a quantity never makes it larger."""
    return int((number / step).to_integral_value(ROUND_DOWN))


def text(number: Decimal) -> str:
    """Plain decimal text without exponent, as Bybit wants it on the wire."""
    return format(number, "f")
