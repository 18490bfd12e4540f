"""The operator's desk: takes a verb from the dashboard, the command line or a chat, checks that it was meant, and hands it to the engine.

Knows which verbs need a reason, a typed phrase or a preflight, and that an emergency closes the latch before the engine hears of it.
Does not know how a verb is carried out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

import structlog

from bot.domain.errors import JournalFailed
from bot.domain.events import LatchSeen, OperatorAsked, Verb
from bot.domain.ports import Inbox
from bot.domain.view import VerbAnswer, VerbOffer
from bot.engine import emergency, gate
from bot.engine.engine import Engine
from bot.journal.latch import Latch

__all__ = ["Desk", "Preflight"]

_log = structlog.get_logger("hedgelock")

Preflight = Callable[[], Awaitable[list[str]]]
"""What stands against trading, one line each; empty: nothing."""


class Rule(NamedTuple):
    """What a verb does, in a person's words, and what it asks of them."""

    what: str
    is_confirmed: bool = False
    needs_reason: bool = False
    takes_amount: bool = False


RULES: dict[Verb, Rule] = {
    Verb.PAUSE: Rule("decide and show, send nothing", needs_reason=True),
    Verb.RESUME: Rule("trade again, after a preflight; lifts the halt latch", needs_reason=True),
    Verb.REHEDGE: Rule("decide now, and trade if the gap is worth an order"),
    Verb.FREEZE: Rule("cancel every order, halt and latch; the legs stay as they are", is_confirmed=True),
    Verb.NEUTRALISE: Rule("cancel, close what makes |delta| large, halt and latch; the hedge stays", is_confirmed=True),
    Verb.FLATTEN: Rule(
        "cancel, close both legs, halt and latch; BTC and loan stay, without a hedge", is_confirmed=True
    ),
    Verb.REALISE: Rule("turn perp profit into cash, as far as a minute's orders reach; delta stays where it is"),
    Verb.REPAY: Rule("repay USDT of the loan", takes_amount=True),
}


class Desk:
    """Implements monitoring's VerbDesk over one engine. `world` is part of every phrase, so that paper habits do not type mainnet's."""

    def __init__(self, engine: Engine, inbox: Inbox, latch: Latch, *, world: str, preflight: Preflight) -> None:
        self._engine, self._inbox, self._latch = engine, inbox, latch
        self._world, self._preflight = world, preflight

    def offers(self) -> tuple[VerbOffer, ...]:
        """Every verb, the emergencies with what they would leave behind."""
        return tuple(
            VerbOffer(
                verb=verb,
                what=rule.what,
                confirm=self._phrase(verb, rule),
                needs_reason=rule.needs_reason,
                takes_amount=rule.takes_amount,
                leaves=emergency.preview(self._engine.state, verb) if verb in emergency.VERBS else None,
            )
            for verb, rule in RULES.items()
        )

    async def ask(self, verb: Verb, *, reason: str, confirm: str, who: str, amount: Decimal | None) -> VerbAnswer:
        """Take a verb in, or say why not. An emergency is refused only where it was not confirmed, or could not send a single order."""
        rule = RULES[verb]
        if (phrase := self._phrase(verb, rule)) and confirm != phrase:
            return VerbAnswer(accepted=False, text=f"not confirmed: type {phrase!r}")
        if rule.needs_reason and not reason:
            return VerbAnswer(accepted=False, text="say why: a reason is kept with it")
        if amount is not None and not rule.takes_amount:
            return VerbAnswer(accepted=False, text=f"{verb.value} takes no amount")
        reason = reason or "no reason given"
        asked = OperatorAsked(verb=verb, reason=reason, who=who, amount=amount)
        if verb in emergency.VERBS:
            return self._emergency(asked)
        if verb is Verb.RESUME:
            return await self._resume(asked)
        self._inbox.put(asked)
        return VerbAnswer(accepted=True, text=f"{verb.value}: taken in{self._reach() if verb is Verb.REALISE else ''}")

    def _reach(self) -> str:
        """What one asking for cash leaves; empty: nothing, or it cannot be told."""
        state = self._engine.state
        if state.market.ticker is None or state.instrument is None:
            return ""
        most = gate.most_there_and_back(state.market.ticker, state.instrument, state.config.limits)
        if all(leg.qty <= most for leg in state.ledger.legs.values()):
            return ""
        return f"; a minute's orders close and open again {most} BTC of a leg, and one asking is no more: ask again for the rest"

    def _emergency(self, asked: OperatorAsked) -> VerbAnswer:
        """An order that a latch of another run or hand would hold back is not begun: it would be made and turned away every second."""
        leaves = emergency.preview(self._engine.state, asked.verb).words
        trouble = ""
        try:
            self._latch.close(emergency.latch_words(asked.verb.value, asked.who, asked.reason))
        except JournalFailed as failed:
            if asked.verb is not Verb.FREEZE and self._latch.foreign():
                return VerbAnswer(
                    accepted=False,
                    text=f"{asked.verb.value}: not begun: {failed}, and the one that is closed there lets no order of this process leave; "
                    f"scripts/kill_switch.py {asked.verb.value} --yes needs neither",
                )
            trouble = f"; but {failed}: a restart may not know of it"
            _log.critical(str(failed))
        self._inbox.put(asked)
        return VerbAnswer(accepted=True, text=f"{asked.verb.value}: under way, will leave {leaves}{trouble}")

    async def _resume(self, asked: OperatorAsked) -> VerbAnswer:
        closing = self._latch.closing()
        if against := await self._preflight():
            return VerbAnswer(accepted=False, text="not resumed: " + "; ".join(against))
        if self._latch.closing() not in (None, closing):  # by a hand that this resume did not know of
            why = self._latch.state().reason
            return VerbAnswer(accepted=False, text=f"not resumed: the latch was closed meanwhile ({why})")
        if self._engine.state.emergency is not None:
            return VerbAnswer(accepted=False, text="not resumed: an emergency is still being carried out")
        if self._latch.state().closed or self._engine.state.latched:
            try:
                self._latch.lift(asked.who, asked.reason, closing)
            except JournalFailed as failed:
                return VerbAnswer(accepted=False, text=f"not resumed: {failed}")
            self._inbox.put(LatchSeen(closed=False, reason=f"lifted by {asked.who}: {asked.reason}"))
        taken = "".join(f"; taken for {what}" for what in self._ended_by_word())
        self._inbox.put(asked)
        return VerbAnswer(accepted=True, text=f"resumed: it trades again once its books agree with the venue's{taken}")

    def _ended_by_word(self) -> Iterator[str]:
        """What a resume ends that the venue alone would leave open for good."""
        order, payment = self._engine.state.blotter.unresolved(), self._engine.state.loan.open
        if order is not None and order.unreadable:
            yield f"over: order {order.what}, {order.stands}"
        if payment is not None and payment.waits_for_a_word:
            yield f"paid: payment {payment.plan.number} of {payment.plan.amount} USDT, {payment.reason}"

    def _phrase(self, verb: Verb, rule: Rule) -> str:
        return f"{verb.value} {self._world}" if rule.is_confirmed else ""
