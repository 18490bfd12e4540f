"""What is worth a message: conditions read off the view, and records of the journal that a person must hear of.

Each kind is a chapter of docs/alerts.md, where the same thresholds stand with what to do; a test holds them together. Waiting times are
real seconds, whatever pace the market's clock has.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.domain.commands import Mode, Note
from bot.domain.events import FactsLost, OperatorAsked, Started, Stopping
from bot.domain.records import Record
from bot.domain.view import BotView, RungView
from bot.monitoring.alerts.words import Alert, Severity, slug
from bot.monitoring.pulse import Vitals

__all__ = ["KINDS", "KIND_OF_MODE", "SEVERITIES", "conditions", "happened", "head"]

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL

SEVERITIES = {
    **{"MONITOR": INFO, "WARNING": WARNING, "CRITICAL": CRITICAL, "EMERGENCY": CRITICAL},
    **{"ALERT": WARNING, "TOP UP": WARNING, "REDUCE": CRITICAL, "CLOSE": CRITICAL},
}
"""How bad a rung of either ladder is."""

_WHERE_NONE_ACTS = {
    "ltv": (RungView("WARNING", 0.65), RungView("CRITICAL", 0.75), RungView("EMERGENCY", 0.85)),
    "margin": (RungView("ALERT", 0.30), RungView("TOP UP", 0.50), RungView("REDUCE", 0.70), RungView("CLOSE", 0.85)),
}
"""The original policy has no ladder and does nothing on one: a person is told all the same."""

BLIND_S, BLIND_LONG_S, STARTING_S, REDUCING_S, UNKNOWN_S, OFF_TARGET_S, LAG_S = (
    15.0,
    120.0,
    180.0,
    15.0,
    15.0,
    600.0,
    5.0,
)
_LAG_MS = 1_000.0

KINDS = {
    "halted": "the bot sends nothing until a person resumes it",
    "emergency": "a person asked to freeze, neutralise or flatten",
    "blind": "the bot does not see well enough to grow a leg",
    "reducing": "the bot may only make the risk smaller",
    "observing": "the bot decides and sends nothing",
    "not-started": "the bot still learns its world",
    "order-unknown": "an order left and nobody has answered for it",
    "off-target": "delta is outside its band and nothing is done about it",
    "ltv": "the loan stands on a rung of the LTV ladder",
    "margin": "the account stands on a rung of the margin ladder",
    "loop-lag": "the process is held up",
    "facts-lost": "the inbox overflowed",
    "operator": "a person has asked for something",
    "started": "a run has begun",
    "stopping": "a run is ending",
    "test": "somebody tries whether alerts arrive",
}
"""Every kind of our own. A Note of the engine brings its own kind."""

KIND_OF_MODE = {
    Mode.HALTED: "halted",
    Mode.EMERGENCY: "emergency",
    Mode.BLIND: "blind",
    Mode.REDUCING: "reducing",
    Mode.OBSERVE: "observing",
    Mode.STARTING: "not-started",
}
"""What lasts while the engine is in a mode that does not hedge."""


def conditions(view: BotView, vitals: Vitals) -> Iterator[Alert]:
    """Everything that is wrong at this moment and lasts."""
    yield from _mode(view)
    if view.health.unknown_orders:
        text = (
            f"{view.health.unknown_orders} of our orders have left and are not answered for; they count as in flight."
        )
        yield Alert(kind="order-unknown", severity=WARNING, title="an order is unknown", text=text, after_s=UNKNOWN_S)
    yield from _off_target(view)
    loan = view.loan
    yield from _ladder("ltv", "LTV", loan.ltv, loan.rung, loan.ltv_ladder)
    yield from _ladder("margin", "maintenance margin", loan.mm_rate, loan.margin_rung, loan.margin_ladder)
    if (lag_ms := vitals.loop_lag_ms) is not None and lag_ms >= _LAG_MS:
        text = f"The event loop is {lag_ms / 1000:.1f} s late; every deadline is."
        yield Alert(kind="loop-lag", severity=WARNING, title="the process is held up", text=text, after_s=LAG_S)


def _mode(view: BotView) -> Iterator[Alert]:
    mode, why, kind = view.mode, view.why, KIND_OF_MODE.get(view.mode, "")
    match mode:
        case Mode.HALTED:
            yield Alert(
                kind=kind,
                severity=CRITICAL,
                title="halted",
                text=f"It sends nothing until a person resumes it: {why}.",
            )
        case Mode.EMERGENCY:
            yield Alert(kind=kind, severity=CRITICAL, title="an emergency is carried out", text=f"{why}.")
        case Mode.BLIND:
            text = f"It may shrink the risk and grow nothing: {why}."
            yield Alert(
                kind=kind,
                severity=WARNING,
                title="blind",
                text=text,
                after_s=BLIND_S,
                critical_after_s=BLIND_LONG_S,
            )
        case Mode.REDUCING:
            text = f"It may shrink the risk and grow nothing: {why}."
            yield Alert(kind=kind, severity=WARNING, title="reducing only", text=text, after_s=REDUCING_S)
        case Mode.OBSERVE:
            text = f"It decides and sends nothing: {why}. The hedge is not kept up."
            yield Alert(kind=kind, severity=WARNING, title="only observing", text=text, after_s=REDUCING_S)
        case Mode.STARTING:
            text = f"It sends nothing yet: {why}."
            yield Alert(kind=kind, severity=CRITICAL, title="does not get started", text=text, after_s=STARTING_S)
        case Mode.TRADING:
            return


def _off_target(view: BotView) -> Iterator[Alert]:
    gap, band = view.target.gap, view.target.band
    if gap is None or abs(gap) <= band or view.target.hedging or view.mode is not Mode.TRADING:
        return
    text = f"Delta is {view.book.delta} BTC, {abs(gap)} BTC from its target; the band is {band} BTC."
    yield Alert(
        kind="off-target", severity=WARNING, title="delta stays outside its band", text=text, after_s=OFF_TARGET_S
    )


def _ladder(kind: str, name: str, value: float | None, rung: str, steps: tuple[RungView, ...]) -> Iterator[Alert]:
    """Where the engine stands on a ladder, in its own words and with the steps as they are set."""
    if not steps and value is not None:
        steps = _WHERE_NONE_ACTS[kind]
        rung = next((step.name for step in reversed(steps) if value >= step.at), "")
    begins = next((step.at for step in steps if step.name == rung), None)
    if value is None or begins is None:
        return
    above = next((f"; {step.name} begins at {step.at:.0%}" for step in steps if step.at > begins), "")
    text = f"{name[0].upper()}{name[1:]} is {value:.1%}, rung {rung} (from {begins:.0%}){above}."
    yield Alert(kind=kind, severity=SEVERITIES[rung], title=f"{name} {value:.1%}, rung {rung}", text=text)


def happened(record: Record) -> Alert | None:
    """The alert of a record that came to pass once, or None for the ordinary."""
    match record:
        case Note():
            severity = {"critical": CRITICAL, "warning": WARNING}.get(record.severity, INFO)
            return Alert(
                kind=slug(record.kind), severity=severity, title=record.kind, text=record.text, subject=record.text[:80]
            )
        case FactsLost() if record.count:
            text = f"{record.count} facts did not fit the inbox; everything is read anew before anything grows."
            return Alert(kind="facts-lost", severity=WARNING, title="facts lost", text=text)
        case OperatorAsked():
            text = f"{record.who} asked to {record.verb.value}: {record.reason}."
            return Alert(
                kind="operator", severity=WARNING, title=f"{record.verb.value} was asked for", text=text, subject=text
            )
        case Started():
            text = f"Run {record.run}, version {record.version}, {record.mode}."
            return Alert(kind="started", severity=INFO, title="started", text=text, subject=record.run)
        case Stopping():
            return Alert(
                kind="stopping", severity=WARNING, title="stopping", text=f"{record.reason}; the hedge stays on."
            )
    return None


def head(view: BotView) -> str:
    """How it stands, in one line for every message: unknown is a word."""
    gap = "" if view.target.gap is None else f", {abs(view.target.gap)} from target"
    delta = "delta unknown" if view.book.delta is None else f"delta {view.book.delta} BTC{gap}"
    ltv = "LTV unknown" if view.loan.ltv is None else f"LTV {view.loan.ltv:.1%}"
    if view.market.mark is None or view.market.age_ms is None:
        price = "price unknown"
    else:
        price = f"price {view.market.mark} USDT, {view.market.age_ms / 1000 / view.speed:.1f} s old"
    return f"{view.world} {view.mode.value}, {delta}, {ltv}, {price}."
