"""Worlds with a loan: the money commands on the world's shore, both structures at the venue, and what must hold of a payment.

Nothing is traded for the payments here: an operator asks for them, and the cash is there. What is shown is that each reaches the lender
exactly once, whatever happens to requests, answers and the process, and that no BTC is ever sold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from bot.domain.commands import (
    Command,
    PaymentEnded,
    PaymentPlanned,
    ReadLoan,
    RepayDebt,
    SeekRepayment,
    SeekTransfer,
    TransferCoin,
)
from bot.domain.errors import OutcomeUnknown, Refused, Unavailable
from bot.domain.events import Event, LoanRead, MoneyAnswered, OperatorAsked, RepaymentSought, TransferSought, Verb
from bot.domain.loan import Fate, LoanReading, RepayRow, Structure
from bot.domain.money import ZERO
from bot.domain.orders import Verdict
from bot.domain.records import Record
from bot.engine.config import LoanRules
from bot.exchange import wire_loan, wire_rest
from bot.exchange.judge import judge_deed
from bot.exchange.lender import WEEK_MS
from bot.exchange.money import money_answered
from bot.exchange.wire_rows import BadRow
from bot.simulator.faults import Injection
from bot.simulator.venue import Venue
from tests.worlds import weather
from tests.worlds.checkers import Violation
from tests.worlds.network import NEVER_LEFT, Call
from tests.worlds.shore import Script, Shore
from tests.worlds.tape import Tape
from tests.worlds.world import World

__all__ = ["KILLS", "LoanWorld", "a_climate"]

D = Decimal
T = TypeVar("T")
TRANSFER, REPAY_UTA, REPAY_LOAN = (
    "/v5/asset/transfer/inter-transfer",
    "/v5/account/no-convert-repay",
    "/v5/crypto-loan-flexible/repay",
)
KILLS = tuple(
    f"{deed} {point}"
    for deed in ("TransferCoin", "RepayDebt")
    for point in ("before commit", "before send", "after send", "after answer")
)
"""Where a process can die in the middle of a payment."""


class LoanShore(Shore):
    """The shore of a world with a loan."""

    def submit(self, command: Command) -> None:
        match command:
            case TransferCoin() | RepayDebt():
                self._run(self._pay(command), command)
            case ReadLoan():
                self._run(self._read_loan(command), command)
            case SeekTransfer():
                self._run(self._seek_transfer(command), command)
            case SeekRepayment():
                self._run(self._seek_repayment(command), command)
            case _:
                super().submit(command)

    def _pay(self, deed: TransferCoin | RepayDebt) -> Script[Event]:
        if isinstance(deed, TransferCoin):
            call = Call("POST", TRANSFER, wire_loan.transfer_params(deed))
        elif deed.structure is Structure.CRYPTO_LOAN:
            call = Call("POST", REPAY_LOAN, wire_loan.loan_repay_params(deed))
        else:
            call = Call("POST", REPAY_UTA, wire_loan.repay_params(deed))
        answer = yield call
        if answer is NEVER_LEFT:
            return money_answered(deed, Verdict.REFUSED, None, "it never left")
        if answer is None:
            return money_answered(deed, Verdict.UNKNOWN, None, "no answer")
        try:
            fate, ref = self._told(deed, judge_deed(answer))  # type: ignore[arg-type]
        except Refused as error:
            return money_answered(deed, Verdict.REFUSED, error.code, error.reason)
        except OutcomeUnknown as error:
            return money_answered(deed, Verdict.UNKNOWN, error.code, error.reason)
        except BadRow as error:
            return money_answered(deed, Verdict.UNKNOWN, 0, str(error))
        return money_answered(deed, Verdict.ACCEPTED, 0, "accepted", fate=fate, ref=ref)

    def _told(self, deed: TransferCoin | RepayDebt, result: Any) -> tuple[Fate, str]:
        if isinstance(deed, TransferCoin):
            return wire_loan.transfer_fate(result, deed.transfer_id)
        return wire_loan.loan_fate(result) if deed.structure is Structure.CRYPTO_LOAN else wire_loan.uta_fate(result)

    def _read_loan(self, command: ReadLoan) -> Script[Event]:
        asked_ms = self._world.engine_ms
        answer = yield from self._ask(Call("GET", "/v5/crypto-loan-common/position", {}))
        pledge = _parsed(lambda: wire_loan.pledge(answer.result, coin="USDT", collateral="BTC"))
        usdt = yield from self._usdt()
        if not pledge.btc:
            return (yield from self._unified(asked_ms, usdt))
        left = yield from self._unpaid()
        balance = yield from self._ask(
            Call("GET", "/v5/asset/transfer/query-account-coin-balance", {"accountType": "FUND", "coin": "USDT"})
        )
        leaving = yield from self._ask(Call("GET", "/v5/account/withdrawal", {"coinName": "USDT"}))
        return _parsed(
            lambda: LoanRead(
                reading=LoanReading(
                    asked_ms=asked_ms,
                    structure=Structure.CRYPTO_LOAN,
                    principal=left.principal,
                    interest=left.interest,
                    hourly_rate=left.hourly_rate,
                    pledged_btc=pledge.btc,
                    venue_ltv=pledge.ltv,
                    tiers=((ZERO, D(1)),),
                    funding_usdt=wire_loan.funding_balance(balance.result, "USDT"),
                    transferable_usdt=wire_loan.transferable(leaving.result, "USDT"),
                )
            )
        )

    def _unified(self, asked_ms: int, usdt: Any) -> Script[Event]:
        able = yield from self._ask(
            Call("GET", "/v5/spot-margin-trade/repayment-available-amount", {"currency": "USDT"})
        )
        return _parsed(
            lambda: LoanRead(
                reading=LoanReading(
                    asked_ms=asked_ms,
                    structure=Structure.UTA,
                    principal=usdt.spot_borrow,
                    tiers=((ZERO, D("0.98")),),
                    repayable_usdt=wire_loan.repayable(able.result),
                )
            )
        )

    def _seek_transfer(self, command: SeekTransfer) -> Script[Event]:
        params = {"transferId": command.transfer_id}
        page = yield from self._page(Call("GET", "/v5/asset/transfer/query-inter-transfer-list", params))
        row = _parsed(lambda: wire_loan.transfer_row(page.page, command.transfer_id))
        return TransferSought(payment=command.payment, row=row)

    def _seek_repayment(self, command: SeekRepayment) -> Script[Event]:
        rows: list[RepayRow]
        since_ms = command.sent_ms - 60_000
        if command.structure is Structure.CRYPTO_LOAN:
            params: dict[str, object] = {"loanCurrency": "USDT", "limit": 100}
            page = yield from self._page(Call("GET", "/v5/crypto-loan-flexible/repayment-history", params))
            rows = _parsed(lambda: wire_loan.loan_repayments(page.page, "USDT"))
            left = yield from self._unpaid()
            debt = left.principal + left.interest
        else:
            params = {
                "accountType": "UNIFIED", "currency": "USDT", "type": "REPAY",
                "startTime": since_ms, "endTime": since_ms + WEEK_MS, "limit": 50,
            }  # fmt: skip
            page = yield from self._page(Call("GET", "/v5/account/transaction-log", params))
            rows = _parsed(lambda: wire_loan.logged_repayments(page.page, "USDT"))
            usdt = yield from self._usdt()
            debt = usdt.spot_borrow
        return RepaymentSought(
            payment=command.payment, rows=tuple(row for row in rows if row.at_ms >= since_ms), debt=debt
        )

    def _unpaid(self) -> Script[wire_loan.Unpaid]:
        page = yield from self._page(Call("GET", "/v5/crypto-loan-flexible/ongoing-coin", {"loanCurrency": "USDT"}))
        return _parsed(lambda: wire_loan.unpaid(page.page, "USDT"))

    def _usdt(self) -> Script[Any]:
        page = yield from self._page(Call("GET", "/v5/account/wallet-balance", {"accountType": "UNIFIED"}))
        wallet = _parsed(lambda: wire_rest.unified_wallet(page.page, must_hold=(), may_hold=("USDT",)))
        return wallet.coin("USDT")


class LoanWorld(World):
    """A world whose operator repays: `asks` times in the storm, in one structure. `kill` dies once, at a point of `KILLS`."""

    SHORE = LoanShore

    def __init__(self, seed: int, *, structure: Structure, asks: int = 3, kill: str = "", **rest: Any) -> None:
        self.structure, self.asks, self.kill = structure, asks, kill
        self.left: Counter[str] = Counter()
        rules = LoanRules(
            enabled=True, repay_min_usdt=D(50), repay_max_usdt=D(3000), read_every_ms=15_000, stale_ms=60_000
        )
        super().__init__(seed, book=("0.27", "0", "0.27"), loan=rules, **rest)

    def _open_venue(self) -> None:
        apart = self.structure is Structure.CRYPTO_LOAN
        self.tape = Tape(Random(self.rng.getrandbits(64)), self.now, sigma=self.climate.sigma)
        self.venue = Venue(seed=self.rng.getrandbits(32), now_ms=self.now)
        self.last_tick = self.tape.step(self.now)
        self.venue.step(self.last_tick)
        self.venue.open_account(
            self.ACCOUNT,
            coins={"BTC": D("0.01") if apart else self.spot, "USDT": D(12_000)},
            borrowed={} if apart else {"USDT": self.spot * 50_000},
            legs={idx: (qty, None) for idx, qty in self.book.items() if qty},
            funding_coins={"BTC": self.spot} if apart else {},
        )
        self.account = self.venue.state.accounts[self.ACCOUNT]
        if apart:
            pledge = [{"currency": "BTC", "amount": str(self.spot)}]
            loan = {"loanCurrency": "USDT", "loanAmount": str(self.spot * 50_000), "collateralList": pledge}
            assert self.venue.request(self.ACCOUNT, "POST", "/v5/crypto-loan-flexible/borrow", loan).ret_code == 0
            self.venue.deposit(self.ACCOUNT, "USDT", -self.spot * 50_000)
        self.first_debt, self.first_btc = self.true_debt, self.true_btc

    @property
    def true_debt(self) -> Decimal:
        """What is owed at the venue, without interest."""
        if self.structure is Structure.CRYPTO_LOAN:
            return self.account.loans.debts["USDT"].principal
        return self.account.purses["USDT"].spot_borrow

    @property
    def true_btc(self) -> Decimal:
        """Every BTC of the account, wherever it lies."""
        return self.account.purses["BTC"].balance + self.account.fund["BTC"] + self.account.loans.collateral["BTC"]

    @property
    def true_spot(self) -> Decimal:
        return super().true_spot + self.account.loans.collateral["BTC"]

    def begin(self) -> None:
        super().begin()
        span = self.storm_ends - self.now
        for number in range(self.asks):
            usdt = D(self.rng.choice((150, 400, 900, 2500)))
            when = self.now + 60_000 + self.rng.randint(0, max(1, span - 120_000))
            self.at(when, lambda usdt=usdt, number=number: self._ask_to_repay(usdt, number))  # type: ignore[misc]

    def _ask_to_repay(self, usdt: Decimal, number: int) -> None:
        self.hear(OperatorAsked(verb=Verb.REPAY, reason=f"number {number}", who="operator", amount=usdt))

    # -- dying in the middle of a payment -------------------------------------------------------------------------------------

    def _dies(self, deed: Record, point: str) -> bool:
        if self.kill != f"{type(deed).__name__} {point}":
            return False
        self.kill = ""
        self.marks[f"killed at {type(deed).__name__} {point}"] += 1
        return True

    def _reap(self, point: str, record: Record | None) -> None:
        super()._reap(point, record)
        if (
            isinstance(record, TransferCoin | RepayDebt)
            and point == "after append"
            and self._dies(record, "before commit")
        ):
            from tests.worlds.diary import Killed

            raise Killed

    def _send(self, command: Command) -> None:
        if isinstance(command, TransferCoin | RepayDebt):
            written = [record for record, _ in self.diary.records[: self.diary.committed]]
            if command not in written:
                raise self._broken("I-03 write-ahead", f"{command} left before it was on disk")
            name = command.transfer_id if isinstance(command, TransferCoin) else f"repay {command.amount}"
            self.left[name] += 1
            if self.left[name] > 1:
                raise self._broken("never paid twice", f"{command} left twice")
            if self._dies(command, "before send"):
                self.die()
                return
            if self._dies(command, "after send"):
                self.shore.submit(command)
                self.die()
                return
        super()._send(command)

    def hear(self, event: Event) -> None:
        super().hear(event)
        if isinstance(event, MoneyAnswered) and self.engine is not None:
            deed = TransferCoin if event.deed == "TransferCoin" else RepayDebt
            if self.kill == f"{deed.__name__} after answer":
                self.kill = ""
                self.marks[f"killed at {deed.__name__} after answer"] += 1
                self.die()

    # -- what must hold -------------------------------------------------------------------------------------------------------

    def after_the_calm(self) -> None:
        """Raises Violation unless each planned payment reached the lender at most once, and we know which did."""
        venue = Counter(self._repayments())
        plans = {plan.number: plan for plan in self.diary.of(PaymentPlanned)}
        amounts = Counter(plan.amount for plan in plans.values() if plan.amount)
        if venue - amounts:
            raise self._broken("never paid twice", f"the venue has {venue}, planned were {amounts}")
        assert self.engine is not None
        book = self.engine.state.loan
        if book.open is not None:
            raise self._broken("payments end", f"{book.open}")
        ended = {record.number: record.paid for record in self.diary.of(PaymentEnded)}
        paid = sum(ended.values(), ZERO)
        if paid != sum(venue.elements(), ZERO) or set(ended) != set(plans):
            raise self._broken("we know what was paid", f"ended {ended}, venue {venue}, planned {list(plans)}")
        if book.paid_to_date != paid:
            raise self._broken("we know what was paid", f"the book says {book.paid_to_date}, the journal {paid}")
        if self.structure is Structure.UTA and self.first_debt - self.true_debt != paid:
            raise self._broken("debt reduced once", f"{self.first_debt} -> {self.true_debt}, paid {paid}")
        if self.true_btc != self.first_btc + self.given_btc:
            given = f"{self.first_btc} and {self.given_btc} given"
            raise self._broken("no BTC is sold", f"{given} -> {self.true_btc}")

    def _broken(self, invariant: str, why: str) -> Violation:
        return Violation(invariant, (self.now - self.started_ms) / 1000, why)

    def _repayments(self) -> list[Decimal]:
        if self.structure is Structure.CRYPTO_LOAN:
            return [row.amount for row in self.account.loans.repayments]
        return [-row.cash_flow for row in self.account.log if row.type == "REPAY"]

    def paid(self) -> Decimal:
        """What reached the lender."""
        return sum(self._repayments(), ZERO)


_BLOWS = (
    ("reply-lost", "POST /v5/asset/transfer/inter-transfer", "close"),
    ("reply-lost", "POST /v5/crypto-loan-flexible/repay", "close"),
    ("reply-lost", "POST /v5/account/no-convert-repay", "close"),
    ("reply-lost", "POST /v5/crypto-loan-flexible/repay", "hang"),
    ("reply-lost", "POST /v5/account/no-convert-repay", "hang"),
    ("request-lost", "POST /v5/a", "close"),
    ("request-lost", "POST /v5/crypto", "hang"),
    ("accepted-with", "POST /v5/crypto-loan-flexible/repay", "10016"),
    ("accepted-with", "POST /v5/account/no-convert-repay", "10000"),
    ("http-error-accepted", "POST /v5/asset/transfer/inter-transfer", "504"),
    ("refused-with", "POST /v5/account/no-convert-repay", "34022035"),
    ("garbage", "GET /v5/crypto-loan", "empty"),
    ("garbage", "GET /v5/asset/transfer", "null"),
    ("request-late", "POST /v5/crypto-loan-flexible/repay", None),
    ("request-late", "POST /v5/account/no-convert-repay", None),
    ("reply-half", "POST /v5/", None),
)


def a_climate(rng: Random) -> weather.Climate:
    """Misfortunes of money: lost answers, late requests, lagging histories, deaths."""
    climate = weather.Climate(latency_ms=rng.choice((20, 60, 150)), skew_ms=rng.choice((0, 0, -900, 700)))
    climate.name, climate.sigma = "loan", 0.00002
    for fault, match, value in rng.sample(_BLOWS, rng.randint(2, 6)):
        ms = rng.randint(200, 6000) if fault == "request-late" else None
        climate.injections.append(Injection(fault=fault, match=match, p=rng.uniform(0.2, 0.9), value=value, ms=ms))
    if rng.random() < 0.5:
        climate.read_lag_p, climate.read_lag_ms = (
            rng.uniform(0.2, 0.9),
            rng.choice((1000, 4000, weather.LONGEST_LAG_MS)),
        )
    climate.happenings["kill"] = rng.choice((0, 0, 2, 5))
    climate.happenings["kill at"] = rng.choice((0, 3, 8))
    climate.happenings["rest down"] = rng.choice((0, 0, 2))
    return climate


def _parsed(read: Callable[[], T]) -> T:
    try:
        return read()
    except BadRow as error:
        raise Unavailable(str(error)) from None
