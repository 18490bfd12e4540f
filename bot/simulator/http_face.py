"""HTTP requests on their way in and answers on their way out, spoilt on request.

The only file that touches aiohttp's plain requests. Knows `Rest` (who answers) and the fault plan (what becomes of it); an answer may come
late, twice asked, by half, drop by drop, as a page of HTML or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from bot.simulator.auth import Keyring
from bot.simulator.envelope import Rest, RestAnswer, RestRequest, envelope
from bot.simulator.misfortunes import Misfortunes
from bot.simulator.request_faults import MESSAGES, RequestFate
from bot.simulator.venue import Reply

__all__ = ["HttpFace"]

LOOK_S = 0.05
LONGEST_HANG_S = 900.0
DRIPS = 40
PAGE = (
    "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n"
    "<center><h1>{status}</h1></center>\r\n<hr><center>edge</center>\r\n</body>\r\n</html>\r\n"
)


class HttpFace:
    """Answers every path but the sockets' and the control hand's."""

    def __init__(
        self,
        rest: Rest,
        keyring: Keyring,
        misfortunes: Misfortunes,
        *,
        wall_ms: Callable[[], int],
        publish: Callable[[], None],
    ) -> None:
        self._rest, self._keyring, self._misfortunes = rest, keyring, misfortunes
        self._wall_ms, self._publish = wall_ms, publish

    async def handle(self, request: web.Request) -> web.StreamResponse:
        asked = RestRequest(
            method=request.method,
            path=request.path,
            query=request.rel_url.raw_query_string,
            body=(await request.read()).decode(errors="replace"),
            headers={name.upper(): value for name, value in request.headers.items()},
            ip=request.remote or "",
        )
        if self._misfortunes.plan.any("request"):
            return await self._through_faults(request, asked)
        answer = self._rest.answer(asked, self._wall_ms())
        self._publish()
        return _response(answer)

    async def _through_faults(self, request: web.Request, asked: RestRequest) -> web.StreamResponse:
        key = self._keyring.key(asked.headers.get("X-BAPI-API-KEY", ""))
        account = key.account if key is not None else ""
        fate = self._misfortunes.requests.fate(asked.method, asked.path, self._wall_ms(), account=account)
        await asyncio.sleep(fate.late_ms / 1000)
        answer = self._answer(asked, fate)
        self._publish()
        await asyncio.sleep(fate.answer_late_ms / 1000 if fate.shape != "drip" else 0)
        return await _deliver(request, fate, answer)

    def _answer(self, asked: RestRequest, fate: RequestFate) -> RestAnswer:
        """The last of the venue's answers, or what stands in its place when the request never arrives."""
        wall_ms, requests = self._wall_ms(), self._misfortunes.requests
        subject = f"{asked.method} {asked.path}?{asked.query}"

        def retouch(reply: Reply) -> Reply:
            if asked.method == "GET":
                requests.remember(subject, reply, wall_ms)
            return requests.retouch(fate, reply, subject, now_ms=wall_ms, market_ms=self._rest.market_ms())

        answer = envelope(_in_its_place(fate), wall_ms, headers=_reset_headers(fate, wall_ms))
        for _ in range(fate.arrives):
            answer = self._rest.answer(asked, wall_ms, fate, retouch)
        return answer


def _in_its_place(fate: RequestFate) -> Reply:
    code = fate.ret_code or 0
    return Reply(ret_code=code, ret_msg=MESSAGES.get(code, "simulated"))


def _reset_headers(fate: RequestFate, wall_ms: int) -> dict[str, str]:
    if fate.reset_in_ms is None:
        return {}
    reset = str(wall_ms + fate.reset_in_ms)
    return {"X-Bapi-Limit": "10", "X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": reset}


def _response(answer: RestAnswer) -> web.Response:
    content_type = answer.content_type.partition(";")[0]
    return web.Response(
        status=answer.status, text=answer.body, content_type=content_type, charset="utf-8", headers=answer.headers
    )


async def _deliver(request: web.Request, fate: RequestFate, answer: RestAnswer) -> web.StreamResponse:
    match fate.shape:
        case "json":
            return _response(answer)
        case "html":
            return web.Response(status=fate.status, text=PAGE.format(status=fate.status), content_type="text/html")
        case "empty":
            return web.Response(text="", content_type="application/json")
        case "null":
            return web.Response(text="null", content_type="application/json")
        case "truncated":
            return web.Response(text=answer.body[: len(answer.body) // 2], content_type="application/json")
        case "huge":
            return web.Response(text=answer.body + " " * (fate.blanks_mb << 20), content_type="application/json")
        case "drip":
            return await _drip(request, answer.body.encode(), fate.answer_late_ms / 1000)
        case "half":
            return await _half(request, answer.body.encode())
        case "hang":
            await _hang(request)
            return _gone(request)
        case "close":
            return _gone(request)


async def _drip(request: web.Request, body: bytes, over_s: float) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    size = max(1, len(body) // DRIPS)
    try:
        for at in range(0, len(body), size):
            await response.write(body[at : at + size])
            await asyncio.sleep(over_s / DRIPS)
    except ConnectionError:  # the client would not wait
        return response
    return response


async def _half(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _hang(request: web.Request) -> None:
    """Say nothing until the client gives up."""
    try:
        async with asyncio.timeout(LONGEST_HANG_S):
            while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 — nothing tells
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        return


def _gone(request: web.Request) -> web.Response:
    """End the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
