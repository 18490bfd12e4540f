"""The past, at two speeds: the strategy over years of bars in a compiled loop, and the whole engine against the venue in virtual time.
Knows history, costs and figures of merit; knows no socket and no journal, and the daemon never imports it.
Begin at kernel.py (the fast loop), then book.py (its arrays), policies.py (what is compared) and replay.py (full fidelity).
"""
