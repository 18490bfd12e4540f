"""The last resort: closes what must be closed when everything else may be broken.

Knows Bybit through pybit, the latch file, and a few variables, read leniently; it does not know the engine, the journal or the settings.
Begin at `scripts/kill_switch.py`, then `work.carry_out`.
"""
