"""The climate of a seed: which misfortunes blow, how hard, and what happens at which moment of the storm.

One seed in ten is calm, fifteen in a hundred know one misfortune at its extreme, the others a mixture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from bot.simulator.faults import Injection

__all__ = ["AMBIGUOUS", "LONGEST_LAG_MS", "Climate", "draw"]

AMBIGUOUS = (10000, 10016, 10006, 10018, 170146, 170234, 3400214, 10019, 10429, -1)
LONGEST_LAG_MS = 11_000
"""No read shows an older account than this."""
_REFUSALS = (110007, 110063, 110118, 10002)
_STATUSES = (500, 502, 503, 504, 429)


@dataclass(slots=True)
class Climate:
    """Probabilities are per request or frame; rates are happenings per storm."""

    name: str = "calm"
    latency_ms: int = 60
    injections: list[Injection] = field(default_factory=list)
    read_lag_p: float = 0.0
    read_lag_ms: int = 0
    reset_p: float = 0.0
    """A connection that cannot be opened: not one byte leaves."""
    happenings: dict[str, int] = field(default_factory=dict)
    sigma: float = 0.00004
    """Of one tick's return."""
    skew_ms: int = 0


def draw(rng: Random) -> Climate:
    """The climate of one seed."""
    climate = Climate(latency_ms=rng.choice((20, 60, 150, 400)), skew_ms=rng.choice((0, 0, -900, 700)))
    climate.sigma = rng.choice((0.00002, 0.0001, 0.0004))
    dice = rng.random()
    if dice < 0.10:
        return climate
    climate.happenings["foreign trade"] = rng.randint(2, 12)  # something to hedge
    if dice < 0.25:
        climate.name = "extreme"
        rng.choice(_BLOWS)(climate, rng, 1.0)
        return climate
    climate.name = "mixed"
    for blow in rng.sample(_BLOWS, rng.randint(3, len(_BLOWS) * 2 // 3)):
        blow(climate, rng, rng.uniform(0.05, 0.6))
    return climate


_CREATE = "POST /v5/order/create"
Blow = Callable[[Climate, Random, float], None]


def _request(
    fault: str, most: float, *, match: str = "", values: tuple[object, ...] = (), ms: int | None = None
) -> Blow:
    def blow(climate: Climate, rng: Random, strength: float) -> None:
        value = str(rng.choice(values)) if values else None
        late = rng.randint(200, ms) if ms else None
        climate.injections.append(Injection(fault=fault, match=match, p=most * strength, value=value, ms=late))

    return blow


def _lag(climate: Climate, rng: Random, strength: float) -> None:
    climate.read_lag_p, climate.read_lag_ms = strength, rng.choice((1000, 4000, LONGEST_LAG_MS))


def _reset(climate: Climate, rng: Random, strength: float) -> None:
    climate.reset_p = 0.4 * strength


def _mute(climate: Climate, rng: Random, strength: float) -> None:
    """Nobody tells what became of an order: the answer is lost, the stream is silent, and the lists lag."""
    loud = min(0.9, 0.5 + strength)
    climate.injections.append(Injection(fault="reply-lost", match=_CREATE, p=loud, value="close"))
    climate.injections.append(Injection(fault="topic-silent", match="private", p=loud))
    climate.read_lag_p, climate.read_lag_ms = loud, LONGEST_LAG_MS


def _happens(name: str, most: int) -> Blow:
    def blow(climate: Climate, rng: Random, strength: float) -> None:
        climate.happenings[name] = climate.happenings.get(name, 0) + max(1, round(most * strength))

    return blow


_BLOWS: tuple[Blow, ...] = (
    _request("request-lost", 0.6, values=("hang", "close")),
    _request("request-late", 0.6, ms=6000),
    _request("request-doubled", 0.6, match=_CREATE),
    _request("reply-lost", 0.7, values=("hang", "close")),
    _request("reply-lost", 0.9, match=_CREATE, values=("hang", "close")),
    _request("reply-half", 0.5),
    _request("reply-late", 0.6, ms=9000),
    _request("refused-with", 0.4, match=_CREATE, values=(*AMBIGUOUS, *_REFUSALS)),
    _request("accepted-with", 0.7, match=_CREATE, values=AMBIGUOUS),
    _request("rate-limited", 0.5),
    _request("http-error", 0.5, values=_STATUSES),
    _request("http-error-accepted", 0.5, match=_CREATE, values=_STATUSES),
    _request("garbage", 0.5, values=("html", "empty", "null", "truncated", "result-null", "result-empty")),
    _request("rows-shuffled", 1.0),
    _request("row-dropped", 0.4, values=("positionIdx=2", "positionIdx=1", "coin=BTC")),
    _request("row-odd", 0.8, values=("coin=AIRDROP", "symbol=ETHUSDT", "symbol=BTCUSDT")),
    _request("page-repeats", 0.8),
    _request("order-rejected-later", 0.6),
    _request("order-cut-short", 0.9, values=("0", "0.3", "0.9")),
    _request("leg-shrinks-first", 0.3),
    _request("frame-dropped", 0.3, match="private"),
    _request("frame-doubled", 0.9, match="private"),
    _request("frame-late", 0.8, match="private", ms=9000),
    _request("frame-late", 0.5, match="public", ms=4000),
    _request("poison", 0.3),
    _request("unknown-topic", 0.3),
    _request("foreign-rows", 0.9, match="private"),
    _request("filled-twice", 0.9, match="private"),
    _request("field-empty", 0.3, match="public"),
    _request("topic-silent", 0.4, match="private"),
    _lag,
    _lag,
    _mute,
    _mute,
    _reset,
    _happens("cut private", 20),
    _happens("cut public", 12),
    _happens("half open", 8),
    _happens("rest down", 8),
    _happens("freeze", 8),
    _happens("facts lost", 8),
    _happens("kill", 10),
    _happens("kill at", 12),
    _happens("kill at", 20),
    _happens("pause", 6),
    _happens("latch", 6),
    _happens("rehedge", 8),
    _happens("foreign trade", 12),
    _happens("foreign trade", 20),
    _happens("foreign order", 6),
    _happens("adl", 8),
    _happens("deposit", 8),
    _happens("price gap", 6),
    _happens("price frozen", 5),
    _happens("ticker silent", 6),
    _happens("thin book", 5),
    _happens("bad tick", 10),
    _happens("contract change", 3),
)
