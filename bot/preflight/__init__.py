"""What must be true before anything may trade: a table of small checks over facts, run by hand, at every start and each hour.

Knows what a finding is, what it costs and how it is mended; does not trade, and writes only what `--fix` was asked to.
Begin at `findings`, then `checks`, which holds them all in order.
"""
