"""The shape of a JSON message: its keys and the JSON types under them, and where two shapes part."""

from __future__ import annotations

from typing import Any

__all__ = ["differences"]

OPEN_MAPS = frozenset({"cumFeeDetail"})
"""Objects whose keys are data (coins), not names."""


def differences(example: Any, ours: Any, where: str = "") -> list[str]:
    """Where `ours` is not shaped like `example`: missing and extra keys, other JSON types, lists that ought to have rows.

    Rows of a list are held against the example's row that is nearest to them.
    """
    if isinstance(example, dict) and isinstance(ours, dict):
        return _of_objects(example, ours, where)
    if isinstance(example, list) and isinstance(ours, list):
        return _of_lists(example, ours, where)
    if _kind(example) != _kind(ours):
        return [f"{where}: {_kind(ours)} for {_kind(example)}"]
    return []


def _of_objects(example: dict[str, Any], ours: dict[str, Any], where: str) -> list[str]:
    if where.rpartition(".")[2] in OPEN_MAPS:
        kinds = {_kind(value) for value in example.values()}
        return [f"{where}: values of another kind" for value in ours.values() if kinds and _kind(value) not in kinds]
    found = [f"{where}.{name} missing" for name in example if name not in ours]
    found += [f"{where}.{name} extra" for name in ours if name not in example]
    for name in example:
        if name in ours:
            found += differences(example[name], ours[name], f"{where}.{name}")
    return found


def _of_lists(example: list[Any], ours: list[Any], where: str) -> list[str]:
    if not example:
        return []
    if not ours:
        return [f"{where}[] empty"]
    found: list[str] = []
    for row in ours:
        nearest = min((differences(each, row, f"{where}[]") for each in example), key=len)
        found += [difference for difference in nearest if difference not in found]
    return found


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
