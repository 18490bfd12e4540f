"""What the bot says to a question: short plain texts with units and ages; what is not known is called unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from bot.domain.view import BotView, LegView, LoanView
from bot.monitoring import health
from bot.monitoring.alerts import remedies, rules
from bot.monitoring.pulse import Vitals

__all__ = ["QUESTIONS", "answer", "help_text"]

_CENT = Decimal("0.01")


def answer(question: str, view: BotView, vitals: Vitals) -> str:
    """The text for one of `QUESTIONS`. Raises KeyError for anything else."""
    return f"{_QUESTIONS[question][1](view, vitals)}\n{_stamp(view)}"


def help_text(verbs: Mapping[str, str]) -> str:
    """Every command with a sentence."""
    lines = [f"/{name} {text}" for name, text in QUESTIONS.items()]
    if verbs:
        lines += ["", "Verbs; each asks for a code first:", *(f"/{name} {text}" for name, text in verbs.items())]
    return "\n".join(lines)


def _status(view: BotView, _vitals: Vitals) -> str:
    first = remedies.first(rules.KIND_OF_MODE.get(view.mode, ""))
    return "\n".join(
        [
            f"{view.mode.value}: {view.why}",
            *([first] if first else []),
            *_tripped(view),
            f"Delta {_btc(view.book.delta)} (target {_btc(view.target.delta)}, band ±{view.target.band} BTC)",
            f"LTV {_ltv(view.loan)}, margin used {_percent(view.loan.mm_rate)}",
            _liquidated(view.loan),
            f"Profit {_usdt(view.pnl.total)}, perps",
            f"Mark {_usdt(view.market.mark)}, {_age(view.market.age_ms, view.speed)}{', STALE' if view.market.stale else ''}",
        ]
    )


def _book(view: BotView, _vitals: Vitals) -> str:
    book = view.book
    cover = "unknown" if book.cover is None else f"{book.cover:.0%}"
    return "\n".join(
        [
            f"Spot {_btc(book.spot)}",
            _leg("Long", book.long),
            _leg("Short", book.short),
            f"Delta {_btc(book.delta)}, {cover} of the spot covered",
            f"Agreed with the venue {_age(book.reconciled_age_ms, view.speed)}",
        ]
    )


def _leg(name: str, leg: LegView) -> str:
    return f"{name} {_btc(leg.qty)} from {_usdt(leg.entry_price)}, unrealised {_usdt(leg.unrealised)}"


def _why(view: BotView, _vitals: Vitals) -> str:
    if not view.decisions:
        return "No decision yet."
    at_ms, last = view.decisions[0]
    stages = [f"- {stage.name}: {stage.reason}" for stage in last.stages]
    return "\n".join([f"Decision {last.number} at {_clock(at_ms)}: {last.outcome.value}, {last.reason}", *stages])


def _pnl(view: BotView, _vitals: Vitals) -> str:
    pnl = view.pnl
    return "\n".join(
        [
            f"Realised {_usdt(pnl.realised)}",
            f"Unrealised {_usdt(pnl.unrealised)}",
            f"Funding {_usdt(pnl.funding)}",
            f"Fees {_usdt(-pnl.fees)}",
            f"Total {_usdt(pnl.total)}, perps, since the books began",
        ]
    )


def _loan(view: BotView, _vitals: Vitals) -> str:
    loan = view.loan
    return "\n".join(
        [
            f"{loan.structure}: debt {_usdt(loan.debt)}",
            f"LTV {_ltv(loan)}",
            _liquidated(loan),
            f"Interest {_usdt(loan.interest_per_day)} a day",
            f"Equity {_usdt(loan.equity)}, margin used {_percent(loan.mm_rate)}",
        ]
    )


def _ltv(loan: LoanView) -> str:
    """The figure, its rung, and where the next one begins."""
    if loan.ltv is None or loan.rung == "UNKNOWN":
        return _percent(loan.ltv)
    above = next((f", {step.name} from {step.at:.0%}" for step in loan.ltv_ladder if step.at > loan.ltv), "")
    return f"{_percent(loan.ltv)} (rung {loan.rung}{above})"


def _liquidated(loan: LoanView) -> str:
    """Both prices; that there is none is known only where the loan was reckoned."""
    none = "unknown" if loan.rung == "UNKNOWN" else "no price seen"
    below, above = (none if at is None else _usdt(at) for at in (loan.liquidation_down, loan.liquidation_up))
    return f"Liquidated below {below}, above {above}"


def _tripped(view: BotView) -> list[str]:
    return [
        f"Breaker tripped: {breaker.name}; no leg grows until {breaker.resets}"
        for breaker in view.breakers
        if breaker.tripped
    ]


def _funding(view: BotView, _vitals: Vitals) -> str:
    funding = view.funding
    rate = "unknown" if funding.rate is None else f"{funding.rate:.4%}"
    due = (
        "unknown"
        if funding.next_ms is None
        else f"in {max(0, funding.next_ms - view.now_ms) // 60_000} min market time"
    )
    return "\n".join(
        [
            f"Rate {rate} per {funding.interval_h or '?'} h, {_percent(funding.apr)} a year, {funding.regime.lower()}",
            f"Next payment {_usdt(funding.next_payment)} {due}",
            f"Received so far {_usdt(funding.received)}",
        ]
    )


def _health(view: BotView, vitals: Vitals) -> str:
    verdicts = {"live": health.live(vitals), "ready": health.ready(view), "trading": health.trading(view)}
    lines = [f"{name}: {'yes' if one.ok else 'NO, ' + '; '.join(one.reasons)}" for name, one in verdicts.items()]
    lines += [f"{name}: {'up' if up else 'DOWN'}" for name, up in view.health.streams.items()]
    lag = "unknown" if vitals.loop_lag_ms is None else f"{vitals.loop_lag_ms:.0f} ms"
    return "\n".join(
        [
            *lines,
            *_tripped(view),
            f"Loop lag {lag}, up {vitals.up_s / 3600:.1f} h",
            f"Unknown orders {view.health.unknown_orders}",
        ]
    )


_QUESTIONS: dict[str, tuple[str, Callable[[BotView, Vitals], str]]] = {
    "status": ("mode, what to do, delta, loan and price in a few lines", _status),
    "book": ("spot and both legs", _book),
    "why": ("the last decision, stage by stage", _why),
    "pnl": ("profit and loss by cause", _pnl),
    "loan": ("debt, LTV, what would liquidate, interest", _loan),
    "funding": ("the rate and the next payment", _funding),
    "health": ("is it live, ready, trading, and why not", _health),
}
QUESTIONS = {name: text for name, (text, _) in _QUESTIONS.items()}


def _stamp(view: BotView) -> str:
    return f"({view.world}, {_clock(view.now_ms)} market time)"


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _btc(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value:f} BTC"


def _usdt(value: Decimal | None) -> str:
    return "unknown" if value is None else f"{value.quantize(_CENT):,f} USDT"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _age(age_ms: int | None, speed: float) -> str:
    return "never" if age_ms is None else f"{age_ms / 1000 / speed:.0f} s ago"
