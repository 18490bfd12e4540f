"""Who may ask, and how: the checks every request passes before a handler sees it, and the headers every answer carries.

A page of a hostile site can send requests to a loopback port (cross-site requests, DNS rebinding), so loopback alone is no guard:
the Host header must be one of ours. Nothing here allows another origin to read.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections import OrderedDict, deque
from collections.abc import Iterable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from bot.domain.clock import elapsed_s
from bot.domain.errors import SetUp
from bot.monitoring.pace import Pace

__all__ = ["AUTHORISED", "Lockout", "allowed_hosts", "check_exposure", "guards", "put_headers"]

_log = logging.getLogger(__name__)

AUTHORISED = web.RequestKey("authorised", bool)
"""True where no token is asked for, or the right one was shown."""

OPEN_PATHS = ("/health", "/static/")
"""Served without a token: verdicts without reasons, and files without data. The page itself is `/`."""

VERB_PATHS = "/api/v1/verbs/"
"""A POST below this acts: it needs the token, our own origin and JSON."""

_LIVE_PATH, _LIVE_PER_S = "/health/live", 40.0
"""What the dead man's watch asks has a line of its own, at so many a second: with every connection in it, it is shorter than the watch's
patience. A crowd that waits at another path is no silence of the daemon."""

TOKEN_MIN_LENGTH = 22
"""Characters; 128 random bits in base64 are 22."""

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def check_exposure(host: str, token: str) -> None:
    """Balances are nobody else's business: raises SetUp for a listener without a token, and for a short one."""
    if 0 < len(token) < TOKEN_MIN_LENGTH:
        raise SetUp(
            f"the dashboard's token is shorter than {TOKEN_MIN_LENGTH} characters",
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe())'",
        )
    if not token:
        raise SetUp(
            f"the dashboard would listen on {host} without a token; beyond this machine none is made for you",
            "Listen on 127.0.0.1, or set a token and put a TLS proxy in front",
        )


def allowed_hosts(port: int, bound_host: str, extra: Iterable[str]) -> frozenset[str]:
    """The Host headers that mean us: loopback names and the bound address with our port, and what was configured, as written."""
    names = {"127.0.0.1", "localhost", "[::1]"}
    if not _is_wildcard(bound_host):
        names.add(f"[{bound_host}]" if ":" in bound_host else bound_host)
    return frozenset({f"{name}:{port}".lower() for name in names} | {host.lower() for host in extra})


def guards(hosts: frozenset[str], token: str, verb_token: str | None = None, *, pace: Pace) -> list[Middleware]:
    """The middlewares, outermost first.

    `hosts` are the Host headers that mean us. `token` "" asks for none; `verb_token` is what a POST must show, None: no POST is served.
    `pace` is how fast requests are answered; a verb with its token does not wait.
    """
    return [
        _last_resort,
        _pace_guard(pace, verb_token),
        _host_guard(hosts),
        _origin_guard(hosts),
        _body_guard(verb_token),
        _token_guard(token, verb_token),
    ]


async def put_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """A signal on every prepared response, errors included."""
    response.headers.update(_HEADERS)
    response.headers.pop(hdrs.SERVER, None)


class Lockout:
    """Five wrong tokens in a minute from one address, and that address waits until the minute has passed."""

    _TRIES = 5
    _WITHIN_S = 60.0
    _ADDRESSES = 1_000

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def locked(self, address: str, now_s: float) -> bool:
        failures = self._failures.get(address)
        if failures is None:
            return False
        while failures and now_s - failures[0] >= self._WITHIN_S:
            failures.popleft()
        return len(failures) >= self._TRIES

    def failed(self, address: str, now_s: float) -> None:
        self._failures.setdefault(address, deque(maxlen=self._TRIES)).append(now_s)
        self._failures.move_to_end(address)
        while len(self._failures) > self._ADDRESSES:
            self._failures.popitem(last=False)


@web.middleware
async def _last_resort(request: web.Request, handler: Handler) -> web.StreamResponse:
    """An answer that failed is still an answer of ours: with the headers, without a trace of the inside."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except ConnectionError:
        return web.Response(status=400)  # it left while we spoke: nobody hears this, and no log has to
    except Exception:  # noqa: BLE001
        _log.exception("a request could not be answered", extra={"path": request.path})
        return web.Response(status=500, text="HedgeLock could not answer; its log says why.\n")


def _pace_guard(pace: Pace, verb_token: str | None) -> Middleware:
    """Requests beyond the pace wait, refused ones too; a connection has one at a time, so what waits is bounded."""
    live_pace = Pace(burst=1, per_s=_LIVE_PER_S)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        acts = verb_token is not None and _is_verb(request) and _is_shown(request, verb_token)
        if not acts:
            await (live_pace if request.path == _LIVE_PATH else pace).wait_turn()
        return await handler(request)

    return check


def _host_guard(hosts: frozenset[str]) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get(hdrs.HOST, "").lower() not in hosts:
            raise web.HTTPMisdirectedRequest(text="This host name is not one of HedgeLock's allowed hosts.\n")
        return await handler(request)

    return check


def _origin_guard(hosts: frozenset[str]) -> Middleware:
    """A page of another origin may not act: browsers say where a request comes from, and no page of theirs can leave that out."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if _is_verb(request):
            origin = request.headers.get(hdrs.ORIGIN)
            site = request.headers.get("Sec-Fetch-Site", "none")
            ours = origin is None or origin.lower().partition("://")[2] in hosts
            if not ours or site not in ("same-origin", "none"):
                raise web.HTTPForbidden(text="Another site may not ask for this.\n")
        return await handler(request)

    return check


def _body_guard(verb_token: str | None) -> Middleware:
    """Nothing that is read here takes a body; one that comes is not read. A verb takes a small JSON object, and nothing a form can send."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        takes_one = verb_token is not None and _is_verb(request)
        if not takes_one and request.body_exists:
            response = web.Response(status=413, text="No route here takes a body.\n")
            response.force_close()
            return response
        if takes_one and request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="Send application/json.\n")
        return await handler(request)

    return check


def _token_guard(token: str, verb_token: str | None) -> Middleware:
    lockout = Lockout()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if verb_token is not None and _is_verb(request):
            shown = _shown(request, lockout, verb_token, token)
            if not shown:
                raise _unauthorised()
            if shown != verb_token:
                raise web.HTTPForbidden(text="This token reads; a verb needs the one that operates.\n")
            request[AUTHORISED] = True
            return await handler(request)
        # Who may operate may read: two scopes, one inside the other.
        request[AUTHORISED] = not token or bool(_shown(request, lockout, verb_token, token))
        if request[AUTHORISED] or request.path == "/" or request.path.startswith(OPEN_PATHS):
            return await handler(request)
        raise _unauthorised()

    return check


def _unauthorised() -> web.HTTPUnauthorized:
    text = "A token is needed, as Authorization: Bearer. `hedgelock dashboard` prints a link that opens the page.\n"
    return web.HTTPUnauthorized(text=text, headers={hdrs.WWW_AUTHENTICATE: "Bearer"})


def _is_verb(request: web.Request) -> bool:
    return request.method == hdrs.METH_POST and request.path.startswith(VERB_PATHS)


def _shown(request: web.Request, lockout: Lockout, verb_token: str | None, token: str) -> str:
    """Which of the two is shown as bearer, "" for none. A wrong one is held against its address; raises 429 while that is locked out.

    A token that only operates is never locked out: no guess finds it, and whoever guesses from this machine has the operator's address.
    """
    if not request.headers.get(hdrs.AUTHORIZATION, ""):
        return ""
    if verb_token and verb_token != token and _is_shown(request, verb_token):
        return verb_token
    address = request.remote or ""
    if lockout.locked(address, elapsed_s()):
        raise web.HTTPTooManyRequests(text="Too many wrong tokens; wait a minute.\n", headers={hdrs.RETRY_AFTER: "60"})
    if token and _is_shown(request, token):
        return token
    lockout.failed(address, elapsed_s())
    return ""


def _is_shown(request: web.Request, token: str) -> bool:
    """Compared as bytes: a stranger's header need not be text."""
    shown = request.headers.get(hdrs.AUTHORIZATION, "").encode(errors="surrogateescape")
    return hmac.compare_digest(shown, f"Bearer {token}".encode())


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return host == ""
