"""The loan over real sockets: a fall from 116,000 to 45,000 swept and unswept, and a rally to 240,000 in both structures.

The tapes are made here from the sample's own bars: the hours before, then the worst quarter of an hour of 10 October 2025 again and again
(or its mirror image), until the price is where the story ends.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from bot.simulator.tape import sample_bars
from tests.acceptance.processes import ROOT, Daemon, Venue, a_daemon, wait_for

pytestmark = pytest.mark.acceptance

CRASH_ENDS_MS = 1_760_131_200_000  # 2025-10-10 21:20 UTC
BAR_MS = 300_000
CRASH_BARS = 3
BEFORE_BARS, QUIET_BARS = 160, 3
START_PRICE = 116_000


def a_tape(folder: Path, end_price: int) -> tuple[Path, int]:
    """(a bar file, its first played moment): real bars scaled to 116,000, then a real fall repeated down, or its mirror image up."""
    bars = list(sample_bars())
    last = next(i for i, bar in enumerate(bars) if bar.at_ms == CRASH_ENDS_MS) - 1
    first = last - CRASH_BARS + 1
    before = bars[first - BEFORE_BARS : first]
    scale = START_PRICE / (before[-1].close / 10)
    rows = [[bar.open, bar.high, bar.low, bar.close] for bar in before]
    rows = [[price * scale / 10 for price in row] for row in rows]
    price = float(START_PRICE)
    rows += [[price, price, price, price]] * QUIET_BARS
    fall = bars[first : last + 1]
    shape = [[getattr(bar, name) / fall[0].open for name in ("open", "high", "low", "close")] for bar in fall]
    rising = end_price > START_PRICE
    while (price < end_price) if rising else (price > end_price):
        leg = [[price / part if rising else price * part for part in parts] for parts in shape]
        rows += [[row[0], row[2], row[1], row[3]] if rising else row for row in leg]
        price = rows[-1][3]
    rows += [[price, price, price, price]] * 40
    begins = CRASH_ENDS_MS - BEFORE_BARS * BAR_MS
    path = folder / "tape.csv"
    with path.open("w", newline="", encoding="ascii") as stream:
        writer = csv.writer(stream)
        writer.writerow(("ts_ms", "open", "high", "low", "close", "volume"))
        for number, row in enumerate(rows):
            opened, high, low, close = (round(value, 1) for value in row)
            high, low = max(opened, high, close), min(opened, low, close)
            writer.writerow((begins + number * BAR_MS, opened, high, low, close, "50.000"))
    return path, begins + BEFORE_BARS * BAR_MS


@contextmanager
def a_venue(folder: Path, *, end_price: int, speed: float, structure: str, short: str, cash: str) -> Iterator[Venue]:
    """A paused venue with a hedged book and 16,200 USDT of debt in one of the two structures; `cash` carries the short."""
    tape, start_ms = a_tape(folder, end_price)
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(start_ms / 1000))
    apart = structure == "crypto_loan"
    book = {
        "SPOT_BTC": "0.27", "LOAN_USDT": "0" if apart else "16200", "CASH_USDT": cash,
        "LONG_BTC": "0", "SHORT_BTC": short, "LEVERAGE": "10",
    }  # fmt: skip
    plain = {name: text for name, text in os.environ.items() if not name.startswith("HEDGELOCK")}
    env = plain | {"PYTHONPATH": str(ROOT)} | {f"HEDGELOCK__PAPER__{name}": value for name, value in book.items()}
    words = [f"--tape={tape}", f"--start={start}", f"--speed={speed}", "--paused"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "simulate", *words], cwd=folder, env=env, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        venue = Venue(url=json.loads(process.stdout.readline())["listening"])
        if apart:
            _pledge(venue)
        yield venue
    finally:
        process.terminate()
        process.wait(10)


def _pledge(venue: Venue) -> None:
    """The owner pledges the BTC, borrows against it, and spends what was borrowed."""

    def owner(path: str, **params: Any) -> None:
        answer = venue.ask("owner", account="paper", path=path, params=params)
        assert answer["retCode"] == 0, answer

    transfer = {"transferId": "11111111-1111-4111-8111-111111111111", "coin": "BTC", "amount": "0.27"}
    owner("/v5/asset/transfer/inter-transfer", **transfer, fromAccountType="UNIFIED", toAccountType="FUND")
    pledge = [{"currency": "BTC", "amount": "0.27"}]
    owner("/v5/crypto-loan-flexible/borrow", loanCurrency="USDT", loanAmount="16200", collateralList=pledge)
    transfer = {"transferId": "22222222-2222-4222-8222-222222222222", "coin": "USDT", "amount": "16200"}
    owner("/v5/asset/transfer/inter-transfer", **transfer, fromAccountType="FUND", toAccountType="UNIFIED")
    owner("/v5/account/demo-apply-money", adjustType=1, utaDemoApplyMoney=[{"coin": "USDT", "amountStr": "16200"}])


def follow(venue: Venue, daemon: Daemon, ended: Callable[[D], bool], seconds: float) -> tuple[D, D]:
    """Watch the venue's own LTV until the price has arrived; returns the worst LTV seen and the last price."""
    worst, deadline = D(0), time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert daemon.process.poll() is None, "the daemon died"
        worst = max(worst, D(_owner_sees(venue, "/v5/crypto-loan-common/position")["ltv"]))
        tickers = venue.client.get_tickers(category="linear", symbol="BTCUSDT")["result"]["list"]
        price = D(tickers[0]["indexPrice"])
        if ended(price):
            return worst, price
        time.sleep(0.05)
    raise AssertionError(f"the price never arrived; it is {price}")


def _owner_sees(venue: Venue, path: str) -> dict[str, Any]:
    """What a page tells the account's owner: outside the quotas that the daemon's own questions count against."""
    asked = json.dumps({"account": "paper", "method": "GET", "path": path, "params": {}}).encode()
    request = urllib.request.Request(f"{venue.url}/sim/owner", data=asked, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)["result"]  # type: ignore[no-any-return]


def fees(truth: dict[str, Any]) -> D:
    return sum((D(row["fee"]) for row in truth["executions"] if row["exec_type"] != "Funding"), D(0))


def was_liquidated(truth: dict[str, Any]) -> bool:
    by_loan = any(row["kind"] in (2, 6) for row in truth["loans"]["repayments"])
    return by_loan or any(row["type"] == "LIQUIDATION" for row in truth["log"])


def go(venue: Venue, daemon: Daemon) -> None:
    """Let time run once the daemon has seen its book."""
    venue.ask("resume", method="POST")
    wait_for(lambda: daemon.status()["mode"]["name"] == "TRADING", seconds=60, what="TRADING")


SETTINGS = {"HEDGE__MODE": "target", "FUNDING__MULTIPLIER": "off", "PROFIT__ACTION": "off"}
"""The whole spot is hedged and nothing but the loan asks for profit."""


@pytest.mark.campaign
@pytest.mark.timeout(1200)
def test_a_swept_loan_survives_a_fall_to_45000(tmp_path: Path) -> None:
    """Just enough gain is realised, moved and repaid: never above 60.5 %, for less than 60 USDT.

    A second of the plant is twenty of this market, in which the price falls by half a per cent and a capped order misses more than once:
    at this pace the sweep begins two and a half points early.
    """
    with (
        a_venue(tmp_path, end_price=45_000, speed=20, structure="crypto_loan", short="0.27", cash="8000") as venue,
        a_daemon(tmp_path, venue=venue, **SETTINGS, LOAN__SWEEP_FROM="0.575") as daemon,
    ):
        go(venue, daemon)
        worst, _ = follow(venue, daemon, lambda price: price <= 45_500, 900)
        truth = venue.truth()
        status = daemon.status()
        assert daemon.stop() == 0

    repaid = [D(row["amount"]) for row in truth["loans"]["repayments"]]
    told = f"worst LTV {worst}, fees {fees(truth)}, repaid {repaid}, coverage {status['loan']['coverage_ratio']}"
    assert not was_liquidated(truth), told
    assert worst <= D("0.605"), told
    assert fees(truth) < 60, told
    assert sum(repaid) == D(status["loan"]["paid_to_date_usdt"]), told
    assert D(truth["loans"]["collateral"]["BTC"]) == D("0.27"), told


@pytest.mark.campaign
@pytest.mark.timeout(300)
def test_the_same_loan_unswept_is_liquidated(tmp_path: Path) -> None:
    """Unrealised gains do not count for the lender: the same hedge, left alone, loses the coin it protects."""
    with (
        a_venue(tmp_path, end_price=45_000, speed=200, structure="crypto_loan", short="0.27", cash="8000") as venue,
        a_daemon(tmp_path, venue=venue, **SETTINGS, LOAN__SWEEP="false") as daemon,
    ):
        go(venue, daemon)
        wait_for(lambda: was_liquidated(venue.truth()), seconds=200, what="the lender to sell the pledge", every_s=0.5)


RALLIES = [("uta", "0.27", "0", "0"), ("crypto_loan", "0.135", "20000", "0.135")]


@pytest.mark.campaign
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("structure", "short", "cash", "target"), RALLIES)
def test_a_rally_to_240000_liquidates_nobody(
    tmp_path: Path, structure: str, short: str, cash: str, target: str
) -> None:
    """In one account the collateral carries the whole hedge; apart from it, half a hedge with its margin is carried too."""
    with (
        a_venue(tmp_path, end_price=240_000, speed=200, structure=structure, short=short, cash=cash) as venue,
        a_daemon(tmp_path, venue=venue, **SETTINGS, HEDGE__TARGET_DELTA_BTC=target) as daemon,
    ):
        go(venue, daemon)
        follow(venue, daemon, lambda price: price >= 239_000, 250)
        truth = venue.truth()
        assert daemon.stop() == 0

    assert not was_liquidated(truth)
    assert D(truth["legs"]["2"]["size"]) > 0
