"""What a person sees on a terminal: a failure and its exit code, settings and status as tables.

Knows rich and how wide a column may be. Does not know where the facts come from. Everything shown is escaped: a venue's words
must not become markup.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from bot.exit_codes import ExitCode
from bot.settings.keys import Key

__all__ = ["counting", "fail", "print_rows", "print_sections", "print_settings", "print_table"]

_FIRST_MOMENT_MS = 1_000_000_000_000  # a larger _ms is a moment in UTC, a smaller one an age or a duration
_MOST_ROWS = 10
_PIPE_WIDTH = 400
_SCALAR = (str, int, float, Decimal)
_LONG_DECIMAL = re.compile(r"-?\d+\.\d{9,}")  # an average price may carry 28 digits; a person needs eight


def fail(code: ExitCode, *lines: str) -> NoReturn:
    """Say what is wrong on stderr, one sentence a line, and leave with `code`."""
    typer.echo("hedgelock: " + "\n           ".join(lines), err=True)
    raise typer.Exit(code)


def print_settings(rows: Iterable[tuple[Key, str, str]]) -> None:
    """(key, value, source) as a table; what is not a default stands out."""
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for key, value, source in rows:
        shown = f"{value} {key.unit}" if value and key.unit else value
        table.add_row(key.name, escape(shown), escape(source), style="" if source == "default" else "bold")
    Console().print(table)


def print_sections(sections: Mapping[str, Any]) -> None:
    """Whatever the daemon tells, as tables: an object is name and value, a list of objects is rows."""
    console = Console()
    plain = {name: value for name, value in sections.items() if not isinstance(value, dict | list)}
    titled = {name: value for name, value in sections.items() if name not in plain}
    unbounded = console.options.update(width=10 * _PIPE_WIDTH)
    for title, section in {"": plain, **titled}.items():
        if section:
            table = _table(title, section)
            is_wide = console.measure(table, options=unbounded).maximum > console.width
            console.print(_sentences(title, section) if is_wide and _is_rows(section) else table)


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Rows as one table, all of them; into a pipe each row stays a line."""
    console = Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)
    console.print(_table("", rows, most=len(rows)))


def print_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Cells under a head, figures to the right; into a pipe each row stays a line."""
    table = Table(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, name in enumerate(head):
        table.add_column(escape(name), justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    (Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)).print(table)


@contextmanager
def counting(what: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """A progress bar on stderr with the time that is left; call what it yields once for each thing done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _table(title: str, section: Any, most: int = _MOST_ROWS) -> Table:
    table = Table(title=title or None, title_justify="left", title_style="bold", box=None, show_header=False)
    if isinstance(section, dict):
        for name, value in _flat(section):
            table.add_row(escape(name), _cell(value, name))
    elif isinstance(section[0], dict):
        rows = section[:most]
        table.show_header = True
        # What is nested or nowhere filled is for --json; a line must stay a line.
        names = [name for name in rows[0] if any(isinstance(row.get(name), _SCALAR) for row in rows)]
        for name in names:
            table.add_column(escape(name), overflow="fold")
        for row in rows:
            table.add_row(*(_cell(row.get(name), name) for name in names))
    else:
        for value in section:
            table.add_row(_cell(value))
    return table


def _is_rows(section: Any) -> bool:
    return isinstance(section, list) and isinstance(section[0], dict)


def _sentences(title: str, rows: list[dict[str, Any]]) -> Table:
    """Rows that are wider than the screen: each as one sentence, because columns of four letters are nobody's to read."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False)
    for row in rows[:_MOST_ROWS]:
        told = {name: value for name, value in row.items() if isinstance(value, _SCALAR)}
        table.add_row(_cell(told))
    return table


def _flat(section: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """{"long": {"qty_btc": 1}} as ("long qty_btc", 1): one fact, one line."""
    for name, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", value


def _cell(value: object, name: str = "") -> str:
    match value:
        case None:
            return "unavailable"
        case dict():
            return ", ".join(f"{escape(inner)} {_cell(item, inner)}" for inner, item in _flat(value))
        case list():
            return "; ".join(_cell(item) for item in value)
        case bool():
            return "yes" if value else "no"
        case float():
            return format(value, ".6g")
        case int() if "_ms" in name and value > _FIRST_MOMENT_MS:
            return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case Decimal():
            return format(round(value, 8).normalize(), "f")
        case str() if _LONG_DECIMAL.fullmatch(value):
            return format(round(Decimal(value), 8).normalize(), "f")
        case _:
            return escape(str(value))
