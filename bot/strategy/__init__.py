"""Knows the arithmetic: delta, hedge ratio, allocation, volatility, funding, profit, LTV, margin, and their precedence.
Does not know sockets, clocks, disks, Decimals, Bybit's words or any other room: numbers in, numbers out, `math` only.
Begin at `pipeline.decide`; `decision` holds its inputs and its answer, `reasons` the words for its codes."""
