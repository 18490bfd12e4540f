"""The fault plan at work on a running venue: dice for what passes, deeds for what happens at once, and the way back.

Knows the plan, the venue, its keys, its gate and its open lines; the sockets and the HTTP face ask it what becomes of each thing they
carry. Real time in milliseconds is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

from bot.simulator import deeds
from bot.simulator.auth import ApiKey, Keyring
from bot.simulator.catalogue import CATALOGUE
from bot.simulator.faults import FaultPlan, Injection
from bot.simulator.lines import Line
from bot.simulator.market_faults import MarketFaults
from bot.simulator.public_rest import Notices
from bot.simulator.quotas import IpGate
from bot.simulator.request_faults import RequestFaults
from bot.simulator.stream_faults import StreamFaults
from bot.simulator.venue import Venue

__all__ = ["Misfortunes"]

LOOPBACK_IPS = ("127.0.0.1", "::1")
ELSEWHERE = "203.0.113.7"
MAINTENANCE_CODE = "10019"


class Misfortunes:
    """What a fault plan does to one server."""

    def __init__(
        self,
        venue: Venue,
        keyring: Keyring,
        gate: IpGate,
        notices: Notices,
        *,
        lines: Callable[[], Iterable[Line]],
        announce: Callable[[dict[str, Any]], None],
        seed: int = 0,
    ) -> None:
        self.plan = FaultPlan(seed)
        self.requests, self.streams, self.market = (
            RequestFaults(self.plan),
            StreamFaults(self.plan),
            MarketFaults(self.plan),
        )
        self.clock_off_ms = 0
        self._venue, self._keyring, self._gate, self._notices = venue, keyring, gate, notices
        self._lines, self._announce = lines, announce
        self._good_rules = venue.state.rules
        self._good_keys: dict[str, ApiKey] = {}
        self._maintained_until_ms: int | None = None

    def inject(self, injection: Injection, real_ms: int) -> str:
        """Set a misfortune to work, or let it happen; what was done, in a few words. Raises ValueError or KeyError."""
        match injection.entry.where:
            case "account":
                return deeds.perform(self._venue, injection)
            case "server":
                return self._server_deed(injection, real_ms)
            case "socket" if injection.p == 1 and injection.fault in ("half-open", "sockets-cut", "close-hangs"):
                return self._to_open_lines(injection)
            case _:
                self.plan.inject(injection)
                return "at work"

    def lift(self, fault: str | None, real_ms: int) -> None:
        """Call off what is at work and undo what can be undone: bans, clock, keys, maintenance, the thin book."""
        self.plan.lift(fault)
        if fault in (None, "ip-ban"):
            self._gate.pardon()
        if fault in (None, "clock-off"):
            self.clock_off_ms = 0
        if fault is None or fault.startswith("key-"):
            for key in self._good_keys.values():
                self._keyring.replace(key)
            self._good_keys.clear()
        if fault in (None, "maintenance") and self._maintained_until_ms is not None:
            self._maintained_until_ms = real_ms
            self.tend(real_ms)
        if fault in (None, "book-thin"):
            book = {
                name: getattr(self._good_rules, name) for name in ("book_levels", "linear_level_qty", "spot_level_qty")
            }
            self._venue.set_rules(replace(self._venue.state.rules, **book))

    def tend(self, real_ms: int) -> None:
        """End what has an end of its own."""
        if self._maintained_until_ms is not None and real_ms >= self._maintained_until_ms:
            self._maintained_until_ms = None
            self.plan.lift("refused-with")
            self._note("completed")

    def told(self) -> dict[str, Any]:
        """Active, counted and known misfortunes, for the control endpoint."""
        return {
            "active": [asdict(injection) for injection in self.plan.active()],
            "blows": dict(self.plan.blows),
            "catalogue": [asdict(fault) for fault in CATALOGUE.values()],
        }

    # -- deeds of the server ------------------------------------------------------------------------------------------------------------

    def _server_deed(self, injection: Injection, real_ms: int) -> str:
        match injection.fault:
            case "ip-ban":
                for ip in LOOPBACK_IPS:
                    self._gate.ban(ip, real_ms, injection.lasts_ms)
                return f"HTTP answers 403 for {injection.lasts_ms} ms"
            case "clock-off":
                self.clock_off_ms = injection.lasts_ms
                return f"{injection.lasts_ms} ms ahead"
            case "maintenance":
                return self._maintain(injection, real_ms)
            case _:
                return self._spoil_keys(injection, real_ms)

    def _maintain(self, injection: Injection, real_ms: int) -> str:
        self._maintained_until_ms = real_ms + injection.lasts_ms
        end_ms = self._venue.now_ms + injection.lasts_ms
        row = {
            "id": f"maintenance-{len(self._notices.rows) + 1}",
            "title": "Maintenance",
            "state": "ongoing",
            "begin": str(self._venue.now_ms),
            "end": str(end_ms),
            "href": "",
            "serviceTypes": [1, 2, 3, 4, 5],
            "product": [1, 2],
            "uidSuffix": [],
            "maintainType": 1,
            "env": 1,
        }
        self._notices.rows.insert(0, row)
        self._announce(row)
        self.plan.inject(Injection(fault="refused-with", match="POST", value=MAINTENANCE_CODE))
        for line in self._lines():
            if line.session.channel != "status":
                line.cut(1012, "service restart")
        return f"until {end_ms}"

    def _note(self, state: str) -> None:
        row = {**self._notices.rows[0], "state": state, "end": str(self._venue.now_ms)}
        self._notices.rows[0] = row
        self._announce(row)

    def _spoil_keys(self, injection: Injection, real_ms: int) -> str:
        names = [injection.says] if injection.says else self._keyring.names()
        for name in names:
            key = self._keyring.key(name)
            if key is None:
                raise KeyError(name)
            self._good_keys.setdefault(name, key)
            if injection.fault == "key-withdrawn":
                self._keyring.withdraw(name)
            else:
                self._keyring.replace(replace(key, info=replace(key.info, **_worse(injection.fault, real_ms))))
            for line in self._lines():
                if (
                    line.session.key is not None
                    and line.session.key.name == name
                    and injection.fault != "key-read-only"
                ):
                    line.session.expire()
                    line.cut(1008, "key is not valid any more")
        return ", ".join(names)

    def _to_open_lines(self, injection: Injection) -> str:
        struck = [line for line in self._lines() if injection.match in line.session.channel]
        for line in struck:
            if injection.fault == "half-open":
                line.deaf = True
            elif injection.fault == "close-hangs":
                line.hangs = True
            else:
                line.cut(1006 if injection.says == "abrupt" else 1001, "going away")
        self.plan.blows[injection.fault] += len(struck)
        return f"{len(struck)} sockets"


def _worse(fault: str, real_ms: int) -> dict[str, Any]:
    match fault:
        case "key-expired":
            return {"expires_ms": real_ms}
        case "key-read-only":
            return {"read_only": True}
        case _:
            return {"ips": (ELSEWHERE,)}
