"""The brain: it folds facts into state and thinks; it knows what we hold, what is in flight, and what may be done next.

Knows no socket, no clock, no disk, no asyncio, no logging: `now_ms` is an argument and the diary is a port.
Begin at `engine.Engine.turn`; then `modes` (what is allowed), `gate` (the only maker of orders), `ledger` (the only mover of legs).
"""
