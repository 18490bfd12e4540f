"""One request to Bybit, and what its end proves. The only user of `ccxt`.

Knows how a request is signed and sent (ccxt's raw V5 methods; ccxt's own reading of the answers is not used), whether a byte of it
left, and what the venue's clock says; does not know rows, retries or commands. A write ends in exactly one of three ways: its result,
`Refused` (the venue proved that it did not take it, or it never left), `OutcomeUnknown` (everything else). A read ends in its
envelope, in `Unavailable`, or in `Refused` where asking again cannot help.
(Bybit: guide, error, rate-limit/rate-limit, market/time.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import aiohttp
import ccxt.async_support as ccxt
import msgspec
import structlog

from bot.domain.clock import elapsed_s, wall_ms
from bot.domain.errors import OutcomeUnknown, Refused, Unavailable
from bot.exchange.budget import Budget, Kind
from bot.exchange.codes import is_clock_code
from bot.exchange.hosts import Credentials, Hosts, trusted_issuers
from bot.exchange.judge import Reply, headroom, judge_answer, judge_deed, ret_code
from bot.exchange.patience import Patience
from bot.exchange.venue_clock import ClockReading, Sample, VenueClock, middle
from bot.exchange.wire_rest import Envelope, server_ns
from bot.exchange.wire_rows import BadRow

__all__ = ["NEVER_LEFT", "Ask", "Rest", "Tell"]

_log = structlog.get_logger("exchange.rest")

NEVER_LEFT = 0
"""The code of a Refused that no venue spoke: not one byte of the request left this machine."""

MAX_ANSWER_BYTES = 4 << 20
_CLOCK_SAMPLES = 5


class Ask(Enum):
    """Every question this bot asks; the value is ccxt's name of the raw V5 method."""

    TIME = "public_get_v5_market_time"
    INSTRUMENTS = "public_get_v5_market_instruments_info"
    KLINE = "public_get_v5_market_kline"
    FUNDING_HISTORY = "public_get_v5_market_funding_history"
    POSITIONS = "private_get_v5_position_list"
    OPEN_ORDERS = "private_get_v5_order_realtime"
    ORDER_HISTORY = "private_get_v5_order_history"
    EXECUTIONS = "private_get_v5_execution_list"
    WALLET = "private_get_v5_account_wallet_balance"
    TRANSACTION_LOG = "private_get_v5_account_transaction_log"
    ACCOUNT_INFO = "private_get_v5_account_info"
    FEE_RATE = "private_get_v5_account_fee_rate"
    KEY = "private_get_v5_user_query_api"
    COLLATERAL_INFO = "private_get_v5_account_collateral_info"
    TRANSFERABLE = "private_get_v5_account_withdrawal"
    REPAYABLE = "private_get_v5_spot_margin_trade_repayment_available_amount"
    MARGIN_TIERS = "public_get_v5_spot_margin_trade_collateral"
    COIN_BALANCE = "private_get_v5_asset_transfer_query_account_coin_balance"
    TRANSFERS = "private_get_v5_asset_transfer_query_inter_transfer_list"
    LOAN_POSITION = "private_get_v5_crypto_loan_common_position"
    LOAN_TIERS = "public_get_v5_crypto_loan_common_collateral_data"
    LOAN_ONGOING = "private_get_v5_crypto_loan_flexible_ongoing_coin"
    AUTO_REPAY = "private_get_v5_spot_margin_trade_get_auto_repay_mode"
    DISCONNECT_PROTECTION = "private_get_v5_account_query_dcp_info"
    LOAN_REPAYMENTS = "private_get_v5_crypto_loan_flexible_repayment_history"


class Tell(Enum):
    """Every deed this bot does at the venue. The ways of repaying that sell a coin are not among them, and a test holds that."""

    CREATE_ORDER = "private_post_v5_order_create"
    CANCEL_ORDER = "private_post_v5_order_cancel"
    TRANSFER = "private_post_v5_asset_transfer_inter_transfer"
    REPAY_UTA = "private_post_v5_account_no_convert_repay"
    SWITCH_MODE = "private_post_v5_position_switch_mode"
    REPAY_LOAN = "private_post_v5_crypto_loan_flexible_repay"


_KIND = {
    Tell.CREATE_ORDER: Kind.PLACE,
    Tell.CANCEL_ORDER: Kind.CANCEL,
    Tell.TRANSFER: Kind.MONEY,
    Tell.REPAY_UTA: Kind.REPAY,
    Tell.REPAY_LOAN: Kind.REPAY,
    Tell.SWITCH_MODE: Kind.MONEY,
}


@dataclass(slots=True)
class _Journey:
    """How far one request came. From the moment a connection is in hand, bytes may have left."""

    left: bool = False


_journey: ContextVar[_Journey] = ContextVar("journey")


class _Bybit(ccxt.bybit):  # type: ignore[misc]
    """ccxt up to the wire and no further: it routes, signs and sends, and hands the raw reply back unread.

    Read by ccxt, an HTML page is "no positions" and a timeout at the venue is "order invalid". The first four
    hooks are where its reading begins.
    """

    def on_rest_response(
        self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *_: Any
    ) -> Reply:
        return Reply(code, headers, body.encode())

    def parse_json(self, http_response: Reply) -> Reply:
        return http_response

    def handle_errors(self, *_: Any) -> None:
        return None

    def handle_http_status_code(self, *_: Any) -> None:
        return None

    def nonce(self) -> int:
        """The timestamp of a signature: the venue's own time, so that a step of the system's clock refuses no order."""
        return int(self.venueclock.now_ms())


class _BoundedResponse(aiohttp.ClientResponse):
    """An answer that may not grow without end, compressed or not."""

    async def read(self) -> bytes:
        if self._body is None:
            body = bytearray()
            async for chunk in self.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"more than {MAX_ANSWER_BYTES} bytes")
            self._body = bytes(body)
        return self._body


class Rest:
    """One account's REST door. Use as `async with rest`: opens the connections and reads the venue's clock."""

    def __init__(self, hosts: Hosts, credentials: Credentials, *, budget: Budget, patience: Patience) -> None:
        self._budget = budget
        self._patience = patience
        self._clock = VenueClock(patience.clock_every_s)
        self._clock_lock = asyncio.Lock()
        self._family = hosts.family
        self._session: aiohttp.ClientSession | None = None
        self._least_headroom: float | None = None
        self._writer = self._client(hosts, credentials, patience.order_recv_window_ms)
        self._reader = self._client(hosts, credentials, patience.read_recv_window_ms)

    async def __aenter__(self) -> Self:
        context = trusted_issuers()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=16, family=self._family),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            response_class=_BoundedResponse,
            trace_configs=[_tracing()],
        )
        for client in (self._writer, self._reader):
            client.ssl_context, client.session, client.own_session = context, self._session, False
        try:
            await self._keep_clock()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of every connection."""
        for client in (self._writer, self._reader):
            await client.close()
        if self._session is not None:
            await self._session.close()

    @property
    def clock(self) -> ClockReading | None:
        """What is known of the venue's time; None before the first good look."""
        return self._clock.reading

    @property
    def banned_for_s(self) -> float:
        """How long the venue's ban still lasts; 0: there is none."""
        return self._budget.banned_for_s()

    def take_headroom(self) -> float | None:
        """The least share of an endpoint's rate that any answer since the last call said was left, 0 to 1; None where none said it."""
        least, self._least_headroom = self._least_headroom, None
        return least

    def server_ms(self) -> int:
        """The venue's wall time in UTC milliseconds, as well as we know it."""
        return self._clock.now_ms()

    async def ask(self, question: Ask, params: Mapping[str, object] | None = None) -> Envelope:
        """One attempt at one question. Raises Unavailable, or Refused where asking again cannot help."""
        if question is not Ask.TIME:
            await self._keep_clock()
        await self._wait_to_read()
        try:
            reply = await self._send(self._reader, question.value, params or {}, _Journey())
        except Exception as error:  # noqa: BLE001  (whatever broke, a question without an answer is Unavailable)
            raise Unavailable(f"{question.name}: {_why(error)}") from None
        if question is Ask.TIME:
            return judge_answer(reply, name=question.name)
        answer = judge_answer(reply, name=question.name, now_ms=self._clock.known_ms())
        self._refuse_old_news(question, answer)
        return answer

    async def tell(self, deed: Tell, params: Mapping[str, object]) -> msgspec.Raw:
        """Send one deed, once; returns its `result`. Raises Refused or OutcomeUnknown, and nothing else but cancellation."""
        await self._wait_to_write(_KIND[deed])
        journey = _Journey()
        try:
            reply = await self._send(self._writer, deed.value, params, journey)
        except Exception as error:  # noqa: BLE001  (the kind of error says nothing about the order; how far it came does)
            if journey.left:
                raise OutcomeUnknown(f"no answer: {_why(error)}") from None
            raise Refused(NEVER_LEFT, f"it never left: {_why(error)}") from None
        return judge_deed(reply)

    def _refuse_old_news(self, question: Ask, answer: Envelope) -> None:
        """An answer that bears a date must bear today's: a cache on the way must not sell us yesterday's positions. Raises Unavailable."""
        now_ms = self._clock.known_ms()
        if not answer.time or now_ms is None or abs(answer.time - now_ms) <= self._patience.answer_age_ms:
            return
        self._clock.doubt()
        raise Unavailable(f"{question.name}: the answer is dated {answer.time - now_ms} ms from now")

    async def read_clock(self) -> ClockReading:
        """Look at the venue's clock a few times and take the middle. Raises Unavailable or Refused."""
        samples = []
        for _ in range(_CLOCK_SAMPLES):
            asked_s = elapsed_s()
            answer = await self.ask(Ask.TIME)
            trip_s = elapsed_s() - asked_s
            try:
                samples.append(Sample(asked_s, trip_s, server_ns(answer.result) / 1e6))
            except BadRow as error:
                raise Unavailable(str(error)) from None
        reading = middle(samples)
        self._clock.learnt(reading)
        return reading

    async def _keep_clock(self) -> None:
        """Look at the venue's clock when what we know is old, doubted or missing. A failed look is not fatal: the old one stays."""
        if not self._clock.is_due:
            return
        async with self._clock_lock:
            if not self._clock.is_due:
                return
            try:
                reading = await self.read_clock()
            except (Unavailable, Refused) as error:
                self._clock.look_failed()
                _log.warning("the venue's clock could not be read", reason=str(error))
            else:
                ahead_ms = round(wall_ms() - self._clock.now_ms())
                _log.info("clock", we_are_ahead_ms=ahead_ms, uncertainty_ms=round(reading.uncertainty_ms, 1))

    async def _send(self, client: Any, method: str, params: Mapping[str, object], journey: _Journey) -> Reply:
        token = _journey.set(journey)
        try:
            reply = await getattr(client, method)(dict(params))
        finally:
            _journey.reset(token)
        if not isinstance(reply, Reply):
            raise TypeError(f"{method} returned {type(reply).__name__}")
        if (left := headroom(reply)) is not None:
            self._least_headroom = min(left, 1.0 if self._least_headroom is None else self._least_headroom)
        if (code := ret_code(reply)) is not None and is_clock_code(code):
            self._clock.doubt()
        if reply.status == 403:
            self._budget.ban()
            _log.error("HTTP 403: nothing is asked or ordered for a while", wait_s=round(self._budget.banned_for_s()))
        return reply

    async def _wait_to_read(self) -> None:
        wait_s = self._budget.take(Kind.READ)
        if 0 < wait_s <= 1.0:
            await asyncio.sleep(wait_s)
            wait_s = self._budget.take(Kind.READ)
        if wait_s > 0:
            raise Unavailable("our own request budget is spent", retry_after_s=wait_s)

    async def _wait_to_write(self, kind: Kind) -> None:
        waits_s = self._patience.money_wait_s if kind in (Kind.MONEY, Kind.REPAY) else self._patience.order_wait_s
        patience_ends_s = elapsed_s() + waits_s
        while (wait_s := self._budget.take(kind)) > 0:
            if elapsed_s() + wait_s > patience_ends_s:
                raise Refused(NEVER_LEFT, f"it never left: our own {kind.value} budget is spent for {wait_s:.1f} s")
            await asyncio.sleep(wait_s)

    def _client(self, hosts: Hosts, credentials: Credentials, recv_window_ms: int) -> Any:
        """A ccxt client that asks nothing on its own: no throttle, no retries, no probing of the account, no markets."""
        logger = logging.getLogger("bot.exchange.ccxt")
        logger.setLevel(logging.WARNING)  # at DEBUG it writes signed headers
        return _Bybit(
            {
                "apiKey": credentials.api_key,
                "secret": credentials.api_secret,
                "enableRateLimit": False,
                "timeout": self._patience.request_timeout_s * 1000,
                "verbose": False,
                "logger": logger,
                "aiohttp_trust_env": False,
                "timeout_on_exit": 0,
                "urls": {"api": {"public": hosts.rest, "private": hosts.rest}},
                "options": {
                    "recvWindow": recv_window_ms,
                    "maxRetriesOnFailure": 0,
                    "enableUnifiedMargin": False,
                    "enableUnifiedAccount": True,
                    "unifiedMarginStatus": 6,
                },
                "venueclock": self._clock,
            }
        )


def _tracing() -> aiohttp.TraceConfig:
    """Marks the journey of each request, and stops a redirect: it would carry a signed order to another address."""
    trace = aiohttp.TraceConfig()

    async def connected(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
        if (journey := _journey.get(None)) is not None:
            journey.left = True

    async def redirected(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
        raise aiohttp.ClientPayloadError("the venue redirects; redirects are not followed")

    trace.on_connection_create_end.append(connected)
    trace.on_connection_reuseconn.append(connected)
    trace.on_request_redirect.append(redirected)
    return trace


def _why(error: Exception) -> str:
    """What broke, without addresses' queries: ccxt wraps the true error."""
    cause = error.__cause__ or error
    if isinstance(cause, TimeoutError):
        return "timed out"
    hint = " (a wrong clock, a proxy or an interceptor?)" if isinstance(cause, aiohttp.ClientSSLError) else ""
    return f"{type(cause).__name__}: {str(cause)[:150]}{hint}"
