"""What is remembered of the loan: the venue's last word on the debt, what was paid, and what profit has put aside for it.

Knows its own consistency only; what follows from it is in `loan` and `ltv`.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.commands import PaymentRefused
from bot.domain.loan import LoanReading, Structure
from bot.domain.money import ZERO
from bot.engine.config import LoanRules
from bot.engine.repayment import Payment

__all__ = ["LoanBook"]

KEPT_PAYMENTS = 50


@dataclass(slots=True)
class LoanBook:
    """Everything known of the loan. Outlives a restart, except the reading's freshness."""

    reading: LoanReading | None = None
    reading_ms: int = 0
    """When the reading was begun."""
    index_then: float = math.nan
    """The index price when it arrived."""
    asked_ms: int | None = None
    asked_last_ms: int | None = None
    urgent: str = ""
    not_before_ms: int = 0
    disagreements: int = 0
    adopted: Structure | None = None
    """The structure of the loan that our account is of."""
    first_principal: Decimal = ZERO
    pledge_rumour: Decimal | None = None
    pledge_rumour_ms: int = 0
    pledged: Decimal | None = None
    """BTC in the loan, as it is believed; None: never read."""

    payments: deque[Payment] = field(default_factory=lambda: deque(maxlen=KEPT_PAYMENTS))
    """Newest last; at most the last has not ended."""
    made: int = 0
    """Payments ever planned: the number of the last."""
    paid: deque[tuple[int, Decimal]] = field(default_factory=lambda: deque(maxlen=200))
    paid_to_date: Decimal = ZERO
    paid_interest: Decimal = ZERO
    ended_ms: int = 0
    debt_expected: Decimal | None = None
    """What the last payment left of the debt; a reading that shows much more is older than the payment, until it persists."""
    drops: int = 0
    """Payments in a row that came to nothing."""
    dropped_ms: int = 0

    pot: Decimal = ZERO
    """Cash that realised profit brought and that no payment has taken."""
    unshared: Decimal = ZERO
    """Realised profit of which the loan has not had its share."""
    reserve_used: Decimal = ZERO
    reserve_filled: Decimal = ZERO
    scheduled_ms: int | None = None
    """When the standing order was last carried out, or began to run."""
    refused: PaymentRefused | None = None
    refused_ms: int = 0
    holds_gains: bool = False
    """Gains that were asked for because of the LTV have come, and have not been repaid yet."""
    realise_asked_ms: int | None = None
    """When profit was last asked for, and none has come since."""
    compared_ms: int | None = None
    """When our account of the debt was last compared with the venue's."""
    books_debt: Decimal | None = None
    """Our account: the debt of the first reading, plus the interest that is added to it, less what we paid."""
    books_ms: int = 0

    @property
    def open(self) -> Payment | None:
        """The payment in motion."""
        return self.payments[-1] if self.payments and not self.payments[-1].has_ended else None

    @property
    def structure(self) -> Structure | None:
        """Where the debt lives; None while never read."""
        return self.reading.structure if self.reading is not None else None

    def paid_since(self, moment_ms: int) -> Decimal:
        """USDT repaid from a moment on, what is on its way counted as paid."""
        done = sum((amount for at_ms, amount in self.paid if at_ms >= moment_ms), ZERO)
        return done + (self.open.plan.amount if self.open is not None else ZERO)

    def reserve(self, rules: LoanRules) -> Decimal:
        """USDT set aside: what the settings say, less what was spent, plus what profit brought back."""
        return min(rules.reserve_usdt, max(ZERO, rules.reserve_usdt - self.reserve_used + self.reserve_filled))

    def want(self, why: str) -> None:
        """Ask for a reading before its time."""
        self.urgent = why

    def see_pledge(self, pledged: Decimal, now_ms: int, believed_after_ms: int) -> None:
        """As with the wallet: a change is believed when nothing has contradicted it for longer than any read may lag."""
        if self.pledged is None or pledged == self.pledged:
            self.pledged, self.pledge_rumour = pledged, None
        elif self.pledge_rumour != pledged:
            self.pledge_rumour, self.pledge_rumour_ms = pledged, now_ms
        elif now_ms - self.pledge_rumour_ms >= believed_after_ms:
            self.pledged, self.pledge_rumour = pledged, None
