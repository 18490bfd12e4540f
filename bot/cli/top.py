"""A live picture of the daemon on a terminal: what the dashboard's first page tells, without a browser.

Knows rich and the status document; asks through a callable and never acts. Unknown is a word, stale is loud.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from bot.domain.clock import elapsed_s

__all__ = ["picture", "show", "watch"]

Document = dict[str, Any]

_TONES = {"TRADING": "green", "STARTING": "blue", "OBSERVE": "blue", "BLIND": "yellow", "REDUCING": "yellow"}
_RUNGS = {"SAFE": "green", "MONITOR": "blue", "WARNING": "yellow"}
_UNKNOWN = "[dim italic]unknown[/]"


def show(document: Document) -> None:
    """Print one picture."""
    Console().print(picture(document))


def watch(ask: Callable[[], Document], document: Document, *, every_s: float) -> None:
    """Renew the picture until Ctrl-C; what cannot be renewed is shown with its age. `ask` raises ConnectionError."""
    heard_s, trouble, between = elapsed_s(), "", threading.Event()
    with Live(picture(document), screen=True, auto_refresh=False) as live:
        try:
            while True:
                between.wait(every_s)
                try:
                    document, heard_s, trouble = ask(), elapsed_s(), ""
                except ConnectionError as error:
                    trouble = f"NOT LIVE for {elapsed_s() - heard_s:.0f} s: {error}"
                live.update(picture(document, trouble), refresh=True)
        except KeyboardInterrupt:
            return


def picture(document: Document, trouble: str = "") -> Group:
    """Everything in one screen; `trouble` says why it is not renewed."""
    mode = document["mode"]
    tone = _TONES.get(mode["name"], "red")
    head = f"[bold {tone}]{escape(mode['name'])}[/]  {escape(mode['why'])}"
    if mode.get("do"):
        head += f"\n[bold]{escape(mode['do'])}[/]"
    title = f"HedgeLock {escape(document['world'])} {escape(document['symbol'])}  {_clock(document['now_ms'])}"
    if document["speed"] != 1:
        title += f" at {document['speed']:g}x"
    parts: list[Any] = [Panel(head, title=title, title_align="left")]
    if trouble:
        parts.append(f"[bold white on red] {escape(trouble)} [/]")
    parts += [_standing(text) for text in _wrong(document)]
    parts.append(Columns([_delta(document), _pnl(document["pnl"]), _loan(document["loan"]), _market(document)]))
    parts += [_legs(document["book"]), _decisions(document), _health(document)]
    return Group(*parts)


def _wrong(document: Document) -> Iterator[tuple[str, str, str]]:
    """(what, figures, first step) of every tripped breaker and of every alert that lasts; the mode's own stand in the head."""
    for breaker in document["breakers"]:
        if breaker["tripped"]:
            figures = f"{_figure(breaker, 'figure')}, limit {_figure(breaker, 'limit')} {breaker['unit']}; resets when: {breaker['resets']}"
            yield (
                f"breaker tripped: {breaker['name']}",
                figures,
                "No leg grows until then; resume, with a reason, resets every breaker.",
            )
    for alert in document.get("alerts", {}).get("standing", ()):
        if not alert.get("do") or alert["do"] != document["mode"].get("do"):
            yield f"{alert['severity']}: {alert['title']}", alert["text"], alert.get("do", "")


def _figure(breaker: Document, name: str) -> str:
    value = breaker[name]
    return "unknown" if value is None else f"{value:g}" if breaker["unit"].startswith("orders") else f"{value:.1%}"


def _standing(wrong: tuple[str, str, str]) -> str:
    what, figures, first = map(escape, wrong)
    return f"[bold red]{what}[/]  {figures}" + (f"  [bold]{first}[/]" if first else "")


def _delta(document: Document) -> Panel:
    book, target = document["book"], document["target"]
    rows = [
        ("delta", _btc(book["delta_btc"])),
        ("target", _btc(target["delta_btc"])),
        ("gap", _btc(target["gap_btc"])),
        ("band", f"±{_btc(target['band_btc'])}"),
        ("covered", _percent(book["cover_ratio"], 0)),
        ("hedging", "yes" if target["hedging"] else "no"),
    ]
    return _panel("Delta", rows)


def _pnl(pnl: Document) -> Panel:
    names = ("realised", "unrealised", "funding", "fees", "total")
    return _panel("Profit, perps", [(name, _usdt(pnl[f"{name}_usdt"], turn=name == "fees")) for name in names])


def _loan(loan: Document) -> Panel:
    rung = loan.get("rung", "UNKNOWN")
    rows = [
        ("LTV", f"{_percent(loan['ltv_ratio'], 1)} [{_RUNGS.get(rung, 'red')}]{escape(rung.lower())}[/]"),
        ("debt", _usdt(loan["debt_usdt"])),
        ("interest", f"{_usdt(loan['interest_per_day_usdt'])} a day"),
        ("margin used", _percent(loan["mm_rate_ratio"], 1)),
        ("liq. below", _liquidation(loan, "liquidation_down_usdt")),
        ("liq. above", _liquidation(loan, "liquidation_up_usdt")),
    ]
    return _panel("Loan", rows)


def _liquidation(loan: Document, name: str) -> str:
    """A price, or that there is none; without a rung nothing was reckoned, and "no price" would be a claim."""
    if loan.get(name) is None and loan.get("rung", "UNKNOWN") != "UNKNOWN":
        return "no price seen"
    return _usdt(loan.get(name))


def _market(document: Document) -> Panel:
    market, funding, volatility = document["market"], document["funding"], document["volatility"]
    age_ms = market["age_ms"]
    age = _UNKNOWN if age_ms is None else f"{age_ms / 1000 / document['speed']:.1f} s ago"
    rows = [
        ("mark", _usdt(market["mark_usdt"]) + (" [bold red]STALE[/]" if market["stale"] else "")),
        ("heard", age),
        ("sigma 24 h", _percent(volatility["smoothed_24h_ratio"], 2)),
        ("funding", f"{_percent(funding['apr_ratio'], 1)} a year"),
        ("next", _usdt(funding["next_payment_usdt"])),
        ("received", _usdt(funding["received_usdt"])),
    ]
    return _panel("Market", rows)


def _panel(title: str, rows: list[tuple[str, str]]) -> Panel:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for name, value in rows:
        table.add_row(name, value)
    return Panel(table, title=title, title_align="left")


def _legs(book: Document) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("leg", "size BTC", "entry USDT", "unrealised USDT", "realised USDT", "funding USDT", "fees USDT"):
        table.add_column(name, justify="left" if name == "leg" else "right", header_style="dim")
    for name in ("long", "short"):
        leg = book[name]
        figures = [_usdt(leg[f"{figure}_usdt"], bare=True) for figure in ("unrealised", "realised", "funding")]
        flat = leg["entry_price_usdt"] is None and not Decimal(leg["qty_btc"])
        entry = "–" if flat else _usdt(leg["entry_price_usdt"], bare=True)
        table.add_row(
            name, _btc(leg["qty_btc"], bare=True), entry, *figures, _usdt(leg["fees_usdt"], bare=True, turn=True)
        )
    return table


def _decisions(document: Document) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for decision in document["decisions"][:6]:
        table.add_row(_clock(decision["at_ms"])[11:19], escape(decision["outcome"]), escape(decision["reason"]))
    return table


def _health(document: Document) -> str:
    health = document["health"]
    words = [
        f"{name} {'[green]yes[/]' if health[name]['ok'] else '[bold red]NO[/]'}"
        for name in ("live", "ready", "trading")
    ]
    words += [
        f"{escape(name.removesuffix(' stream'))} {'[green]up[/]' if up else '[bold red]DOWN[/]'}"
        for name, up in health["streams"].items()
    ]
    lag = document["process"]["loop_lag_ms"]
    words.append(f"loop lag {_UNKNOWN if lag is None else f'{lag:.0f} ms'}")
    return "  ".join(words)


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _btc(value: str | None, *, bare: bool = False) -> str:
    return _UNKNOWN if value is None else f"{Decimal(value):.4f}{'' if bare else ' BTC'}"


def _usdt(value: str | None, *, bare: bool = False, turn: bool = False) -> str:
    if value is None:
        return _UNKNOWN
    return f"{-Decimal(value) if turn else Decimal(value):,.2f}{'' if bare else ' USDT'}"


def _percent(value: float | None, digits: int) -> str:
    return _UNKNOWN if value is None else f"{value * 100:.{digits}f} %"
