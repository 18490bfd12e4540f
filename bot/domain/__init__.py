"""The words: values every room speaks in (money, instrument, events, commands, orders, legs, account, view, errors, clock).

Knows no socket, no disk, no logging, no arithmetic of the strategy, and imports nothing of ours.
Begin at `events` (what comes in) and `commands` (what goes out); `clock` is the only place that reads a watch.
"""
