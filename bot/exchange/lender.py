"""Questions about the loan: what is owed, what could pay it, and what became of a transfer or a repayment.

Knows which pages tell it in each structure; does not know why it is asked. What fails raises Unavailable. A venue that has no such page
(demo trading) or a key that may not see it is an answer too: `LoanReading.absent` says why.
(Bybit: new-crypto-loan/*, spot-margin-uta/*, account/*, asset/transfer/*, asset/balance/*, demo.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import TypeVar

from bot.domain.account import Coin
from bot.domain.clock import Clock
from bot.domain.commands import ReadLoan, SeekRepayment, SeekTransfer
from bot.domain.errors import Refused, Unavailable
from bot.domain.events import LoanRead, RepaymentSought, TransferSought
from bot.domain.loan import LoanReading, RepayRow, Structure
from bot.exchange import wire_loan, wire_rest
from bot.exchange.codes import NOT_IN_DEMO
from bot.exchange.patience import Patience
from bot.exchange.rest import Ask, Rest
from bot.exchange.retry import ask_again
from bot.exchange.wire_loan import Pledge
from bot.exchange.wire_rest import Envelope, Page
from bot.exchange.wire_rows import BadRow

__all__ = ["Lender"]

T = TypeVar("T")
Params = Mapping[str, object]

DEMO_HAS_NONE = "demo trading has neither loans nor transfers"
WEEK_MS = 7 * 86_400_000 - 1000
_SLACK_S = 60.0  # how much earlier than sent a row may be dated
_MAX_PAGES = 20


class Lender:
    """Asks one account about its debt in `coin` against `collateral`. Each method is one whole question."""

    def __init__(
        self, rest: Rest, clock: Clock, *, rng: Random, patience: Patience, coin: str = "USDT", collateral: str = "BTC"
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._rng = rng
        self._patience = patience
        self._coin = coin
        self._collateral = collateral

    async def read(self, command: ReadLoan) -> LoanRead:
        """The loan as it stands. Raises Unavailable."""
        asked_ms = self._clock.now_ms()
        try:
            async with asyncio.timeout(self._patience.question_deadline_s):
                return LoanRead(reading=await self._reading(command.structure, asked_ms))
        except TimeoutError:
            raise Unavailable("loan: no whole answer in time") from None

    async def seek_transfer(self, command: SeekTransfer) -> TransferSought:
        """One transfer by our own name for it. Raises Unavailable, Refused."""
        page = await self._page(Ask.TRANSFERS, {"transferId": command.transfer_id})
        row = _parsed(lambda: wire_loan.transfer_row(page, command.transfer_id))
        return TransferSought(payment=command.payment, row=row)

    async def seek_repayment(self, command: SeekRepayment) -> RepaymentSought:
        """Repayments since one was sent, then the debt that stands. Raises Unavailable, Refused."""
        since_ms = command.sent_ms - int(_SLACK_S * 1000 * max(1.0, self._clock.rate))
        if command.structure is Structure.CRYPTO_LOAN:
            rows = await self._loan_repayments(since_ms)
            left = await self._unpaid()
            return RepaymentSought(payment=command.payment, rows=rows, debt=left.principal + left.interest)
        rows = await self._logged_repayments(since_ms)
        wallet = await self._usdt()
        return RepaymentSought(payment=command.payment, rows=rows, debt=wallet.spot_borrow)

    # -- one reading ----------------------------------------------------------------------------------------------------------

    async def _reading(self, wanted: Structure | None, asked_ms: int) -> LoanReading:
        pledge, absent = None, ""
        if wanted is not Structure.UTA:
            try:
                answer = await self._answer(Ask.LOAN_POSITION, {})
                pledge = _parsed(lambda: wire_loan.pledge(answer.result, coin=self._coin, collateral=self._collateral))
            except Refused as refused:
                absent = _absence(refused, "Bybit shows no crypto loan here")
        if pledge is not None and (wanted is Structure.CRYPTO_LOAN or pledge.btc or pledge.debt):
            return await self._crypto_loan(pledge, asked_ms)
        if wanted is Structure.CRYPTO_LOAN:
            return LoanReading(asked_ms=asked_ms, structure=Structure.CRYPTO_LOAN, absent=absent)
        return await self._unified(asked_ms)

    async def _crypto_loan(self, pledge: Pledge, asked_ms: int) -> LoanReading:
        left = await self._unpaid()
        balance = await self._answer(Ask.COIN_BALANCE, {"accountType": "FUND", "coin": self._coin})
        leaving = await self._answer(Ask.TRANSFERABLE, {"coinName": self._coin})
        tiers = await self._answer(Ask.LOAN_TIERS, {"currency": self._collateral})
        wallet = await self._usdt()
        return _parsed(
            lambda: LoanReading(
                asked_ms=asked_ms,
                structure=Structure.CRYPTO_LOAN,
                principal=left.principal,
                interest=left.interest,
                hourly_rate=left.hourly_rate,
                pledged_btc=pledge.btc,
                venue_ltv=pledge.ltv,
                tiers=wire_loan.loan_tiers(tiers.result, self._collateral),
                funding_usdt=wire_loan.funding_balance(balance.result, self._coin),
                transferable_usdt=wire_loan.transferable(leaving.result, self._coin),
                borrowed_elsewhere=pledge.fixed + wallet.spot_borrow,
            )
        )

    async def _unified(self, asked_ms: int) -> LoanReading:
        wallet = await self._usdt()
        structure = Structure.UTA if wallet.spot_borrow > 0 else Structure.NONE
        try:
            can_repay = await self._answer(Ask.REPAYABLE, {"currency": self._coin})
            rates = await self._page(Ask.COLLATERAL_INFO, {"currency": self._coin})
            tiers = await self._page(Ask.MARGIN_TIERS, {"currency": self._collateral})
        except Refused as refused:
            return LoanReading(
                asked_ms=asked_ms,
                structure=structure,
                principal=wallet.spot_borrow,
                interest=wallet.accrued_interest,
                absent=_absence(refused, "Bybit offers no way to repay here"),
            )
        return _parsed(
            lambda: LoanReading(
                asked_ms=asked_ms,
                structure=structure,
                principal=wallet.spot_borrow,
                interest=wallet.accrued_interest,
                hourly_rate=wire_loan.borrow_rate(rates, self._coin),
                tiers=wire_loan.margin_tiers(tiers, self._collateral),
                repayable_usdt=wire_loan.repayable(can_repay.result),
            )
        )

    async def _unpaid(self) -> wire_loan.Unpaid:
        page = await self._page(Ask.LOAN_ONGOING, {"loanCurrency": self._coin})
        return _parsed(lambda: wire_loan.unpaid(page, self._coin))

    async def _usdt(self) -> Coin:
        page = await self._page(Ask.WALLET, {"accountType": "UNIFIED"})
        wallet = _parsed(lambda: wire_rest.unified_wallet(page, must_hold=(), may_hold=(self._coin,)))
        coin = wallet.coin(self._coin)
        assert coin is not None
        return coin

    # -- histories ------------------------------------------------------------------------------------------------------------

    async def _loan_repayments(self, since_ms: int) -> tuple[RepayRow, ...]:
        rows: list[RepayRow] = []
        params: dict[str, object] = {"loanCurrency": self._coin, "limit": 100}
        for _ in range(_MAX_PAGES):
            page = await self._page(Ask.LOAN_REPAYMENTS, params)
            found = _parsed(lambda page=page: wire_loan.loan_repayments(page, self._coin))  # type: ignore[misc]
            rows += found
            is_last = not page.rows or not page.next_page_cursor or page.next_page_cursor == params.get("cursor")
            if is_last or (found and found[-1].at_ms < since_ms):
                return tuple(row for row in rows if row.at_ms >= since_ms)
            params["cursor"] = page.next_page_cursor
        raise Unavailable(f"LOAN_REPAYMENTS: no end after {_MAX_PAGES} pages")

    async def _logged_repayments(self, since_ms: int) -> tuple[RepayRow, ...]:
        params: dict[str, object] = {
            "accountType": "UNIFIED",
            "currency": self._coin,
            "type": "REPAY",
            "startTime": since_ms,
            "endTime": since_ms + WEEK_MS,
            "limit": 50,
        }
        rows: list[RepayRow] = []
        for _ in range(_MAX_PAGES):
            page = await self._page(Ask.TRANSACTION_LOG, params)
            rows += _parsed(lambda page=page: wire_loan.logged_repayments(page, self._coin))  # type: ignore[misc]
            if not page.rows or not page.next_page_cursor or page.next_page_cursor == params.get("cursor"):
                return tuple(rows)
            params["cursor"] = page.next_page_cursor
        raise Unavailable(f"TRANSACTION_LOG: no end after {_MAX_PAGES} pages")

    async def _page(self, question: Ask, params: Params) -> Page:
        answer = await self._answer(question, params)
        return _parsed(lambda: wire_rest.page(answer.result))

    async def _answer(self, question: Ask, params: Params) -> Envelope:
        return await ask_again(lambda: self._rest.ask(question, params), rng=self._rng, patience=self._patience)


def _absence(refused: Refused, what: str) -> str:
    """Why there is nothing to manage, for a person."""
    return DEMO_HAS_NONE if refused.code == NOT_IN_DEMO else f"{what}: {refused.reason}"


def _parsed(read: Callable[[], T]) -> T:
    """A reply that does not hold what was asked for is no observation."""
    try:
        return read()
    except BadRow as error:
        raise Unavailable(str(error)) from None
