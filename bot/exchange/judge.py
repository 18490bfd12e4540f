"""What one REST reply proves. Pure: bytes and a status in, a result or one of the named errors out.

Knows the envelope and the table of codes; does not know how the reply was fetched. An HTML page, an empty body or half a JSON is "no
observation" for a question and "outcome unknown" for an order, never an empty list and never a refusal.
(Bybit: guide, error, rate-limit/rate-limit.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from bot.domain.errors import OutcomeUnknown, Refused, Unavailable
from bot.domain.orders import Verdict
from bot.exchange.codes import Fate, fate_of_code, fate_of_status, verdict_of_code, verdict_of_status
from bot.exchange.wire_rest import Envelope, envelope
from bot.exchange.wire_rows import BadRow, clipped

__all__ = ["Reply", "headroom", "judge_answer", "judge_deed", "ret_code"]

_LONGEST_RESET_S = 10.0


class Reply(NamedTuple):
    """A reply as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def judge_answer(reply: Reply, *, name: str, now_ms: int | None = None) -> Envelope:
    """The envelope of a question's answer. Raises Unavailable, or Refused where asking again cannot help.

    `now_ms` is the venue's time (None: not known), against which its wish to be asked later is read.
    """
    if reply.status != 200:
        fate, reason = fate_of_status(reply.status)
        raise _read_error(fate, reply.status, f"{name}: HTTP {reply.status}: {reason}", reply, now_ms)
    try:
        answer = envelope(reply.body)
    except BadRow:
        raise Unavailable(f"{name}: not an answer: {clipped(reply.body)[:80]!r}") from None
    if answer.ret_code != 0:
        fate, reason = fate_of_code(answer.ret_code)
        said = f"{name}: {reason} ({answer.ret_code}: {clipped(answer.ret_msg or '')[:120]})"
        raise _read_error(fate, answer.ret_code, said, reply, now_ms)
    return answer


def judge_deed(reply: Reply) -> msgspec.Raw:
    """The `result` of a deed that was accepted. Raises Refused where the venue proved that it was not, else OutcomeUnknown."""
    if reply.status != 200:
        verdict, reason = verdict_of_status(reply.status)
        code, said = reply.status, f"HTTP {reply.status}: {reason}"
    else:
        try:
            answer = envelope(reply.body)
        except BadRow:
            raise OutcomeUnknown(f"the answer is not one: {clipped(reply.body)[:80]!r}") from None
        verdict, reason = verdict_of_code(answer.ret_code)
        if verdict is Verdict.ACCEPTED:
            return answer.result
        code, said = answer.ret_code, f"{reason} ({clipped(answer.ret_msg or '')[:120]})"
    if verdict is Verdict.REFUSED:
        raise Refused(code, said)
    raise OutcomeUnknown(said, code)


def ret_code(reply: Reply) -> int | None:
    """The reply's retCode, or None where it has none."""
    try:
        return envelope(reply.body).ret_code
    except BadRow:
        return None


def headroom(reply: Reply) -> float | None:
    """The share of this endpoint's rate that the reply says is left, 0 to 1; None where it does not say (Bybit: rate-limit/rate-limit)."""
    said = {name.lower(): value for name, value in reply.headers.items()}
    limit, left = said.get("x-bapi-limit", ""), said.get("x-bapi-limit-status", "")
    if not (
        limit.isascii() and limit.isdigit() and left.isascii() and left.isdigit() and 0 < len(limit) < 10 and int(limit)
    ):
        return None
    return min(1.0, int(left[:10]) / int(limit))


def _read_error(fate: Fate, code: int, reason: str, reply: Reply, now_ms: int | None) -> Unavailable | Refused:
    if fate is Fate.FATAL:
        return Refused(code, reason)
    return Unavailable(reason, retry_after_s=_reset_in_s(reply, now_ms))


def _reset_in_s(reply: Reply, now_ms: int | None) -> float | None:
    """When the venue's rate window frees up, 0 to 10 s from now (Bybit: rate-limit/rate-limit, X-Bapi-Limit-Reset-Timestamp)."""
    raw = {name.lower(): value for name, value in reply.headers.items()}.get("x-bapi-limit-reset-timestamp", "")
    if now_ms is None or not raw.isascii() or not raw.isdigit() or len(raw) > 15:
        return None
    return min(_LONGEST_RESET_S, max(0.0, (int(raw) - now_ms) / 1000))
