"""The shore that touches Bybit V5: streams in, questions asked, orders sent, every answer turned into domain values.

Knows Bybit's wire, its codes and its moods; does not know what a hedge is, and decides nothing.
Begin at `executor` (what we ask of Bybit) and `socket.drive` (what Bybit tells us).

Wiring, as the composition root does it::

    patience = Patience()
    budget = Budget()
    rest = Rest(hosts, credentials, budget=budget, patience=patience)
    reader = Reader(rest, clock, symbol="BTCUSDT", rng=Random(1), patience=patience)
    executor = Executor(rest, reader, inbox, clock, patience=patience)
    market = MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=patience)
    private = PrivateStream(symbol="BTCUSDT", credentials=credentials, server_ms=rest.server_ms, patience=patience)

    async with rest, asyncio.TaskGroup() as tasks:      # `async with rest` opens the connections and reads the venue's clock
        tasks.create_task(executor.run())
        tasks.create_task(drive(market, hosts.public_stream, inbox, rng=Random(2), patience=patience))
        tasks.create_task(drive(private, hosts.private_stream, inbox, rng=Random(3), patience=patience))
        ...
        executor.submit(command)                        # never waits; the answer arrives in the inbox
        await executor.drain(deadline_s=4.0)            # a clean stop: orders already taken are seen through, new ones refused
"""
