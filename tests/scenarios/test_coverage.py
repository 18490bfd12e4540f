"""The list of known faults has more than two hundred rows; at least sixty of them are told here as diaries."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent


def test_at_least_sixty_faults_are_told() -> None:
    """Counted from the marks, so that a diary that is deleted is missed."""
    told = {
        number.value
        for file in HERE.glob("test_*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault"
        for number in call.args
        if isinstance(number, ast.Constant)
    }

    assert len(told) >= 60, sorted(told, key=str)
