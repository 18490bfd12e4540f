"""The doors by which a person acts: a list of what may be asked, and one POST per verb. Everything else in this room only looks.

    GET  /api/v1/verbs          {"verbs": [{"verb", "what", "confirm", "needs_reason", "takes_amount", "leaves"}],
                                 "latch": {"closed", "why"}}; leaves, of emergencies: {"long_btc", "short_btc", "delta_btc",
                                 "ltv_ratio", "liquidation_usdt", "words"}
    POST /api/v1/verbs/{verb}   {"reason": "...", "confirm": "flatten paper", "amount_usdt": "100"}, as application/json
                                202 {"verb", "accepted": true, "text"}; 409 the same with false: it was refused, and why

A POST needs `Authorization: Bearer TOKEN` of the token that operates: the one that is set or, where none is, the one this run wrote to
`verbs.token` beside its journal. `confirm` is the phrase that the list shows, typed; "" where none is asked for. `reason` may be at most
200 characters. Who asked is kept with it: "command line" by its User-Agent, "dashboard" by any other, and the address.
400 a malformed body, 401 no token, 403 another origin or a token that only reads, 404 no such verb, 415 not JSON, 429 too many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Protocol

import msgspec
from aiohttp import hdrs, web

from bot.domain.clock import elapsed_s
from bot.domain.events import Verb
from bot.domain.view import BotView, VerbAnswer, VerbOffer, VerbPreview
from bot.monitoring import present
from bot.monitoring.hands import COMMAND_LINE
from bot.monitoring.listener import Routes

__all__ = ["VERBS_PATH", "VerbDesk", "Verbs"]

VERBS_PATH = "/api/v1/verbs"
LONGEST_REASON = 200
MOST_PER_MINUTE = 30


class VerbDesk(Protocol):
    """Whoever carries verbs out."""

    def offers(self) -> tuple[VerbOffer, ...]:
        """What may be asked now, each with what it would leave behind."""
        ...

    async def ask(self, verb: Verb, *, reason: str, confirm: str, who: str, amount: Decimal | None) -> VerbAnswer:
        """Ask for a verb; returns when it was taken in (not when it is done) or refused."""
        ...


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    reason: str = ""
    confirm: str = ""
    amount_usdt: str | None = None


class Verbs:
    """The handlers. The guard has seen to token, origin and content type before any of them is called."""

    def __init__(self, desk: VerbDesk, view: Callable[[], BotView]) -> None:
        self._desk, self._view = desk, view
        self._asked_s: deque[float] = deque(maxlen=MOST_PER_MINUTE)

    def gets(self) -> Routes:
        return {VERBS_PATH: self._list}

    def posts(self) -> Routes:
        return {f"{VERBS_PATH}/{{verb}}": self._ask}

    async def _list(self, _request: web.Request) -> web.StreamResponse:
        view = self._view()
        offers = [_offer(offer) for offer in self._desk.offers()]
        return _json({"verbs": offers, "latch": {"closed": bool(view.latch), "why": view.latch}})

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        verb = _verb(request.match_info["verb"])
        self._count()
        body = _body(await request.read())
        answer = await self._desk.ask(
            verb,
            reason=body.reason.strip()[:LONGEST_REASON],
            confirm=body.confirm.strip(),
            who=f"{_seat(request)}, {request.remote}",
            amount=_amount(body.amount_usdt),
        )
        document = {"verb": verb.value, "accepted": answer.accepted, "text": answer.text}
        return _json(document, status=202 if answer.accepted else 409)

    def _count(self) -> None:
        now_s = elapsed_s()
        if len(self._asked_s) == MOST_PER_MINUTE and now_s - self._asked_s[0] < 60:
            raise web.HTTPTooManyRequests(text="Too many verbs in a minute.\n", headers={"Retry-After": "60"})
        self._asked_s.append(now_s)


def _seat(request: web.Request) -> str:
    """Whence it was asked, one of two: no text of a caller's own gets into journal and latch."""
    return "command line" if request.headers.get(hdrs.USER_AGENT) == COMMAND_LINE else "dashboard"


def _verb(name: str) -> Verb:
    try:
        return Verb(name)
    except ValueError:
        raise web.HTTPNotFound(text="No such verb.\n") from None


def _body(raw: bytes) -> _Body:
    try:
        return msgspec.json.decode(raw or b"{}", type=_Body)
    except msgspec.MsgspecError:
        raise web.HTTPBadRequest(text="The body must be an object with reason, confirm and amount_usdt.\n") from None


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise web.HTTPBadRequest(text="amount_usdt must be a number above zero.\n")
    return amount


def _offer(offer: VerbOffer) -> dict[str, object]:
    return {
        "verb": offer.verb.value,
        "what": offer.what,
        "confirm": offer.confirm,
        "needs_reason": offer.needs_reason,
        "takes_amount": offer.takes_amount,
        "leaves": None if offer.leaves is None else _leaves(offer.leaves),
    }


def _leaves(preview: VerbPreview) -> dict[str, object]:
    return {
        "long_btc": present.money(preview.long),
        "short_btc": present.money(preview.short),
        "delta_btc": present.money(preview.delta),
        "ltv_ratio": preview.ltv,
        "liquidation_usdt": present.money(None if preview.liquidation is None else round(preview.liquidation, 1)),
        "words": preview.words,
    }


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(body=present.encode(value), status=status, content_type="application/json", charset="utf-8")
