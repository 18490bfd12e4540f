"""HedgeLock: keeps the BTC behind a USDT loan delta-hedged on Bybit.

Knows: nothing itself; it is the front door. The rooms and who may know whom are drawn in docs/ARCHITECTURE.md.
Begin at `bot.app.run`, which wires the rooms, or at `bot.engine.engine.Engine.turn`, which is the wheel.
"""

__version__ = "0.1.0"
