"""The hand that is not Bybit's: /sim/… moves time, shows the venue's private truth, and plays the account's owner.

Sans-IO: method, path and JSON in, status and JSON out. Knows the player, the desk's log and the venue.

    GET  /sim/clock                      market time, wall time, speed, paused, ticks played, this venue's name
    POST /sim/pause, /sim/resume
    POST /sim/step     {"ms": n} or {"ticks": n}   (while paused)
    POST /sim/speed    {"speed": x}
    GET  /sim/accounts                   names
    GET  /sim/accounts/NAME              balances, legs, orders, executions, logs: what is so, whatever a fault shows a client
    GET  /sim/requests?since=N           writes the venue received, in order
    GET  /sim/faults                     what is at work, how often it struck, the catalogue
    POST /sim/faults   {"fault", "match", "account", "p", "times", "for_ms", "ms", "value"}, or {"climate": seed, "strength"},
                       or {"plan": name or seed}
    DELETE /sim/faults[/NAME]            call off that misfortune, or all
    POST /sim/owner    {"account", "path", "params", "method"?}: a deed by the account's owner, outside quotas and faults
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import msgspec

from bot.simulator.desk import Desk
from bot.simulator.faults import Injection, draw_climate, plan_of
from bot.simulator.misfortunes import Misfortunes
from bot.simulator.params import Ask, Refusal
from bot.simulator.player import Player
from bot.simulator.venue import Venue

__all__ = ["Control"]

Told = tuple[int, dict[str, Any]]
Handler = Callable[[str, Mapping[str, Any]], dict[str, Any]]


class Control:
    """Answers under /sim/. Errors are HTTP 400 or 404 with {"error": text}."""

    def __init__(
        self, venue: Venue, player: Player, desk: Desk, misfortunes: Misfortunes, wall_ms: Callable[[], int]
    ) -> None:
        self._venue, self._player, self._desk, self._wall_ms = venue, player, desk, wall_ms
        self._misfortunes = misfortunes
        self._name = str(wall_ms())
        self.routes: dict[tuple[str, str], Handler] = {
            ("GET", "clock"): lambda rest, params: self.clock(),
            ("POST", "pause"): lambda rest, params: self._pace(paused=True),
            ("POST", "resume"): lambda rest, params: self._pace(paused=False),
            ("POST", "speed"): self._speed,
            ("POST", "step"): self._step,
            ("GET", "accounts"): self._accounts,
            ("GET", "requests"): self._requests,
            ("POST", "owner"): self._owner,
            ("GET", "faults"): lambda rest, params: misfortunes.told(),
            ("POST", "faults"): self._inject,
            ("DELETE", "faults"): self._lift,
        }

    def answer(self, method: str, path: str, params: Mapping[str, Any]) -> Told:
        """`path` is what follows /sim/."""
        name, _, rest = path.partition("/")
        handler = self.routes.get((method, name))
        if handler is None:
            return 404, {
                "error": f"no {method} /sim/{path}; there are: {', '.join(sorted({n for _, n in self.routes}))}"
            }
        self._player.catch_up()
        try:
            return 200, handler(rest, params)
        except Refusal as refusal:
            return 400, {"error": refusal.msg}
        except (ValueError, TypeError) as error:
            return 400, {"error": str(error)}
        except KeyError as error:
            return 404, {"error": f"unknown or missing: {error.args[0]}"}

    def clock(self) -> dict[str, Any]:
        pace = self._player.pace
        return {
            "market_ms": max(self._venue.now_ms, pace.now_ms()),
            "wall_ms": self._wall_ms(),
            "speed": pace.rate,
            "paused": pace.paused,
            "ticks": self._player.ticks_played,
            "venue": self._name,
        }

    def _pace(self, *, paused: bool) -> dict[str, Any]:
        self._player.pace.set(paused=paused)
        return self.clock()

    def _speed(self, rest: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._player.pace.set(rate=float(Ask(params).amount("speed")))
        return self.clock()

    def _step(self, rest: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if not self._player.pace.paused:
            raise Refusal(10001, "pause before you step")
        if "ticks" in params:
            self._player.step_ticks(int(Ask(params).amount("ticks")))
        else:
            self._player.step_ms(int(Ask(params).amount("ms")))
        return self.clock()

    def _accounts(self, name: str, params: Mapping[str, Any]) -> dict[str, Any]:
        accounts = self._venue.state.accounts
        if not name:
            return {"accounts": list(accounts)}
        truth = {field: _truth(getattr(accounts[name], field)) for field in _SHOWN}
        return {"account": name, "market_ms": self._venue.now_ms, **truth}

    def _requests(self, rest: str, params: Mapping[str, Any]) -> dict[str, Any]:
        since = int(params.get("since", 0))
        return {"requests": [asdict(row) for row in self._desk.log if row.number > since]}

    def _owner(self, rest: str, params: Mapping[str, Any]) -> dict[str, Any]:
        account, path = str(params["account"]), str(params["path"])
        if account not in self._venue.state.accounts:
            raise KeyError(account)
        asked = params.get("params", {})
        reply = self._venue.request(account, str(params.get("method", "POST")), path, asked)
        return {"retCode": reply.ret_code, "retMsg": reply.ret_msg, "result": reply.result, "retExtInfo": reply.ext}

    def _inject(self, rest: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if "climate" in params:
            return self._at_work(draw_climate(int(params["climate"]), strength=float(params.get("strength", 1))))
        if "plan" in params:
            return self._at_work(plan_of(str(params["plan"])))
        injection = msgspec.convert(params, Injection, strict=False)
        return {"done": self._misfortunes.inject(injection, self._wall_ms())}

    def _at_work(self, drawn: tuple[Injection, ...]) -> dict[str, Any]:
        for injection in drawn:
            self._misfortunes.inject(injection, self._wall_ms())
        return {"at_work": [asdict(injection) for injection in drawn]}

    def _lift(self, rest: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._misfortunes.lift(rest or None, self._wall_ms())
        return self._misfortunes.told()


_SHOWN = (
    *(
        "uid",
        "purses",
        "fund",
        "legs",
        "leverage",
        "hedge_mode",
        "margin_mode",
        "orders",
        "closed",
        "executions",
        "log",
    ),
    *("closed_pnl", "interest", "fund_log", "transfers", "loans"),
)


def _truth(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=_plain, str_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, deque | set | frozenset):
        return list(value)
    return str(value)
