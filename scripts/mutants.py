#!/usr/bin/env python
"""Ask the unit tests to notice small lies: `python -m scripts.mutants bot/strategy tests/unit/strategy --sample 60 --seed 1`.

Each mutant changes one operator, comparison, constant or condition of one function; a fork of this process installs it in the place of the
real module and runs the tests until the first failure. What survives is printed with its line. A fixed seed draws the same sample.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import os
import random
import signal
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
_SWAPS: dict[type[ast.AST], Any] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.And: ast.Or, ast.Or: ast.And, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
}
_PATIENCE_S = 240


class Place(NamedTuple):
    """The `node`-th node of a file, in ast.walk's order, and which of its changes."""

    path: Path
    node: int
    change: int


class Mutant(NamedTuple):
    """One change: the file, where in it, and both texts."""

    path: Path
    line: int
    before: str
    after: str
    tree: ast.Module


class _Lie:
    """Gives the import system the mutated module in the place of the real one."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = ".".join(mutant.path.relative_to(ROOT).with_suffix("").parts)
        self._mutant = mutant

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._mutant.path, loader=self)  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._mutant.tree, str(self._mutant.path), "exec"), module.__dict__)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("room", type=Path, help="a folder of the project, or one of its files")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--sample", type=int, default=60, help="how many are asked; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    room = ROOT / asked.room
    paths = [room] if room.is_file() else sorted(room.glob("*.py"))
    if not paths:
        parser.error(f"no Python in {asked.room}")
    everything = [place for path in paths for place in places(path)]
    drawn = random.Random(asked.seed).sample(everything, min(asked.sample or len(everything), len(everything)))
    survived = 0
    for number, mutant in enumerate(map(mutant_at, drawn), start=1):
        if not is_noticed(mutant, asked.tests):
            survived += 1
            where = f"{mutant.path.relative_to(ROOT)}:{mutant.line}"
            print(f"survives: {where}  {mutant.before}  ->  {mutant.after}", flush=True)
        if number % 10 == 0:
            print(f"{number} of {len(drawn)}: {survived} survived", flush=True)
    print(f"{len(drawn)} of {len(everything)} mutants, {survived} survived", flush=True)


def places(path: Path) -> Iterator[Place]:
    """Every change of every function of a file."""
    for index, node in enumerate(ast.walk(ast.parse(path.read_text(encoding="utf-8")))):
        yield from (Place(path, index, change) for change in range(_changes(node)))


def mutant_at(place: Place) -> Mutant:
    """The file with that one change."""
    tree = ast.parse(place.path.read_text(encoding="utf-8"))
    target = next(node for index, node in enumerate(ast.walk(tree)) if index == place.node)
    before = ast.unparse(target)
    _apply(target, place.change)
    return Mutant(place.path, getattr(target, "lineno", 0), before[:90], ast.unparse(target)[:90], tree)


def _changes(node: ast.AST) -> int:
    """How many ways this node can lie."""
    match node:
        case ast.BinOp() | ast.BoolOp():
            return int(type(node.op) in _SWAPS)
        case ast.Compare():
            return sum(type(op) in _SWAPS for op in node.ops)
        case ast.If() | ast.IfExp():
            return 1
        case ast.Return(value=ast.Constant(value=bool() | int() | float())):
            return 1
        case _:
            return 0


def _apply(node: ast.AST, change: int) -> None:
    match node:
        case ast.BinOp() | ast.BoolOp():
            node.op = _SWAPS[type(node.op)]()
        case ast.Compare():
            places = [place for place, op in enumerate(node.ops) if type(op) in _SWAPS]
            node.ops[places[change]] = _SWAPS[type(node.ops[places[change]])]()
        case ast.If() | ast.IfExp():
            node.test = ast.copy_location(ast.UnaryOp(ast.Not(), node.test), node.test)
            ast.fix_missing_locations(node)
        case ast.Return(value=ast.Constant(value=value) as constant):
            constant.value = not value if isinstance(value, bool) else value + 1  # type: ignore[operator]
        case _:
            raise ValueError(node)


def is_noticed(mutant: Mutant, tests: list[str]) -> bool:
    """Do the tests fail with it? One that neither passes nor fails in time is noticed too."""
    child = os.fork()
    if child == 0:
        signal.alarm(_PATIENCE_S)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        sys.meta_path.insert(0, _Lie(mutant))
        os._exit(int(pytest.main(["-x", "-q", "-n0", "-p", "no:cacheprovider", *tests])))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


if __name__ == "__main__":
    for heavy in ("numpy", "hypothesis", "msgspec", "pytest_asyncio", "aiohttp"):
        importlib.import_module(heavy)
    main()
