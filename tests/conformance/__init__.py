"""One suite, any V5 host: small stories about what Bybit does, and real clients living through a day.

Knows Bybit's documents and the simulator's control hand; nothing of the bot and nothing of the venue's insides.
Begin at `cards.CARDS`; `test_simulator` plays them here, `test_testnet` on Bybit testnet with keys of your own.
"""
