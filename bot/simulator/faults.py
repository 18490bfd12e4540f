"""The fault plan: which misfortunes are at work, how often they strike, and the dice.

Pure and seeded: the same seed, injections and questions give the same blows, in process and over sockets. Knows the catalogue; does not
carry anything out. Times are handed in: real milliseconds for requests, streams, sockets and the server, market time for the market.

In process, without a socket, a world uses the same plan with its own idea of time:

    plan = FaultPlan(seed, draw_climate(seed))
    fate = RequestFaults(plan).fate("POST", "/v5/order/create", now_ms)        # lost, late, doubled, answered with what?
    foretell(venue, account, path, params, fate.omens)                         # what happens just before it arrives
    reply = faults.retouch(fate, venue.request(...), subject, now_ms=…, market_ms=…)   # what is seen, if fate.readable
    frames = StreamFaults(plan).carry(client, "private", message, now_ms)      # what arrives of a push, and how late
    ticks = MarketFaults(plan).bend(tick)                                      # what the tape's tick has become
    perform(venue, Injection(fault="adl", value="2:0.5"))                      # what happens at once
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Self

from bot.simulator.catalogue import CATALOGUE, Fault, Where

__all__ = ["PLANS", "FaultPlan", "Injection", "draw_climate", "plan_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One misfortune at work. Raises ValueError for a name that is not in the catalogue, a probability outside 0..1, a value that is no
    number where the catalogue's is one.

    `match` is a piece of the subject it strikes: "POST /v5/order/create" of a request, "private order" of a stream message,
    "trade" of a socket, "" = the catalogue's, or all. `p` is the chance of each blow, `times` the most blows (None = no end),
    `for_ms` how long it is at work (None = until lifted). `ms` and `value` None = the catalogue's.
    """

    fault: str
    match: str = ""
    account: str = ""
    p: float = 1.0
    times: int | None = None
    for_ms: int | None = None
    ms: int | None = None
    value: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """An injection written on a command line: NAME or NAME:key=value,key=value ("reply-lost:p=0.1,match=/v5/order/create")."""
        name, _, rest = text.partition(":")
        limits: dict[str, Any] = dict(part.partition("=")[::2] for part in rest.split(",") if part)
        kinds = {"match": str, "account": str, "value": str, "p": float, "times": int, "for_ms": int, "ms": int}
        unknown = set(limits) - set(kinds)
        if unknown:
            raise ValueError(f"{text!r}: no {', '.join(sorted(unknown))}; there are: {', '.join(kinds)}")
        for key, value in limits.items():
            try:
                limits[key] = kinds[key](value)
            except ValueError:
                raise ValueError(
                    f"{text!r}: {key} is a{' whole' * (kinds[key] is int)} number, not {value!r}"
                ) from None
        return cls(fault=name, **limits)

    def __post_init__(self) -> None:
        if self.fault not in CATALOGUE:
            raise ValueError(f"no fault {self.fault!r}; there are: {', '.join(CATALOGUE)}")
        if not 0 <= self.p <= 1:
            raise ValueError(f"p is a probability, not {self.p}")
        if _is_number(self.entry.value) and not _is_number(self.says):
            raise ValueError(f"the value of {self.fault} is a number, not {self.says!r}")

    @property
    def entry(self) -> Fault:
        return CATALOGUE[self.fault]

    @property
    def aim(self) -> str:
        """`match`, or the catalogue's."""
        return self.match or self.entry.match

    @property
    def lasts_ms(self) -> int:
        """`ms`, or the catalogue's."""
        return self.entry.ms if self.ms is None else self.ms

    @property
    def says(self) -> str:
        """`value`, or the catalogue's."""
        return self.entry.value if self.value is None else self.value


@dataclass(slots=True)
class _AtWork:
    injection: Injection
    aim: str
    since_ms: int | None = None
    blows: int = 0

    def spent(self, now_ms: int) -> bool:
        """Whether it has had its time or its blows."""
        injection = self.injection
        if injection.times is not None and self.blows >= injection.times:
            return True
        return injection.for_ms is not None and self.since_ms is not None and now_ms >= self.since_ms + injection.for_ms


class FaultPlan:
    """What is at work now, with seeded dice."""

    def __init__(self, seed: int = 0, injections: tuple[Injection, ...] = ()) -> None:
        self.rng = random.Random(f"faults/{seed}")
        self.blows: Counter[str] = Counter()
        self._at_work: dict[Where, list[_AtWork]] = {}
        for injection in injections:
            self.inject(injection)

    def inject(self, injection: Injection) -> None:
        """Set a misfortune to work; its time runs from its first question on."""
        self._at_work.setdefault(injection.entry.where, []).append(_AtWork(injection, injection.aim))

    def lift(self, fault: str | None = None) -> None:
        """Call off the misfortunes of that name, or all."""
        for where, rows in list(self._at_work.items()):
            self._at_work[where] = [row for row in rows if fault is not None and row.injection.fault != fault]

    def any(self, where: Where) -> bool:
        """Whether anything is at work there; cheap, asked before every message."""
        return bool(self._at_work.get(where))

    def active(self) -> list[Injection]:
        return [row.injection for rows in self._at_work.values() for row in rows]

    def strikes(
        self, where: Where, subject: str, now_ms: int, *, account: str = "", only: str = ""
    ) -> Iterator[Injection]:
        """The misfortunes that strike this subject now, in the order they were set to work; each throws its dice and counts its blow."""
        rows = self._at_work.get(where)
        if not rows:
            return
        for row in list(rows):
            injection = row.injection
            if only and injection.fault != only:
                continue
            if row.since_ms is None:
                row.since_ms = now_ms
            if row.spent(now_ms):
                rows.remove(row)
                continue
            if row.aim not in subject or (injection.account and account and injection.account != account):
                continue
            if injection.p < 1 and self.rng.random() >= injection.p:
                continue
            row.blows += 1
            self.blows[injection.fault] += 1
            yield injection


def _is_number(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False


_RESTLESS: tuple[tuple[str, float], ...] = (
    *(
        ("request-lost", 0.05),
        ("request-late", 0.1),
        ("request-doubled", 0.05),
        ("reply-lost", 0.05),
        ("reply-half", 0.03),
    ),
    *(
        ("reply-late", 0.1),
        ("refused-with", 0.05),
        ("accepted-with", 0.05),
        ("rate-limited", 0.05),
        ("http-error", 0.05),
    ),
    *(
        ("http-error-accepted", 0.03),
        ("garbage", 0.05),
        ("stale-read", 0.1),
        ("new-hidden", 0.2),
        ("rows-shuffled", 0.5),
    ),
    *(
        ("page-cut", 0.05),
        ("page-repeats", 0.1),
        ("page-empty", 0.05),
        ("row-dropped", 0.05),
        ("leg-shrinks-first", 0.05),
    ),
    *(("order-rejected-later", 0.1), ("order-cut-short", 0.1), ("cancel-race", 0.2), ("post-only-killed", 0.2)),
    *(
        ("frame-dropped", 0.05),
        ("frame-doubled", 0.1),
        ("frame-late", 0.1),
        ("delta-first", 0.5),
        ("field-empty", 0.02),
    ),
    *(("field-missing", 0.05), ("poison", 0.02), ("unknown-topic", 0.02), ("foreign-rows", 0.1), ("filled-twice", 0.3)),
    *(
        ("no-pong", 0.1),
        ("auth-late", 0.3),
        ("auth-refused", 0.1),
        ("subscribe-refused", 0.1),
        ("handshake-refused", 0.2),
    ),
    *(("bad-tick", 0.001), ("half-open", 0.002), ("topic-silent", 0.002)),
)
"""Misfortunes that throw dice for every subject, and how often at full strength."""


def draw_climate(seed: int, *, strength: float = 1.0, most: int = 6) -> tuple[Injection, ...]:
    """A seeded climate: a few misfortunes, each at its own strength (0..1 of full). Some seeds draw none: calm is weather too."""
    rng = random.Random(f"climate/{seed}")
    chosen = rng.sample(_RESTLESS, rng.randint(0, most))
    return tuple(Injection(fault=name, p=min(1.0, full * strength * rng.uniform(0.2, 1.0))) for name, full in chosen)


def _at(p: float, *names: str) -> tuple[Injection, ...]:
    """These misfortunes, each with that chance; NAME=VALUE says how it strikes."""
    parts = (name.partition("=") for name in names)
    return tuple(Injection(fault=name, p=p, value=value or None) for name, _, value in parts)


_NOT_IN_DEMO = (
    *("/v5/crypto-loan", "/v5/asset/transfer/", "/v5/asset/coin/query-info", "/v5/account/withdrawal"),
    *("POST /v5/account/borrow", "POST /v5/account/repay", "no-convert-repay", "quick-repayment"),
    *("/v5/spot-margin-trade/repayment-available-amount", "/v5/spot-margin-trade/liability", "auto-repay-mode"),
    *("/v5/spot-margin-trade/collateral", "/v5/spot-margin-trade/max-borrowable", "/v5/order/spot-borrow-check"),
    *(
        "/v5/order/pre-check",
        "/v5/order/disconnected-cancel-all",
        "/v5/account/query-dcp-info",
        "/v5/position/symbol-info",
    ),
    *("/v5/account/fee-rate", "/v5/account/instruments-info", "/v5/account/user-setting-config", "set-delta-mode"),
)
"""What the page of demo trading does not list (Bybit: demo). Clients report that it is answered with 10032, a code of no page."""

PLANS: dict[str, tuple[Injection, ...]] = {
    "flaky": _at(0.05, "request-lost", "request-late", "reply-lost", "reply-half", "reply-late", "http-error"),
    "strict": _at(0.1, "rate-limited", "refused-with", "http-error=503"),
    "lying": _at(0.1, "stale-read", "new-hidden", "rows-shuffled", "row-dropped", "page-repeats", "page-empty"),
    "deaf": (
        *_at(0.05, "frame-dropped", "frame-late", "frame-doubled", "delta-first"),
        *_at(0.2, "no-pong", "auth-late", "subscribe-refused", "handshake-refused"),
        *_at(0.002, "half-open", "topic-silent"),
    ),
    "storm": (
        *_at(0.04, "request-lost=close", "request-lost=hang", "reply-lost=close", "reply-lost=hang", "reply-half"),
        *_at(0.04, "request-late", "request-doubled", "http-error", "http-error-accepted", "rate-limited"),
        *_at(0.04, "garbage=html", "garbage=result-null", "accepted-with", "refused-with"),
        *_at(0.04, "rows-shuffled", "row-dropped", "stale-read"),
        *_at(0.04, "frame-dropped", "frame-doubled", "frame-late", "poison", "field-empty"),
    ),
    "demo": tuple(Injection(fault="refused-with", value="10032", match=match) for match in _NOT_IN_DEMO),
}
"""Plans with a name: flaky (a bad network), strict (a venue that says no), lying (answers that are not so), deaf (bad sockets), storm
(nearly all of it, a little), demo (a venue without loans, transfers and whatever else demo trading does not offer)."""


def plan_of(text: str) -> tuple[Injection, ...]:
    """The plan of that name, or the climate drawn from that seed. Raises ValueError for a name that is none."""
    if text.isdecimal():
        return draw_climate(int(text))
    if text not in PLANS:
        raise ValueError(f"no plan {text!r}; there are: {', '.join(PLANS)}, or a seed (a whole number)")
    return PLANS[text]
