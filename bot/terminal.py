"""What a person sees on a terminal: a failure and its exit code, settings and status as tables.

Knows rich and how wide a column may be. Does not know where the facts come from. Everything shown is escaped: a venue's words
must not become markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.exit_codes import ExitCode
from bot.keys import Key

__all__ = ["fail", "print_sections", "print_settings"]


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
    for title, section in {"": plain, **{name: value for name, value in sections.items() if name not in plain}}.items():
        if not section:
            continue
        table = Table(title=title or None, title_justify="left", title_style="bold", box=None, show_header=False)
        if isinstance(section, dict):
            for name, value in section.items():
                table.add_row(escape(name), _cell(value))
        elif isinstance(section[0], dict):
            table.show_header = True
            for name in section[0]:
                table.add_column(escape(name))
            for row in section:
                table.add_row(*(_cell(row.get(name)) for name in section[0]))
        else:
            for value in section:
                table.add_row(_cell(value))
        console.print(table)


def _cell(value: object) -> str:
    if value is None:
        return "unavailable"
    if isinstance(value, dict):
        return ", ".join(f"{escape(str(name))} {_cell(item)}" for name, item in value.items())
    if isinstance(value, list):
        return "; ".join(map(_cell, value))
    return escape(str(value))
