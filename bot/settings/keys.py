"""Every setting as a row: the one source of `.env.example`, config/README.md, `hedgelock config` and error messages.

Knows how to read names, types, ranges, units and readers off the settings model.
Does not know any particular key; add keys in `sections`, and they appear everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from bot.settings.variables import PREFIX, Variable, nearest

__all__ = ["Key", "describe", "effective", "explain"]

_KINDS = {str: "text", bool: "yes or no", int: "integer", float: "number", Decimal: "decimal", SecretStr: "secret"}

_WANTED = {
    "text": "text",
    "secret": "a secret",
    "yes or no": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "decimal": "a decimal number",
}


class Key(NamedTuple):
    """One setting, as a person needs to know it. Texts are ready to print."""

    name: str  # HEDGELOCK__HEDGE__BAND_BTC
    path: tuple[str, ...]  # ("hedge", "band_btc")
    kind: str  # text, integer, number, decimal, choice, secret
    default: str
    allowed: str  # "0.001 to 1", "paper, testnet, demo, mainnet" or ""
    unit: str
    room: str  # who reads it
    what: str

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret"

    @property
    def hint(self) -> str:
        """What it is, what it may be and its default, in one line."""
        allowed = f" ({self.allowed}{' ' + self.unit if self.unit else ''})" if self.allowed else ""
        return f"{self.what}{allowed}{f' [{self.default}]' if self.default else ''}"

    def facts(self) -> dict[str, str]:
        """Everything a script may want to know about it besides name and value."""
        fields = ("kind", "default", "allowed", "unit", "room", "what")
        return {field: getattr(self, field) for field in fields}


def describe(model: type[BaseModel], path: tuple[str, ...] = ()) -> list[Key]:
    """Every key of a settings model, in the order they are written."""
    rows: list[Key] = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            rows += describe(inner, (*path, name))
        else:
            rows.append(_row((*path, name), field))
    return rows


def effective(settings: BaseModel, found: Mapping[str, Variable]) -> list[tuple[Key, str, str]]:
    """(key, value, source) of every setting in force; a secret's value is hidden."""
    rows = []
    for row in describe(type(settings)):
        value: Any = settings
        for name in row.path:
            value = getattr(value, name)
        rows.append((row, _text(value), found[row.name].source if row.name in found else "default"))
    return rows


def explain(error: ValidationError, model: type[BaseModel], found: Mapping[str, Variable]) -> list[str]:
    """One sentence per problem: the variable, its value (never a secret's), and what would be allowed."""
    rows = {row.path: row for row in describe(model)}
    sentences = []
    for problem in error.errors(include_url=False):
        cause = problem.get("ctx", {}).get("error")
        row = rows.get(tuple(str(part) for part in problem["loc"]))
        if row is None:  # a rule between keys names them itself
            sentences.append(str(cause or problem["msg"]))
            continue
        text, source = found.get(row.name, Variable(row.default, "default"))
        shown = "" if row.is_secret else f" = {text!r}"
        reason = _reason(problem["type"], row, text) if cause is None else str(cause)
        sentences.append(f"{row.name}{shown} ({source}) {reason}")
    return sentences


def _row(path: tuple[str, ...], field: FieldInfo) -> Key:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    choices = _choices(field.annotation)
    low, high = (_bound(field, side) for side in ("ge", "le"))
    return Key(
        name=PREFIX + "__".join(path).upper(),
        path=path,
        kind="choice" if choices else _KINDS[field.annotation],  # type: ignore[index]
        default=_text(field.default),
        allowed=", ".join(choices) or (f"{low} to {high}" if low else ""),
        unit=str(extra.get("unit", "")),
        room=str(extra.get("room", "")),
        what=field.description or "",
    )


def _choices(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return tuple(map(str, get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return tuple(str(member.value) for member in annotation)
    return ()


def _bound(field: FieldInfo, side: str) -> str:
    found = [getattr(rule, side) for rule in field.metadata if hasattr(rule, side)]
    return _text(found[0]) if found else ""


def _text(value: object) -> str:
    match value:
        case SecretStr():
            return "********" if value.get_secret_value() else ""
        case Enum():
            return str(value.value)
        case bool():
            return str(value).lower()
        case Decimal():
            return format(value, "f")
        case float():
            return format(value, "g") if value < 1e6 else str(int(value))
        case _:
            return str(value)


def _reason(kind: str, row: Key, text: str) -> str:
    unit = f" {row.unit}" if row.unit else ""
    if row.kind == "choice":
        return f"is not one of {row.allowed}{nearest(text.lower(), row.allowed.split(', '))}"
    if kind.startswith(("greater_than", "less_than")):
        return f"is out of range: allowed {row.allowed}{unit} (default {row.default})"
    return f"is not {_WANTED[row.kind]}: allowed {row.allowed}{unit} (default {row.default})"
