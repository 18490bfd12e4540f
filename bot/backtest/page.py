"""One self-contained HTML file from sections: text, tables and plotly figures. Needs no network to be read; knows no backtest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from bot.backtest.extras import require

__all__ = ["Section", "Table", "write_page"]

_STYLE = """
:root{--ink:#1f2933;--soft:#5f6b76;--line:#dfe4e8;--paper:#fff;--wash:#f6f8f9;--good:#1b7f5c;--bad:#c0392b}
*{box-sizing:border-box}body{margin:0;background:var(--wash);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}h1{font-size:27px;margin:0 0 4px}h2{font-size:18px;margin:0 0 6px}
p{margin:4px 0 12px;max-width:90ch;color:var(--soft)}.lead{font-size:17px;color:var(--ink)}
section{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:18px 20px;margin:16px 0;overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:13.5px}
th,td{padding:5px 9px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}th{white-space:normal;vertical-align:bottom}
th:first-child,td:first-child,.text td,.text th{text-align:left}.text td{white-space:normal}
.text td:last-child{overflow-wrap:anywhere}.text td:nth-last-child(n+3){white-space:nowrap}
th{color:var(--soft);font-weight:600}
tr.best td{background:#eaf5f0}td.bad{color:var(--bad);font-weight:600}td.good{color:var(--good);font-weight:600}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:16px 0}
.card{background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:12px 14px}.card b{display:block;font-size:21px}
.card span{color:var(--soft);font-size:13px}.scroll{max-height:460px;overflow:auto}code{font-size:12.5px;word-break:break-all}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells. A cell that begins with ++ or ! is shown as good or bad, without the sign."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    is_text: bool = False
    scrolls: bool = False
    best: int | None = None
    """Number of the row to point out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled part of the page: a sentence, then a figure or a table."""

    title: str
    words: str = ""
    figure: Any = None
    table: Table | None = None


def write_page(
    path: Path, title: str, lead: str, cards: Iterable[tuple[str, str]], sections: Sequence[Section], foot: str
) -> None:
    """Write the file whole or not at all. Raises OSError."""
    offline = require("plotly.offline")
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<style>{_STYLE}</style><script>{offline.get_plotlyjs()}</script></head><body><main>",
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p><div class="cards">',
        *(f'<div class="card"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in cards),
        "</div>",
        *(_section(section, number) for number, section in enumerate(sections)),
        f"<p>{escape(foot)}</p></main></body></html>",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text("".join(parts), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _section(section: Section, number: int) -> str:
    body = [f"<section><h2>{escape(section.title)}</h2>"]
    if section.words:
        body.append(f"<p>{escape(section.words)}</p>")
    if section.figure is not None:
        body.append(
            section.figure.to_html(
                full_html=False,
                include_plotlyjs=False,
                div_id=f"figure-{number}",
                config={"displaylogo": False, "responsive": True},
            )
        )
    if section.table is not None:
        body.append(_table(section.table))
    body.append("</section>")
    return "".join(body)


def _table(table: Table) -> str:
    kind = ' class="text"' if table.is_text else ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = "".join(
        f"<tr{' class=best' if number == table.best else ''}>{''.join(_cell(cell) for cell in row)}</tr>"
        for number, row in enumerate(table.rows)
    )
    whole = f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll">{whole}</div>' if table.scrolls else whole


def _cell(cell: str) -> str:
    if cell[:1] == "!":
        return f'<td class="bad">{escape(cell[1:])}</td>'
    if cell[:2] == "++":
        return f'<td class="good">{escape(cell[2:])}</td>'
    return f"<td>{escape(cell)}</td>"
