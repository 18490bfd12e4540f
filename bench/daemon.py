"""What the daemon costs, as ratios to a floor or a peer in the same run: a tick heard, a decision, a turn, a commit, a start, memory.

    python -m bench.daemon [--count 4000]

CPU seconds of this process for what it computes; the wall for the disk and for whole processes. The median of five.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import ccxt

from bot.domain.clock import elapsed_s
from bot.domain.commands import Mode
from bot.domain.events import BarClosed, Event, Ticked, WalletSeen
from bot.domain.legs import Leg
from bot.engine import decider
from bot.exchange.market_stream import MarketStream
from bot.exchange.patience import Patience
from bot.journal.journal import Journal
from bot.strategy import pipeline, trade
from tests.unit.engine.desk import NOW_MS, Desk, a_reading, a_ticker
from tests.unit.exchange.frames import ack, delta, snapshot

ROUNDS = 5
# Linux: the peak is that of this program alone; resource's figure would include what forked it.
_PROBE = """import re, sys, time
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
print(time.process_time(), peak, file=sys.stderr)"""


def seconds(work: Callable[[], object], watch: Callable[[], float] = time.process_time) -> float:
    """The median of a few runs."""
    spent = []
    for _ in range(ROUNDS):
        begun = watch()
        work()
        spent.append(watch() - begun)
    return median(spent)


def tell(what: str, each_us: float, floor: str, floor_us: float) -> None:
    print(f"{what:<48}{each_us:>12.1f} us{each_us / floor_us:>9.2f} x  {floor} ({floor_us:.1f} us)")


def ingest(count: int) -> None:
    """A ticker's change: text to event, beside json.loads of the same text and ccxt's parse_ticker of one whole row."""
    frames = [
        delta(NOW_MS + n, markPrice=f"{116_000 + n % 50}.1", lastPrice=f"{116_000 + n % 50}.0") for n in range(count)
    ]

    def ours() -> None:
        stream = MarketStream(symbol="BTCUSDT", bar_minutes=5, patience=Patience())
        for sent in stream.connected(0.0):
            stream.receive(ack(sent), 0.0)
        for text in (snapshot(NOW_MS - 1), *frames):
            stream.receive(text, 1.0)

    row, peer = json.loads(snapshot())["data"], ccxt.bybit()
    each = 1e6 / count
    heard = seconds(ours) * each
    tell(
        "ingest: a ticker frame to an event",
        heard,
        "json.loads",
        seconds(lambda: [json.loads(text) for text in frames]) * each,
    )
    tell(
        "",
        heard,
        "ccxt: json.loads, parse_ticker",
        seconds(lambda: [_as_ccxt(peer, text, row) for text in frames]) * each,
    )


def _as_ccxt(peer: ccxt.bybit, text: str, row: dict[str, str]) -> object:
    return peer.parse_ticker({**row, **json.loads(text)["data"]})


def strategy(count: int) -> None:
    """One decision of a hedged book, and one by who holds the policy's wish already, beside putting the same answer together."""
    desk = a_hedged_desk()
    inputs = decider.inputs_of(desk.state, desk.now_ms)
    answer = pipeline.decide(inputs)
    wanted = pipeline.wish(inputs.policy, inputs.memory.vol_level, inputs.book.spot_btc, inputs.market.sigma_24h)
    clock = trade.clock_of(inputs)

    def put_together() -> object:
        parts = [type(part)(*part) if isinstance(part, tuple) else part for part in answer]
        return type(answer)(*parts)

    each = 1e6 / count
    floor = seconds(lambda: [put_together() for _ in range(count)]) * each
    for what, work in (
        ("strategy: decide", lambda: pipeline.decide(inputs)),
        ("strategy: decide_on, wish and clock held", lambda: pipeline.decide_on(inputs, wanted, clock)),
        ("strategy: the engine's inputs", lambda: decider.inputs_of(desk.state, desk.now_ms)),
    ):
        tell(what, seconds(lambda work=work: [work() for _ in range(count)]) * each, "its answer put together", floor)  # type: ignore[misc]


def turn(count: int) -> None:
    """Every kind of turn that comes often, of a hedged book in a calm market, beside the ingest's floor. None leads to an order."""
    frame = delta(NOW_MS)
    floor = seconds(lambda: [json.loads(frame) for _ in range(count)]) * 1e6 / count
    desk, few = a_hedged_desk(), count // 10
    wallet, pulse = WalletSeen(wallet=desk.state.wallet), Ticked()

    def turns(what: str, how_many: int, *events_of: Callable[[int], Event]) -> None:
        spent = []
        for _ in range(ROUNDS):
            agree(desk)
            events = [event_of(n) for n in range(how_many) for event_of in events_of]
            hear = desk.hear
            begun = time.process_time()
            for event in events:
                hear(event)
            spent.append(time.process_time() - begun)
            assert desk.state.mode is Mode.TRADING
            assert desk.state.hedge is None
        tell(f"turn: {what}", median(spent) * 1e6 / how_many, "json.loads", floor)

    def ticker(n: int) -> Event:
        return a_ticker(f"{116_000 + n % 50}", desk.now_ms)

    def bar(n: int) -> Event:
        last = desk.state.market.last_bar
        assert last is not None
        return BarClosed(bar=replace(last, start_ms=last.start_ms + (n + 1) * 300_000))

    turns("a ticker", count, ticker)
    turns("a wallet", count, lambda _: wallet)
    turns("a pulse, nothing has moved", few, lambda _: pulse)
    turns("a ticker and a pulse: a whole decision", few, ticker, lambda _: pulse)
    turns("the four of a second, one new mark", few, ticker, lambda _: pulse, ticker, lambda _: pulse)
    turns("a bar", few, bar)


def a_hedged_desk() -> Desk:
    """A desk whose first hedge is done."""
    desk = Desk()
    desk.start()
    while desk.state.hedge is not None:
        for order in desk.orders:
            if not desk.state.blotter.orders[order.order_link_id].is_settled:
                desk.accept(order)
                desk.fill(order)
        desk.pulse(0.5)
    agree(desk)
    return desk


def agree(desk: Desk) -> None:
    """A reading of the account that agrees, and a fresh price: nothing is due for some seconds, and time stands still."""
    legs = desk.state.ledger.legs
    desk.answer_reading(a_reading(f"{legs[Leg.LONG].qty}", f"{legs[Leg.SHORT].qty}"))
    desk.pulse()


def journal(count: int) -> None:
    """One record appended and committed, beside one bare SQLite insert with the same promises (WAL, synchronous=FULL)."""
    few = max(20, count // 40)
    with a_folder() as folder:
        bare = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
        bare.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(x)")
        text = snapshot()
        floor = seconds(lambda: [bare.execute("INSERT INTO t VALUES(?)", (text,)) for _ in range(few)], elapsed_s)
        bare.close()
        book = Journal(folder / "ours.sqlite")

        def ours() -> None:
            for n in range(few):
                book.append(a_ticker(at_ms=NOW_MS + n), NOW_MS + n)
                book.commit()

        tell(
            "journal: append and commit", seconds(ours, elapsed_s) * 1e6 / few, "bare SQLite insert", floor * 1e6 / few
        )
        book.close()


def start() -> None:
    """`hedgelock version`, and everything that a daemon imports, beside a Python that does nothing. Memory is the peak of the process."""
    floor, floor_mb = _process("pass")
    for what, code in (
        (
            "start: hedgelock version",
            "import sys; sys.argv[1:] = ['version']; from bot.cli.command import app\napp(standalone_mode=False)",
        ),
        ("start: every import of a daemon", "import bot.app"),
        ("peer: import ccxt.pro", "import ccxt.pro"),
    ):
        taken, mb = _process(code)
        tell(what, taken * 1e6, "python -c pass", floor * 1e6)
        print(f"{'  memory, MB':<48}{mb:>12.0f}   {mb / floor_mb:>9.2f} x  python -c pass ({floor_mb:.0f} MB)")


def _process(code: str) -> tuple[float, float]:
    """(median CPU seconds, peak MB) of a Python that runs `code`."""
    probe = f"{code}\n{_PROBE}"
    runs = [
        subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stderr.split()[-2:]
        for _ in range(ROUNDS)
    ]
    return median(float(cpu) for cpu, _ in runs), median(int(kb) / 1024 for _, kb in runs)


@contextmanager
def a_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=4000, help="how many of each")
    count = parser.parse_args().count
    print(f"{'what':<48}{'each':>15}{'ratio':>11}  to")
    ingest(count)
    strategy(count)
    turn(count)
    journal(count)
    start()


if __name__ == "__main__":
    main()
