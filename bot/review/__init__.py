"""The journal looked back at: its decisions taken again and told in words, and its story in numbers.

Knows the journal's records and the engine that folds them; does not write, and does not know the running daemon.
Begin at `replay`, which folds a journal again, then `reasoning`, which tells one decision.
"""
