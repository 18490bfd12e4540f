"""What another system says of funding. It may hold us back; it can move nothing.

While it calls funding hotter than our own regime, a decision of ours that would grow |delta| is taken again as if funding were unknown,
and unknown funding grows nothing (`strategy.trade`). A decision that does not grow |delta| never asks here. So whatever is said outside,
|delta| ends no larger than by our own word, and emergencies, margin calls and a person's hand, which no unknown holds back, go on.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.events import FundingContextSeen
from bot.strategy import decision, pipeline, reasons, trade
from bot.strategy import funding as rates
from bot.strategy.decision import Decision, DecisionInputs

__all__ = ["OutsideFunding", "heeded"]


@dataclass(slots=True)
class OutsideFunding:
    """The last word heard. `at_ms` is its sender's time; a word older than the one kept is not taken."""

    regime: int = rates.UNKNOWN
    at_ms: int = 0
    source: str = ""

    def fold(self, word: FundingContextSeen) -> None:
        if word.at_ms >= self.at_ms:
            self.regime, self.at_ms, self.source = reasons.parse_funding_regime(word.regime), word.at_ms, word.source

    def regime_at(self, now_ms: int, stale_ms: int) -> int:
        """The regime it names, UNKNOWN where nothing was said for `stale_ms`; 0 ms: nobody listens."""
        return self.regime if now_ms - self.at_ms < stale_ms else rates.UNKNOWN


def heeded(regime: int, inputs: DecisionInputs, answer: Decision) -> tuple[DecisionInputs, Decision] | None:
    """The decision taken again without our own word on funding, where an outside `regime` stands against it; None: the answer stands.

    It stands where |delta| would not grow by it, and where doubt would leave |delta| no smaller.
    """
    grows = answer.action == decision.TRADE and trade.grows(
        answer.delta_btc, answer.delta_after_btc, inputs.instrument.step_btc
    )
    if not (grows and regime > inputs.market.funding_regime >= 0):
        return None
    doubted = inputs._replace(market=inputs.market._replace(funding_regime=rates.UNKNOWN))
    again = pipeline.decide(doubted)
    return (doubted, again) if abs(again.delta_after_btc) < abs(answer.delta_after_btc) else None
