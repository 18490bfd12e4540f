"""Figures reckoned once for what they are made of: work remembered, not facts. Nothing here is journalled or folded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Figure"]

T = TypeVar("T")


class Figure(Generic[T]):
    """The last figure made, given again for as long as its parts are equal to those it was made of."""

    __slots__ = ("_figure", "_parts")

    def __init__(self) -> None:
        self._parts: tuple[Any, ...] | None = None
        self._figure: T

    def of(self, make: Callable[..., T], *parts: Any) -> T:
        """`make(*parts)`, a pure function of parts that do not change under us: the work is only done for other parts than last time."""
        if parts != self._parts:
            self._figure = make(*parts)
        self._parts = parts  # the newest of equal ones: what is the very same is compared at no cost
        return self._figure

    def __eq__(self, other: object) -> bool:
        """Two states that know the same are the same, whatever each has reckoned so far."""
        return isinstance(other, Figure)

    __hash__ = None  # type: ignore[assignment]
