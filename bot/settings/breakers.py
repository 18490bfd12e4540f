"""The settings of the breakers: figures at which no leg grows any more, until they are over or a person has looked."""

from __future__ import annotations

from bot.settings.sections import Section, key


class BreakerSettings(Section):
    """Where the breakers trip. Loose by default: a book that is hedged reaches none of them, and a tripped one hedges less."""

    daily_loss: float = key(0.30, "loss of equity in a UTC day", room="engine", unit="fraction", ge=0.01, le=0.9)
    drawdown: float = key(0.50, "fall from the highest equity", room="engine", unit="fraction", ge=0.02, le=0.9)
    funding_cost: float = key(
        0.02, "funding paid in a UTC day, of equity", room="engine", unit="fraction", ge=0.0005, le=0.5
    )
    volatility: float = key(0.30, "24 h volatility", room="engine", unit="fraction/24h", ge=0.02, le=2)
    rejects: int = key(8, "orders refused in a row, want of margin apart", room="engine", unit="orders", ge=2, le=50)
