"""Alerts: what a person must hear of, said once, repeated while it lasts, taken back when it is over, and proved to have arrived.

Knows the view, the journal's notes, and how five kinds of channel confirm a message; it decides nothing and never delays the engine.
Begin at `service.Alerts`, the task; `rules` says what is worth a message, `desk` when, `post` by which way, `channels` how.
"""
