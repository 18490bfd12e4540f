"""The preflight, each fact broken in turn: its line, its mend, its exit code; and what a start does with it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from bot.domain.inspection import Inspection
from bot.domain.loan import LoanReading, Structure
from bot.exit_codes import ExitCode
from bot.preflight.checks import CHECKS
from bot.preflight.findings import Facts, Grade, Machine, against, exit_code, findings, stopping
from bot.settings import load
from tests.unit.engine.desk import BTCUSDT, facts

RIGHTS = {"ContractTrade": ("Order", "Position"), "Spot": ("SpotTrade",), "Wallet": ("AccountTransfer",)}
WELL = Inspection(
    facts=facts(),
    loan=LoanReading(asked_ms=1, structure=Structure.NONE),
    rights=RIGHTS,
    leverage=(D(25), D(25)),
    flat=True,
    btc_is_collateral=True,
    repays_itself=False,
    instrument=BTCUSDT,
    has_disconnect_cancel=False,
    clock_off_ms=3,
)
MACHINE = Machine(free_mb=10_000)


def look(account: Inspection | None = WELL, machine: Machine = MACHINE, **settings: str) -> list[Any]:
    environ = {f"HEDGELOCK__{name}": value for name, value in settings.items()}
    return findings(CHECKS, Facts(settings=load(environ=environ).settings, machine=machine, account=account))


def about(**changes: Any) -> Inspection:
    return replace(WELL, facts=replace(WELL.facts, **changes))  # type: ignore[type-var]


BROKEN = [
    # check, what is found, grade, exit code, whether a start ends
    ("withdrawal", about(can_withdraw=True), Grade.FAIL, ExitCode.KEY, True),
    ("rights", about(read_only=True, can_trade=False), Grade.FAIL, ExitCode.KEY, False),
    ("rights", replace(WELL, rights={"ContractTrade": ("Order",)}), Grade.WARN, ExitCode.OK, False),
    ("expiry", about(expires_in_days=3), Grade.WARN, ExitCode.OK, False),
    ("unified", about(unified=False), Grade.FAIL, ExitCode.ACCOUNT, True),
    ("position mode", about(hedge_mode=False), Grade.FAIL, ExitCode.ACCOUNT, False),
    ("margin mode", about(margin_mode="ISOLATED_MARGIN"), Grade.FAIL, ExitCode.ACCOUNT, False),
    ("leverage", replace(WELL, leverage=(D(10), D(25))), Grade.WARN, ExitCode.OK, False),
    ("collateral", replace(WELL, btc_is_collateral=False), Grade.FAIL, ExitCode.ACCOUNT, False),
    ("auto repay", replace(WELL, repays_itself=True), Grade.WARN, ExitCode.OK, False),
    ("contract", replace(WELL, instrument=replace(BTCUSDT, status="Closed")), Grade.FAIL, ExitCode.ACCOUNT, False),
    ("fees", about(taker_fee=D("0.002")), Grade.WARN, ExitCode.OK, False),
    ("funding", replace(WELL, instrument=replace(BTCUSDT, funding_interval_min=240)), Grade.WARN, ExitCode.OK, False),
    ("clock", replace(WELL, clock_off_ms=-5000), Grade.WARN, ExitCode.OK, False),
    ("collateral", replace(WELL, btc_is_collateral=None), Grade.UNKNOWN, ExitCode.ACCOUNT, False),
    ("second host", replace(WELL, unread_orders=("h0000000a0b1c2d3e4f-1Sg",)), Grade.UNKNOWN, ExitCode.OCCUPIED, False),
    ("order rate", replace(WELL, headroom=0.1), Grade.WARN, ExitCode.OK, False),
    ("exchange", replace(WELL, banned_for_s=60.0), Grade.FAIL, ExitCode.EXCHANGE, False),
    (
        "key",
        replace(WELL, facts=None, refused=True, failed={"account": "refused (10003)"}),
        Grade.FAIL,
        ExitCode.KEY,
        False,
    ),
]


AT_MS = 1_755_932_400_000
LOANS = [
    # name, what was read, settings, grade, what is said
    ("pledged", LoanReading(asked_ms=AT_MS, structure=Structure.CRYPTO_LOAN, principal=D(16200), pledged_btc=D("0.27"),
                            venue_ltv=D("0.517")),
     {}, Grade.PASS, "Crypto Loan: 16200.00 USDT against 0.27 BTC, LTV 51.7%"),
    ("inside", LoanReading(asked_ms=AT_MS, structure=Structure.UTA, principal=D(16200)),
     {}, Grade.PASS, "borrowed in the unified account: 16200.00 USDT"),
    ("none", LoanReading(asked_ms=AT_MS, structure=Structure.NONE), {}, Grade.PASS, "there is no loan"),
    ("both", LoanReading(asked_ms=AT_MS, structure=Structure.UTA, principal=D(16200), borrowed_elsewhere=D(7)),
     {}, Grade.WARN, "7.00 USDT are owed elsewhere"),
    ("a right is missing", LoanReading(asked_ms=AT_MS, structure=Structure.UTA, absent="no permission"),
     {}, Grade.WARN, "no permission"),
    ("not read", None, {}, Grade.WARN, "the exchange did not say"),
    ("switched off", None, {"LOAN__ENABLED": "false"}, Grade.PASS, "not managed"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "reading", "settings", "grade", "line"), LOANS, ids=[case[0] for case in LOANS])
def test_the_loan_that_was_found_is_told(
    name: str, reading: LoanReading | None, settings: dict[str, str], grade: Grade, line: str
) -> None:
    """Which of the two structures, and how it stands; nothing of it stands against hedging."""
    found = next(f for f in look(replace(WELL, loan=reading), **settings) if f.name == "loan")

    assert grade is found.grade
    assert line in found.line
    assert [] == against([found])


def test_in_demo_trading_there_is_no_loan_to_miss() -> None:
    """It is said plainly, and nobody is sent to look for a setting."""
    demo = {
        "MODE": "demo",
        "BYBIT__DEMO_API_KEY": "hedgelock-paper",
        "BYBIT__DEMO_API_SECRET": "hedgelock-paper-secret",
    }
    told = {f.name: f for f in look(replace(WELL, repays_itself=None), **demo)}

    assert "demo trading has neither loans nor transfers" in told["loan"].line
    assert (Grade.PASS, Grade.PASS) == (told["loan"].grade, told["auto repay"].grade)


@pytest.mark.parametrize(
    ("name", "account", "grade", "code", "stops"), BROKEN, ids=[f"{c[0]} {c[2].value}" for c in BROKEN]
)
def test_each_broken_in_turn(name: str, account: Inspection, grade: Grade, code: ExitCode, stops: bool) -> None:
    """One line, a mend, the class's exit code; what fails or is unknown stands against trading."""
    found = look(account)
    finding = next(f for f in found if f.name == name)

    assert (grade, code) == (finding.grade, exit_code(found))
    assert finding.mend
    assert stops is (stopping(found) is not None)
    assert (grade in (Grade.FAIL, Grade.UNKNOWN)) is bool(against(found))


MACHINES = [
    ("disk", replace(MACHINE, free_mb=10), Grade.FAIL, ExitCode.MACHINE),
    ("disk", replace(MACHINE, free_mb=100), Grade.WARN, ExitCode.OK),
    ("disk", replace(MACHINE, free_mb=None), Grade.UNKNOWN, ExitCode.MACHINE),
    ("journal", replace(MACHINE, journal_problem="no journal"), Grade.FAIL, ExitCode.MACHINE),
    ("second writer", replace(MACHINE, writer="4711"), Grade.WARN, ExitCode.OK),
    ("latch", replace(MACHINE, latch="freeze by me: now"), Grade.FAIL, ExitCode.MACHINE),
    ("proxies", replace(MACHINE, proxies=("HTTPS_PROXY",)), Grade.WARN, ExitCode.OK),
]


@pytest.mark.parametrize(("name", "machine", "grade", "code"), MACHINES, ids=[f"{c[0]} {c[2].value}" for c in MACHINES])
def test_each_part_of_the_machine(name: str, machine: Machine, grade: Grade, code: ExitCode) -> None:
    """The latch fails here and does not keep a resume from lifting it."""
    found = look(machine=machine)

    assert (grade, code) == (next(f.grade for f in found if f.name == name), exit_code(found))
    assert not [line for line in against(found) if line.startswith("latch")]


def test_a_key_without_addresses_outside_paper() -> None:
    """It is told, and does not keep the daemon from trading."""
    keys = {"BYBIT__TESTNET_API_KEY": "abcdefgh12345678", "BYBIT__TESTNET_API_SECRET": "s" * 36}
    found = look(about(ip_bound=False), MODE="testnet", **keys)

    assert Grade.WARN is next(f.grade for f in found if f.name == "addresses")
    assert Grade.PASS is next(f.grade for f in look(about(ip_bound=False)) if f.name == "addresses")
    assert [] == against(found)


def test_a_key_that_is_turned_down_is_not_a_silent_exchange() -> None:
    """Every question fails then, and it is still the key's class, not the network's."""
    failed = {f"question {number}": "refused (10003)" for number in range(10)}
    found = look(replace(WELL, facts=None, refused=True, failed=failed))

    assert ExitCode.KEY is exit_code(found)
    assert "First the key" == next(f.mend for f in found if f.name == "expiry")


def test_a_network_that_is_down_is_said_once() -> None:
    """The same words stood on seventeen lines, each with a mend of its own that was none."""
    why = "KEY: Cannot connect to host api.bybit.com:443"
    questions = ("account", "positions", "key", "collateral", "loan", "auto repay", "contract", "order history")
    found = look(Inspection(failed=dict.fromkeys(questions, why)))

    assert [("exchange", Grade.FAIL)] == [(f.name, f.grade) for f in found if why in f.line]
    waiting = [f for f in found if f.line == "not known: first the exchange has to answer"]
    assert {(Grade.UNKNOWN, "")} == {(f.grade, f.mend) for f in waiting}
    assert {"key", "withdrawal", "position mode", "auto repay", "loan", "contract", "clock", "second host"} <= {
        f.name for f in waiting
    }
    assert ExitCode.EXCHANGE is exit_code(found)
    assert stopping(found) is None


def test_channels_that_do_not_answer() -> None:
    """They are named by their number, never by their address."""
    deaf = replace(MACHINE, deaf=("the first channel does not take a connection within 4 s",))
    alerts = next(f for f in look(machine=deaf, ALERTS__FIRST_URL="json://127.0.0.1/x") if f.name == "alerts")

    assert (Grade.WARN, deaf.deaf[0]) == (alerts.grade, alerts.line)


def test_all_well_and_nobody_there() -> None:
    """Well is exit code 0; a silent exchange is its own class, and nothing about the account is guessed."""
    assert (ExitCode.OK, [], None) == (exit_code(look()), against(look()), stopping(look()))
    assert ExitCode.EXCHANGE is exit_code(look(None))
    assert "withdrawal" not in {finding.name for finding in look(None)}


def test_a_key_of_another_account_ends_the_start() -> None:
    """The UID is pinned by a setting."""
    found = look(BYBIT__EXPECTED_UID="another")

    assert ExitCode.KEY is exit_code(found)
    assert stopping(found) is not None
