"""Order entry over /v5/trade: one request in, one answer out. Sans-IO.

Knows the socket's codes and header (Bybit: websocket/trade/guideline); the desk asks the venue. Times are wall time.
"""

from __future__ import annotations

from typing import Any

from bot.simulator.auth import AuthError, Keyring
from bot.simulator.choices import FaceChoices
from bot.simulator.desk import Desk
from bot.simulator.envelope import without_nulls
from bot.simulator.quotas import EntryGate
from bot.simulator.request_faults import MESSAGES, RequestFate
from bot.simulator.sessions import MOST_REQ_ID, Session
from bot.simulator.venue import Reply

__all__ = ["OPS", "OrderEntry"]

OPS = {
    "order.create": "/v5/order/create",
    "order.amend": "/v5/order/amend",
    "order.cancel": "/v5/order/cancel",
    "order.create-batch": "/v5/order/create-batch",
    "order.amend-batch": "/v5/order/amend-batch",
    "order.cancel-batch": "/v5/order/cancel-batch",
}
_CATEGORIES = ("linear", "inverse", "spot", "option")
REMEMBERED_REQ_IDS = 50_000
NOT_AUTHENTICATED = 10007
"""Bybit names no code for a request before auth; 10007 is "user authentication failed"."""


class OrderEntry:
    """Answers what `Session.hear` left to it."""

    def __init__(self, desk: Desk, keyring: Keyring, choices: FaceChoices) -> None:
        self._desk, self._keyring = desk, keyring
        self._gate, self._sessions = EntryGate(), EntryGate(choices.session_requests_a_second)

    def answer(
        self, session: Session, request: dict[str, Any], wall_ms: int, fate: RequestFate | None = None
    ) -> dict[str, Any]:
        """The answer to one request of a trade socket; `fate` is what a fault plan has in store for it."""
        omens = fate.omens if fate is not None else ()
        if fate is not None and not fate.arrives and fate.ret_code is not None:
            return _reply(session, request, _coded(fate.ret_code), {}, wall_ms)
        try:
            path, params = self._checked(session, request, wall_ms)
        except AuthError as error:
            return _reply(session, request, Reply(ret_code=error.ret_code, ret_msg=error.ret_msg), {}, wall_ms)
        assert session.key is not None
        answered = self._desk.ask(session.key, "POST", path, params, via="trade", wall_ms=wall_ms, omens=omens)
        reply = answered.reply if fate is None or fate.ret_code is None else _coded(fate.ret_code)
        limits = answered.quota.headers() if answered.quota is not None else {}
        return _reply(session, request, reply, limits, wall_ms)

    def drop(self, session: Session) -> None:
        """The socket is gone."""
        self._sessions.forget(session.conn_id)

    def _checked(self, session: Session, request: dict[str, Any], wall_ms: int) -> tuple[str, dict[str, object]]:
        """(path, parameters) of a request that may go on. Raises AuthError with the socket's own codes."""
        op, req_id = request.get("op"), request.get("reqId")
        if not self._gate.admit(session.ip, wall_ms):
            raise AuthError(10403, "Exceeded IP rate limit.")
        if not self._sessions.admit(session.conn_id, wall_ms):
            raise AuthError(20003, "Too frequent requests in a session")
        if not isinstance(op, str) or op not in OPS:
            raise AuthError(10404, "unknown op")
        if session.key is None:
            raise AuthError(NOT_AUTHENTICATED, "User authentication failed.")
        if req_id is not None:
            self._check_req_id(session, str(req_id))
        header = request.get("header")
        if not isinstance(header, dict) or not header.get("X-BAPI-TIMESTAMP"):
            raise AuthError(10001, "Params Error: X-BAPI-TIMESTAMP is required")
        self._keyring.check_time(
            str(header["X-BAPI-TIMESTAMP"]), str(header.get("X-BAPI-RECV-WINDOW") or ""), now_ms=wall_ms
        )
        args = request.get("args")
        if not isinstance(args, list) or len(args) != 1 or not isinstance(args[0], dict):
            raise AuthError(10001, "Params Error: args must hold one object")
        params: dict[str, object] = without_nulls(args[0])
        if params.get("category") not in _CATEGORIES:
            raise AuthError(10404, "unknown category")
        self._keyring.known(session.key.name, ip=session.ip, now_ms=wall_ms)
        session.key = self._keyring.key(session.key.name)
        return OPS[op], params

    def _check_req_id(self, session: Session, req_id: str) -> None:
        if len(req_id) > MOST_REQ_ID:
            raise AuthError(10001, "Params Error: reqId is too long")
        if req_id in session.req_ids:
            raise AuthError(20006, "Duplicate reqId")
        session.req_ids[req_id] = None
        if len(session.req_ids) > REMEMBERED_REQ_IDS:
            del session.req_ids[next(iter(session.req_ids))]


def _coded(ret_code: int) -> Reply:
    return Reply(ret_code=ret_code, ret_msg=MESSAGES.get(ret_code, "simulated"))


def _reply(
    session: Session, request: dict[str, Any], reply: Reply, limits: dict[str, str], wall_ms: int
) -> dict[str, Any]:
    body = {
        "retCode": reply.ret_code,
        "retMsg": reply.ret_msg,
        "op": request.get("op", ""),
        "data": reply.result or {},
        "retExtInfo": reply.ext,
        "header": {**limits, "Traceid": f"{wall_ms:032x}", "Timenow": str(wall_ms)},
        "connId": session.conn_id,
    }
    return {"reqId": request["reqId"], **body} if "reqId" in request else body
