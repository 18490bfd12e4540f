"""How a request's parameters are read, and how a request is refused.

Bybit's clients send decimals as strings, sometimes as numbers, and JSON null for what they do not mean; unknown parameters are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

__all__ = ["Ask", "Refusal", "Reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A business answer; the face puts it in Bybit's envelope (retCode, retMsg, result, retExtInfo, time)."""

    ret_code: int = 0
    ret_msg: str = "OK"
    result: dict[str, Any] | None = field(default_factory=dict)
    ext: Any = field(default_factory=dict)


class Refusal(Exception):
    """The venue says no. `code` is the retCode a client will see."""

    def __init__(self, code: int, msg: str, *, result: dict[str, Any] | None = None, ext: Any = None) -> None:
        super().__init__(f"{code}: {msg}")
        self.code = code
        self.msg = msg
        self.result = result
        self.ext = ext

    def reply(self) -> Reply:
        return Reply(ret_code=self.code, ret_msg=self.msg, result=self.result or {}, ext=self.ext or {})


class Ask:
    """Reads one request's parameters. Absent, null and "" are the same; what cannot be read raises Refusal(10001)."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Mapping[str, object]) -> None:
        self._raw = raw

    def raw(self, name: str) -> object:
        value = self._raw.get(name)
        return None if value == "" else value

    def has(self, name: str) -> bool:
        return self.raw(name) is not None

    def text(self, name: str, default: str = "") -> str:
        value = self.raw(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    def need(self, name: str) -> str:
        """Text that must be there."""
        value = self.text(name)
        if not value:
            raise Refusal(10001, f"params error: {name} is required")
        return value

    def choice(self, name: str, options: tuple[str, ...], default: str = "") -> str:
        """One of `options`; absent means `default`, or a refusal when there is none."""
        value = self.text(name, default)
        if value not in options:
            raise Refusal(10001, f"params error: {name} invalid")
        return value

    def number(self, name: str) -> Decimal | None:
        """A finite decimal, or None when absent."""
        value = self.raw(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise Refusal(10001, f"params error: {name} invalid")
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            raise Refusal(10001, f"params error: {name} invalid") from None
        if not number.is_finite() or number.adjusted() > 20 or len(number.as_tuple().digits) > 36:
            raise Refusal(10001, f"params error: {name} invalid")
        return number

    def amount(self, name: str) -> Decimal:
        """A decimal that must be there and be above zero."""
        number = self.number(name)
        if number is None or number <= 0:
            raise Refusal(10001, f"params error: {name} invalid")
        return number

    def whole(self, name: str, default: int | None = None) -> int | None:
        """An integer, also written as text; `default` when absent."""
        value = self.raw(name)
        if value is None:
            return default
        try:
            return int(str(value))
        except ValueError:
            raise Refusal(10001, f"params error: {name} invalid") from None

    def flag(self, name: str) -> bool:
        """A boolean; absent is False."""
        value = self.raw(name)
        if isinstance(value, bool) or value is None:
            return bool(value)
        if str(value).lower() in ("true", "1"):
            return True
        if str(value).lower() in ("false", "0"):
            return False
        raise Refusal(10001, f"params error: {name} invalid")

    def items(self, name: str) -> list[Mapping[str, object]]:
        """A list of objects; absent is empty, a single object is a list of one."""
        value = self.raw(name)
        if value is None:
            return []
        if isinstance(value, Mapping):
            return [value]
        if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            return list(value)
        raise Refusal(10001, f"params error: {name} invalid")
