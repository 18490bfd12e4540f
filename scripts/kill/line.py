"""The line to the exchange: pybit, over whichever documented host answers, obeying bans and limits, keeping the venue's time.

Knows what an error proves: refused for certain, or perhaps done. Never sends anything twice by itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from random import uniform
from typing import Any

import requests
from pybit import _http_manager
from pybit.exceptions import FailedRequestError, InvalidRequestError
from pybit.unified_trading import HTTP
from urllib3.exceptions import ReadTimeoutError

from bot.domain.clock import elapsed_s, wall_ms
from scripts.kill.timely import Timely

__all__ = ["Line", "NoAnswer", "Refused"]

CONNECT_S, ANSWER_S = 2.0, 4.0
BAN_S = 600.0
"""After HTTP 403 nothing is asked for this long; asking sooner makes it longer (Bybit: rate-limit)."""
AGAIN_S = 10.0
"""A ban that is met so soon after our silence was kept alive by someone else who speaks from this address."""
SILENT_S = 30.0
"""A host that let a question hang is left alone so long if another says anything at all: a spoilt answer costs no time, silence does."""
WINDOW_MS, WIDEST_WINDOW_MS = 3000, 20_000

# After these the request may have been carried out all the same (Bybit: error).
# fmt: off
AMBIGUOUS = frozenset({
    -1, 429, 10000, 10006, 10014, 10016, 10018, 10019, 10403, 10429, 20003, 20006, 30034, 110005, 110035, 110072, 110079,
    170001, 170005, 170007, 170032, 170141, 170146, 170147, 170149, 170222, 170234, 170310, 500000, 3400214,
})
# fmt: on
CLOCK_CODES = frozenset({10002, -1})
RATE_CODES = frozenset({10006, 10018, 10429, 429})


class NoAnswer(Exception):
    """Nothing usable came back. `never_left`: the request certainly did not reach the venue."""

    def __init__(self, reason: str, *, never_left: bool = False) -> None:
        super().__init__(reason)
        self.never_left = never_left


class Refused(Exception):
    """The venue said no. `code` is its retCode."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class _Session(HTTP):  # type: ignore[misc]
    """pybit with the venue's clock instead of ours: a machine whose clock is wrong must still be able to close."""

    ahead_ms: int = 0

    def _prepare_headers(self, payload: Any, recv_window: Any) -> dict[str, str]:
        timestamp = wall_ms() + self.ahead_ms
        return {
            "Content-Type": "application/json",
            "X-BAPI-API-KEY": self.api_key,
            "X-BAPI-SIGN": self._auth(payload=payload, recv_window=recv_window, timestamp=timestamp),
            "X-BAPI-SIGN-TYPE": "2",
            "X-BAPI-TIMESTAMP": str(timestamp),
            "X-BAPI-RECV-WINDOW": str(recv_window),
        }


class Line:
    """Shared by the threads of one kill; each thread has its own connection."""

    def __init__(
        self, hosts: tuple[str, ...], api_key: str, api_secret: str, *, ban_s: float | None = None, leave_from: str = ""
    ) -> None:
        """`leave_from`: our end of every connection, "" for any (`World.leave_from`)."""
        logging.getLogger(_http_manager.__name__).setLevel(logging.CRITICAL)
        self._hosts, self._key, self._secret, self._ban_s = (
            hosts,
            api_key,
            api_secret,
            BAN_S if ban_s is None else ban_s,
        )
        self._leave_from = leave_from
        self._host = 0
        self._shunned_until_s = [0.0] * len(hosts)
        self._ahead_ms = 0
        self._window_ms = WINDOW_MS
        self._quiet_until_s = self._ban_over_s = 0.0
        self._own = threading.local()
        self._lock = threading.Lock()
        self.banned = False
        self.order_window_ms = WINDOW_MS
        """The widest recv_window that any order was sent with."""

    @property
    def host(self) -> str:
        return self._hosts[self._host]

    def must_wait_s(self) -> float:
        """How long the venue wants silence."""
        return max(0.0, self._quiet_until_s - elapsed_s())

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """One request by pybit's method name; the `result` of a valid envelope. Raises Refused or NoAnswer."""
        if self.must_wait_s():
            raise NoAnswer("the venue wants silence", never_left=True)
        host = self._host
        session = self._session(host)
        try:
            answer = getattr(session, method)(**params)
        except InvalidRequestError as error:
            raise self._refused(error) from None
        except FailedRequestError as error:
            raise self._failed(error, host) from None
        except requests.RequestException as error:
            raise self._lost(error, host) from None
        except Exception as error:  # noqa: BLE001 — whatever a client makes of rubbish, it is no answer
            raise NoAnswer(f"an answer that makes no sense ({type(error).__name__})") from None
        if not isinstance(answer, dict) or answer.get("retCode") != 0 or not isinstance(answer.get("result"), dict):
            raise NoAnswer("an answer without retCode 0 and a result")
        return dict(answer["result"])

    def _session(self, host: int) -> _Session:
        sessions: dict[int, _Session] = self._own.__dict__.setdefault("sessions", {})
        if host not in sessions:
            session = _Session(
                api_key=self._key,
                api_secret=self._secret,
                rsa_authentication="PRIVATE KEY" in self._secret,
                max_retries=1,
                timeout=(CONNECT_S, ANSWER_S),
                logging_level=logging.CRITICAL,
                retry_codes={0},  # pybit itself repeats nothing; an empty set would mean its own list
            )
            session.endpoint = self._hosts[host]
            session.client.trust_env = False  # no proxy of the environment stands between us and the exchange
            session.client.max_redirects = 0  # whoever sends us elsewhere is not the exchange
            session.client.mount(session.endpoint, Timely(self._leave_from))
            sessions[host] = session
        session = sessions[host]
        session.ahead_ms, session.recv_window = self._ahead_ms, self._window_ms
        return session

    def _refused(self, error: InvalidRequestError) -> Exception:
        code = error.status_code if isinstance(error.status_code, int) else 0
        if code in CLOCK_CODES:
            self._set_clock()
        if code in RATE_CODES:
            self._hush(_reset_in_s(error.resp_headers))
        text = str(error.message).replace(self._key, "(the key)")  # 10004 quotes what was signed
        return NoAnswer(f"{code}: {text}") if code in AMBIGUOUS else Refused(code, text)

    def _failed(self, error: FailedRequestError, host: int) -> NoAnswer:
        if error.status_code == 403:
            wait_s = self._ban()
            return NoAnswer(f"HTTP 403: banned or blocked; silence for {wait_s:.0f} s", never_left=True)
        self._turn_from(host)
        return NoAnswer(f"HTTP {error.status_code}")

    def _lost(self, error: requests.RequestException, host: int) -> NoAnswer:
        is_slow = isinstance(error, requests.Timeout) or any(
            isinstance(cause, ReadTimeoutError) for cause in error.args
        )
        self._turn_from(host, shun_s=SILENT_S if is_slow else 0.0)
        never_left = isinstance(error, requests.ConnectTimeout) or "NewConnectionError" in repr(error)
        why = "not in time" if is_slow else _systems_words(error) or type(error).__name__
        return NoAnswer(f"{self._hosts[host]} does not answer ({why})", never_left=never_left)

    def _turn_from(self, host: int, *, shun_s: float = 0.0) -> None:
        """Try the documented host that has failed us least lately; whoever was faster has turned already."""
        with self._lock:
            self._shunned_until_s[host] = elapsed_s() + shun_s
            if self._host == host:
                self._host = self._shunned_until_s.index(min(self._shunned_until_s))

    def _ban(self) -> float:
        """Keep the silence a ban wants. If ours was kept and it lives on, two wait alike and each breaks the other's: draw another time."""
        with self._lock:
            now_s = elapsed_s()
            is_again = self._ban_over_s <= now_s < self._ban_over_s + AGAIN_S
            wait_s = self._ban_s * (uniform(1.0, 3.0) if self.banned and is_again else 1.0)
            self.banned, self._ban_over_s = True, max(self._ban_over_s, now_s + wait_s)
            self._quiet_until_s = max(self._quiet_until_s, self._ban_over_s)
            return wait_s

    def _hush(self, seconds: float) -> None:
        with self._lock:
            self._quiet_until_s = max(self._quiet_until_s, elapsed_s() + seconds)

    def _set_clock(self) -> None:
        """Take the venue's time and a wider window: late is better than never."""
        try:
            before_ms = wall_ms()
            answer: Mapping[str, Any] = self._session(self._host).get_server_time()
            self._ahead_ms = int(answer["time"]) - (before_ms + wall_ms()) // 2
        except Exception:  # noqa: BLE001 — the next request says again what is wrong
            return
        self._window_ms = self.order_window_ms = min(WIDEST_WINDOW_MS, self._window_ms + 2500)


def _systems_words(error: BaseException) -> str:
    """What the machine said (refused, name not known), "" for nothing: the client's own words hold the URL and all that was asked."""
    causes = (*error.args, getattr(error, "reason", None), error.__cause__ or error.__context__)
    inner = (_systems_words(cause) for cause in causes if isinstance(cause, BaseException))
    own = error.strerror if isinstance(error, OSError) and isinstance(error.strerror, str) else ""
    return next((words for words in inner if words), own)


def _reset_in_s(headers: Mapping[str, str] | None) -> float:
    """When the venue counts anew, at most a few seconds away (Bybit: rate-limit, X-Bapi-Limit-Reset-Timestamp)."""
    try:
        wait_s = (int((headers or {})["X-Bapi-Limit-Reset-Timestamp"]) - wall_ms()) / 1000
    except (KeyError, ValueError):
        return 0.5
    return min(3.0, max(0.1, wait_s))
