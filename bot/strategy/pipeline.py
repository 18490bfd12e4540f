"""The precedence of all rules, in one function.

manual override > emergency > margin ladder > LTV floor > funding multiplier > volatility policy > user target;
then gap, band, allocation, leg order, execution class.
"""

from bot.strategy.decision import Decision, DecisionInputs

__all__ = ["Decision", "DecisionInputs", "decide"]


def decide(inputs: DecisionInputs) -> Decision:
    """Decide the next hedge. Pure: equal inputs give equal decisions."""
    raise NotImplementedError
