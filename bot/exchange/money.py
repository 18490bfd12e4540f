"""Money deeds carried out: a transfer, a repayment; each sent once, each ending in a verdict.

Knows the words and what an answer proves; the executor sees to it that a deed outlives a stop.
"""

from __future__ import annotations

import structlog

from bot.domain.clock import elapsed_s
from bot.domain.commands import RepayDebt, TransferCoin
from bot.domain.errors import OutcomeUnknown, Refused
from bot.domain.events import MoneyAnswered
from bot.domain.loan import Fate, Structure
from bot.domain.orders import Verdict
from bot.exchange import wire_loan
from bot.exchange.rest import NEVER_LEFT, Rest, Tell
from bot.exchange.wire_rows import BadRow

__all__ = ["money_answered", "send_money"]

_log = structlog.get_logger("exchange.money")


async def send_money(rest: Rest, deed: TransferCoin | RepayDebt) -> MoneyAnswered:
    """The deed's verdict. Only what the venue or our own machine proved is a refusal."""
    started_s = elapsed_s()
    try:
        fate, ref = await _told(rest, deed)
    except Refused as error:
        code = None if error.code == NEVER_LEFT else error.code
        answer = money_answered(deed, Verdict.REFUSED, code, error.reason)
    except OutcomeUnknown as error:
        answer = money_answered(deed, Verdict.UNKNOWN, error.code, error.reason)
    except BadRow as error:
        answer = money_answered(deed, Verdict.UNKNOWN, 0, str(error))
    except Exception as error:  # noqa: BLE001  (whatever broke here, the money may have moved)
        _log.exception("a mistake of ours while paying", payment=deed.payment)
        answer = money_answered(deed, Verdict.UNKNOWN, None, f"{type(error).__name__} while paying")
    else:
        answer = money_answered(deed, Verdict.ACCEPTED, 0, "accepted", fate=fate, ref=ref)
    _log.info(
        "money answered",
        payment=deed.payment,
        deed=answer.deed,
        usdt=str(deed.amount),
        verdict=answer.verdict.value,
        fate=answer.fate.value if answer.fate else None,
        code=answer.code,
        reason=answer.reason,
        took_ms=round((elapsed_s() - started_s) * 1000, 1),
    )
    return answer


async def _told(rest: Rest, deed: TransferCoin | RepayDebt) -> tuple[Fate, str]:
    if isinstance(deed, TransferCoin):
        result = await rest.tell(Tell.TRANSFER, wire_loan.transfer_params(deed))
        return wire_loan.transfer_fate(result, deed.transfer_id)
    if deed.structure is Structure.CRYPTO_LOAN:
        return wire_loan.loan_fate(await rest.tell(Tell.REPAY_LOAN, wire_loan.loan_repay_params(deed)))
    return wire_loan.uta_fate(await rest.tell(Tell.REPAY_UTA, wire_loan.repay_params(deed)))


def money_answered(
    deed: TransferCoin | RepayDebt,
    verdict: Verdict,
    code: int | None,
    reason: str,
    *,
    fate: Fate | None = None,
    ref: str = "",
) -> MoneyAnswered:
    """The event that tells how a deed ended."""
    return MoneyAnswered(
        payment=deed.payment, deed=type(deed).__name__, verdict=verdict, code=code, reason=reason, fate=fate, ref=ref
    )
