"""The window's own process: it serves the dashboard beside the engine, so that no crowd before it can take an engine's turn.

Knows the cord between the two and how one process keeps the other. Does not know settings, keys or exchange. It looks, and passes verbs on.
Begin at keeper.py (the engine's end), then pane.py (the window's).
"""
