"""The checks of the preflight that look at the debt: where it lives, and who may touch it.

What the daemon does about it is the engine's. Nothing here stands against trading for good: the hedge is worth having without the loan.
"""

from __future__ import annotations

from bot.domain.loan import LoanReading, Structure
from bot.modes import Mode
from bot.preflight.findings import Facts, Finding, Grade, account_of, is_silent, not_said, passed

__all__ = ["auto_repay", "loan"]

_IN_DEMO = "demo trading has neither loans nor transfers: no loan is watched or repaid here"


def loan(facts: Facts) -> Finding:
    """The structure that was found, and how it stands."""
    rules, reading = facts.settings.loan, account_of(facts).loan
    if facts.settings.mode is Mode.DEMO:
        return passed(_IN_DEMO)
    if not rules.enabled or rules.structure == "none":
        return passed("not managed: the settings say so")
    if reading is None:
        return _unread(facts, "loan", "Until it is read, no loan is watched or repaid")
    if reading.absent:
        return Finding(
            Grade.WARN,
            reading.absent,
            "Allow the key Spot trade and Account transfer, or HEDGELOCK__LOAN__ENABLED=false",
        )
    if reading.borrowed_elsewhere:
        mend = "Watched is one structure: name it with HEDGELOCK__LOAN__STRUCTURE, settle the other by hand"
        return Finding(Grade.WARN, f"{_told(reading)}; {reading.borrowed_elsewhere:.2f} USDT are owed elsewhere", mend)
    return passed(_told(reading))


def auto_repay(facts: Facts) -> Finding:
    """Bybit's own repayments every half hour, which would take what is set aside."""
    match account_of(facts).repays_itself:
        case None if facts.settings.mode is Mode.DEMO:
            return passed("demo trading repays nothing")
        case None:
            return _unread(facts, "auto repay", "Look at Bybit's spot margin settings")
        case True:
            return Finding(
                Grade.WARN,
                "Bybit repays USDT by itself at minute 0 and 30",
                "Switch it off where the USDT are meant as a reserve",
            )
        case _:
            return passed("Bybit does not repay by itself")


def _unread(facts: Facts, question: str, mend: str) -> Finding:
    said = not_said(facts, question)
    return said if is_silent(account_of(facts)) else Finding(Grade.WARN, said.line, mend)


def _told(reading: LoanReading) -> str:
    match reading.structure:
        case Structure.CRYPTO_LOAN:
            ltv = f", LTV {reading.venue_ltv:.1%}" if reading.venue_ltv is not None else ""
            return f"Crypto Loan: {reading.debt:.2f} USDT against {reading.pledged_btc.normalize():f} BTC{ltv}"
        case Structure.UTA:
            return f"borrowed in the unified account: {reading.principal:.2f} USDT"
        case _:
            return "there is no loan"
