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


@pytest.mark.parametrize(
    ("trigger", "code", "delta", "target", "sentence"),
    [
        ("first look", codes.FIRST_HEDGE, 0.27, 0.0,
         "first look: delta 0.270 BTC is 0.270 over the target, outside the band of 0.010: the whole gap is closed"),
        ("", codes.BAND_LEFT, -0.013, 0.0,
         "delta -0.013 BTC is 0.013 under the target, outside the band of 0.010: trade back to inside it"),
        ("review", codes.INSIDE_BAND, 0.104, 0.1,
         "review: delta 0.104 BTC is 0.004 over the target of 0.100, inside the band of 0.010: let it be"),
        ("review", codes.INSIDE_BAND, 0.01, 0.0,
         "review: delta 0.010 BTC is 0.010 over the target, inside the band of 0.010: let it be"),
        ("", codes.SCHEDULE_DUE, 0.004, 0.0,
         "delta 0.004 BTC is 0.004 over the target, inside the band of 0.010: the scheduled look closes the whole gap"),
        ("review", codes.ON_TARGET, -0.0004, 0.0, "review: delta 0.000 BTC is on target"),
        ("LTV rung", codes.LTV_DEFENCE, 0.05, 0.0,
         "LTV rung: delta 0.050 BTC is 0.050 over the target, outside the band of 0.010: "
         "LTV asks for full cover without a long leg"),
        ("refusal", codes.PRICE_UNKNOWN, None, None, "refusal: the price is unknown or impossible"),
    ],
)  # fmt: skip
def test_a_decision_is_a_sentence(trigger, code, delta, target, sentence):
    """What made us look, where delta stands, what follows; nothing twice."""
    assert sentence == reasons.told(trigger, reasons.text(code), delta, target, 0.010)


def test_a_hold_and_a_refusal_read_too():
    """A hold ends with its reason, a refusal is one line."""
    held = reasons.explain(decide(a_question(settled=True, long_steps=0, short_steps=272)))
    assert held[-1] == "hold: the gap is inside the no-trade band"
    assert reasons.explain(decide(a_question(price=math.nan))) == ("refuse: the price is unknown or impossible",)
