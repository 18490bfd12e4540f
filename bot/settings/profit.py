"""The section on profit: when the perps' profit is turned into cash, and how. The rules of the file are those of `sections`."""

from __future__ import annotations

from typing import Literal

from bot.settings.sections import Section, key


class ProfitSettings(Section):
    """When perp profit is turned into cash, and how."""

    action: Literal["realise", "close", "off"] = key(
        "realise",
        "realise: close the leg that gained and open it again, delta kept; close: the perps go, down to the loan's floor; off",
        room="engine",
    )
    k: float = key(
        1.5, "target: price moves k x sigma in favour of the net perp", room="engine", unit="sigma", ge=0.1, le=20
    )
    trail: float = key(
        0.30, "share of the peak that may be given back", room="engine", unit="fraction", ge=0.01, le=0.99
    )
    least_usdt: float = key(
        150.0, "peak that arms the trailing stop, at least", room="engine", unit="USDT", ge=1, le=1_000_000
    )
    arm_round_trips: float = key(
        5.0, "and at least so many times the cost of closing and reopening", room="engine", unit="x", ge=1, le=100
    )
    gain_round_trips: float = key(
        3.0, "closing must bring so many times its cost; by hand it is not asked", room="engine", unit="x", ge=1, le=100
    )
