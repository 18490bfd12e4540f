#!/usr/bin/env python
"""Write the table of known faults into docs/traceability.md: each fault, what injects it here, and the tests that show it is borne.

Faults are listed in tests/faults.txt; diaries in tests/scenarios carry their numbers as marks; the simulator's catalogue says what it
reproduces. Run it after any of the three changed: `.venv/bin/python -m scripts.traceability`. A test compares the page with it.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bot.simulator.catalogue import CATALOGUE
from scripts.settings_docs import between

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "traceability.md"
TESTS = ROOT / "tests"
FAULTS = TESTS / "faults.txt"


class Row(NamedTuple):
    """One line of tests/faults.txt. `excuse` begins with "open:" or "n/a:" and is empty where tests are named."""

    number: int
    fault: str
    named: tuple[str, ...]
    excuse: str


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help tells and writes nothing
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """`text` with its generated part written anew. LookupError where a test that is named does not exist."""
    lines = ["| | fault | injected here by | shown by |", "|---|---|---|---|"]
    told = 0
    rows = listed()
    for row in rows:
        shown = [*marked().get(row.number, ()), *(place(name) for name in row.named)]
        told += bool(shown)
        cells = [f"`{each}`" for each in dict.fromkeys(shown)]
        if row.excuse:
            cells.append(row.excuse.replace("open:", "**open:**", 1).replace("n/a:", "not applicable:", 1))
        lines.append(f"| {row.number} | {row.fault} | {', '.join(injections(row.number))} | {'<br>'.join(cells)} |")
    count = (
        f"{told} of {len(rows)} are shown by a test, {sum(row.excuse.startswith('n/a') for row in rows)} do not apply, "
        f"{sum(row.excuse.startswith('open') for row in rows)} are open in whole or in part."
    )
    return between(text, "faults", "\n".join([count, "", *lines]))


def listed() -> list[Row]:
    """The rows of tests/faults.txt, in order."""
    rows = []
    for line in FAULTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        number, fault, shown = (part.strip() for part in line.split("|"))
        is_excuse = shown.startswith(("open:", "n/a:"))
        rows.append(Row(int(number), fault, () if is_excuse else tuple(shown.split()), shown if is_excuse else ""))
    return rows


def place(name: str) -> str:
    """ "FILE:NAME" or "NAME" without test_ as "unit/exchange/test_rest.py::test_name", which must exist once."""
    file, _, short = name.rpartition(":")
    found = [
        where for where in stories() if where.endswith(f"::test_{short}") and (not file or f"{file}::" in f"/{where}")
    ]
    if len(found) != 1:
        raise LookupError(f"tests/faults.txt names {name}, and there are {len(found)} such tests: {found}")
    return found[0]


def injections(number: int) -> list[str]:
    """The misfortunes of the simulator that reproduce the fault."""
    return [f"`{fault.name}`" for fault in CATALOGUE.values() if number in fault.numbers]


@cache
def stories() -> tuple[str, ...]:
    """Every test of ours, as its path below tests/ and its name."""
    return tuple(f"{where}::{node.name}" for where, node in _functions())


@cache
def marked() -> dict[int, tuple[str, ...]]:
    """Number -> the tests that carry `pytest.mark.fault(number)`, on themselves or on one of their cases."""
    found: dict[int, list[str]] = {}
    for where, node in _functions():
        tables = _tables(where)
        names = {
            each.id for decorator in node.decorator_list for each in ast.walk(decorator) if isinstance(each, ast.Name)
        }
        for table in (*node.decorator_list, *(tables[name] for name in names & tables.keys())):
            for number in _numbers(table):
                found.setdefault(number, []).append(f"{where}::{node.name}")
    return {number: tuple(dict.fromkeys(tests)) for number, tests in found.items()}


@cache
def _tables(where: str) -> dict[str, ast.expr]:
    """The tables of cases that a file of tests gives a name."""
    return {
        target.id: node.value
        for node in ast.parse((TESTS / where).read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _numbers(node: ast.AST) -> Iterator[int]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault":
            for argument in call.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, int):
                    yield argument.value


@cache
def _functions() -> tuple[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef], ...]:
    return tuple(
        (path.relative_to(TESTS).as_posix(), node)
        for path in sorted(TESTS.rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and re.match("test_", node.name)
    )


if __name__ == "__main__":
    main()
