"""Every code has its words."""

import math

import pytest

from bot.strategy import codes, reasons
from bot.strategy.pipeline import decide
from tests.unit.strategy.books import a_question

CODES = {name: value for name, value in vars(codes).items() if name.isupper() and name != "FIRST_HOLD"}


def test_every_code_has_one_number_and_words():
    """A journal holds the number; a person reads the words."""
    assert len(CODES) == len(set(CODES.values()))
    assert set(CODES.values()) == set(reasons.TEXT)


def test_a_code_from_another_version_is_said_to_be_unknown():
    """Reading an old journal never fails."""
    assert reasons.text(99999) == "reason 99999, unknown to this version"


@pytest.mark.parametrize(("name", "regime"), [("extreme", 4), ("EXTREME", 4), (" Heated ", 2), ("unknown", -1)])
def test_regimes_are_read_in_any_case(name, regime):
    """Lower case is no other regime."""
    assert regime == reasons.parse_funding_regime(name)


def test_an_unknown_regime_is_an_error():
    """It does not pass as harmless."""
    with pytest.raises(ValueError, match="none of UNKNOWN, NEUTRAL"):
        reasons.parse_funding_regime("BLISS")


def test_a_decision_reads_as_reasoning():
    """The seed book, told."""
    assert reasons.explain(decide(a_question())) == (
        "user: +0.2700 -> +0.0000 BTC, the target delta that was set (0)",
        "volatility: middle volatility (0.4)",
        "funding: funding leaves the hedge whole (1)",
        "LTV floor: the hedge is above the LTV insurance (0.05602)",
        "margin: margin carries the short leg (10.04)",
        "emergency: no emergency",
        "by hand: no override",
        "delta +0.2700 BTC, target +0.0000, gap -0.2700",
        "trade: the policy is new or changed: the whole gap counts, not the band; "
        "long -162 steps, short +108 steps, long first, market",
        "leaves delta +0.0000 BTC",
    )


def test_a_hold_and_a_refusal_read_too():
    """A hold ends with its reason, a refusal is one line."""
    held = reasons.explain(decide(a_question(settled=True, long_steps=0, short_steps=272)))
    assert held[-1] == "hold: the gap is inside the no-trade band"
    assert reasons.explain(decide(a_question(price=math.nan))) == ("refuse: the price is unknown or impossible",)
