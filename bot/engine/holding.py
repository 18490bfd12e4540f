"""How much of the spot coin is held, as it is believed: observations lag, and executions may tell sooner than a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.money import ZERO

__all__ = ["Holding"]


@dataclass(slots=True)
class Holding:
    """The spot coin, as it is believed. A read may lag and show yesterday's wallet, and a wallet has no sequence: so a change is believed
    when nothing has contradicted it for longer than any read may lag. Until then the old holding stands."""

    qty: Decimal | None = None
    rumour: Decimal | None = None
    rumour_ms: int = 0
    is_remembered: bool = False
    """It is from an earlier run: the next observation replaces it."""
    explained: Decimal = ZERO
    """A change that executions have told and no wallet has shown yet."""
    explained_ms: int = 0

    def see(self, qty: Decimal, now_ms: int, *, least: Decimal, believed_after_ms: int) -> None:
        """Take an observation in. Changes below `least` matter to nobody and are taken at once."""
        if self.qty is not None and not self.is_remembered and abs(qty - self.qty) < least:
            self.qty, self.rumour, self.rumour_ms = qty, None, 0  # what is explained may be on its way still
        elif self.qty is None or self.is_remembered or self._is_explained(qty, now_ms, least, believed_after_ms):
            self._believe(qty)
        elif self.rumour is None or abs(qty - self.rumour) >= least:
            self.rumour, self.rumour_ms = qty, now_ms
        elif now_ms - self.rumour_ms >= believed_after_ms:
            self._believe(qty)

    def explain(self, change: Decimal, now_ms: int, *, least: Decimal, believed_after_ms: int) -> None:
        """Executions tell that the holding changed: a wallet that shows just that is believed at once, whichever came first."""
        if now_ms - self.explained_ms > believed_after_ms:
            self.explained = ZERO
        self.explained += change
        self.explained_ms = now_ms
        if self.rumour is not None and self._is_explained(self.rumour, now_ms, least, believed_after_ms):
            self._believe(self.rumour)

    def _is_explained(self, qty: Decimal, now_ms: int, least: Decimal, believed_after_ms: int) -> bool:
        """Whether executions tell of this holding; what they told longer ago than any read may lag has been shown since."""
        if not self.explained or self.qty is None or now_ms - self.explained_ms > believed_after_ms:
            return False
        return abs(qty - self.qty - self.explained) < least

    def forget(self) -> None:
        """A new run: the next observation is believed at once."""
        self.rumour, self.rumour_ms, self.is_remembered = None, 0, True

    def _believe(self, qty: Decimal) -> None:
        self.qty, self.rumour, self.rumour_ms, self.is_remembered = qty, None, 0, False
        self.explained, self.explained_ms = ZERO, 0
