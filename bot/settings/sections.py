"""The sections of the settings: every key with its default, range, unit and the room that reads it.

Knows which values a key may take and which keys of one section only make sense together.
Does not know where a value comes from (`variables`), nor the whole (`settings`), nor how a value is used.

The rules of the file:

* A key is `HEDGELOCK__SECTION__NAME`; its name ends in its unit.
* Every number has a floor and a ceiling. A limit can be moved between them and never switched off.
* Money and BTC quantities are Decimal; rates and ratios that the strategy computes with are float.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from bot.engine.policies import HALTABLE
from bot.modes import Mode
from bot.settings.variables import PREFIX

_PLACEHOLDERS = ("changeme", "change-me", "change_me", "your", "todo", "xxx", "<", "placeholder", "replace")


def key(default: Any, what: str, *, room: str, unit: str = "", **limits: Any) -> Any:
    """One documented key: its default, what it is, the room that reads it, its unit and its limits."""
    return Field(default, description=what, json_schema_extra={"room": room, "unit": unit}, **limits)


def check_secret(text: str) -> None:
    """Raise ValueError for what cannot be a key: a placeholder, inner spaces, quotes. A PEM private key may span lines."""
    if text.startswith("-----BEGIN") or not text:
        return
    if text.lower().startswith(_PLACEHOLDERS):
        raise ValueError("is a placeholder, not a key")
    if len(text) < 8 or any(sign.isspace() or sign in "\"'" for sign in text):
        raise ValueError("is not a key: too short, or it holds spaces or quotes")


def _moment(text: str) -> datetime:
    """An ISO 8601 date or time; without an offset it is UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a date like 2025-10-10 or 2025-10-10T14:30") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _listed(text: str) -> frozenset[str]:
    """Names with commas between."""
    return frozenset(name for part in text.split(",") if (name := part.strip()))


class Section(BaseModel):
    """A group of keys read together; frozen, and closed to names it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True, hide_input_in_errors=True
    )


class BybitSettings(Section):
    """Keys, hosts and patience for Bybit."""

    testnet_api_key: SecretStr = key(SecretStr(""), "API key made on testnet.bybit.com", room="exchange")
    testnet_api_secret: SecretStr = key(SecretStr(""), "its secret, or an RSA private key (PEM)", room="exchange")
    demo_api_key: SecretStr = key(SecretStr(""), "API key made in demo trading", room="exchange")
    demo_api_secret: SecretStr = key(SecretStr(""), "its secret, or an RSA private key (PEM)", room="exchange")
    mainnet_api_key: SecretStr = key(SecretStr(""), "API key of the real account; no withdrawal right", room="exchange")
    mainnet_api_secret: SecretStr = key(SecretStr(""), "its secret, or an RSA private key (PEM)", room="exchange")
    expected_uid: str = key("", "the account's UID; a key of any other account is refused", room="app")
    rest_url: str = key("", "another REST host of the same world; empty = Bybit's own", room="exchange")
    ws_url: str = key("", "another stream host of the same world; empty = Bybit's own", room="exchange")
    ip_version: Literal["any", "4", "6"] = key(
        "any",
        "the kind of address to reach Bybit by; set it where the key is bound to one kind and both exist",
        room="exchange",
    )
    order_recv_window_ms: int = key(
        2500, "how late an order may reach Bybit before it must refuse it", room="exchange", unit="ms", ge=500, le=5000
    )
    read_recv_window_ms: int = key(
        5000, "how late a question may reach Bybit", room="exchange", unit="ms", ge=500, le=20000
    )
    request_timeout_s: float = key(5.0, "patience for one REST answer", room="exchange", unit="s", ge=1, le=30)

    @field_validator("*", mode="after")
    @classmethod
    def _plausible_secret(cls, value: object) -> object:
        if isinstance(value, SecretStr):
            check_secret(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _keys_are_pairs_of_one_world(self) -> Self:
        seen: dict[str, str] = {}
        for mode in (Mode.TESTNET, Mode.DEMO, Mode.MAINNET):
            api_key, api_secret = self.credentials(mode)
            if bool(api_key.get_secret_value()) != bool(api_secret.get_secret_value()):
                missing = "key" if api_secret.get_secret_value() else "secret"
                raise ValueError(
                    f"{PREFIX}BYBIT__{mode.upper()}_API_{missing.upper()} is missing: a key needs its secret"
                )
            other = seen.setdefault(api_key.get_secret_value(), mode) if api_key.get_secret_value() else mode
            if other != mode:
                raise ValueError(f"the {other} and {mode} API keys are the same; a Bybit key works in one world only")
        return self

    def credentials(self, mode: Mode) -> tuple[SecretStr, SecretStr]:
        """(key, secret) of one world; empty strings if not set. Paper has no keys: raises ValueError."""
        if mode is Mode.PAPER:
            raise ValueError("paper mode has no keys of its own; its simulator invents them")
        return getattr(self, f"{mode}_api_key"), getattr(self, f"{mode}_api_secret")

    def secrets(self) -> list[str]:
        """Every secret text that is set, for the logs to hide."""
        texts = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        return [text for text in texts if text]


class PaperSettings(Section):
    """The paper world: which history is played, how fast, and the book it starts with."""

    speed: float = key(240.0, "market seconds per real second", room="simulator", unit="x", ge=0.1, le=5000)
    tape: str = key("sample", "sample, live, or the path of a bar file", room="simulator")
    start: str = key("", "first moment played, ISO 8601 UTC; empty = the tape's own", room="simulator")
    seed: int = key(1, "seed of every random draw of the paper venue", room="simulator", ge=0, le=2**63 - 1)
    spot_btc: Decimal = key(Decimal("0.27"), "BTC the account owns", room="simulator", unit="BTC", ge=0, le=1000)
    loan_usdt: Decimal = key(
        Decimal(16200), "USDT it has borrowed against them", room="simulator", unit="USDT", ge=0, le=10**8
    )
    cash_usdt: Decimal = key(Decimal(0), "USDT it holds besides", room="simulator", unit="USDT", ge=0, le=10**8)
    long_btc: Decimal = key(Decimal("0.213"), "long leg it starts with", room="simulator", unit="BTC", ge=0, le=100)
    short_btc: Decimal = key(Decimal("0.213"), "short leg it starts with", room="simulator", unit="BTC", ge=0, le=100)
    leverage: int = key(25, "leverage of both legs", room="simulator", unit="x", ge=1, le=100)
    port: int = key(0, "port of the paper venue; 0 = any free one", room="simulator", ge=0, le=65535)

    @field_validator("tape")
    @classmethod
    def _is_a_tape(cls, value: str) -> str:
        if value not in ("sample", "live") and not Path(value).is_file():
            raise ValueError("is neither sample, nor live, nor a file that exists")
        return value

    @field_validator("start")
    @classmethod
    def _is_a_moment(cls, value: str) -> str:
        if value:
            _moment(value)
        return value

    @property
    def start_ms(self) -> int | None:
        """The first moment played in UTC milliseconds; None = where the tape begins."""
        return int(_moment(self.start).timestamp() * 1000) if self.start else None


class BookSettings(Section):
    """The book that is hedged."""

    symbol: Literal["BTCUSDT"] = key("BTCUSDT", "the perpetual both legs live in", room="engine")
    spot_source: Literal["wallet", "fixed"] = key(
        "wallet", "where the BTC to protect is read: the account, or fixed_spot_btc", room="engine"
    )
    fixed_spot_btc: Decimal = key(
        Decimal(0), "BTC to protect that this account cannot see", room="engine", unit="BTC", ge=0, le=1000
    )
    leverage: int = key(25, "leverage the legs should have; verified", room="engine", unit="x", ge=1, le=100)
    loan_apr: float = key(
        0.06, "loan interest where Bybit does not tell it, 0.06 = 6 %", room="engine", unit="fraction/year", ge=0, le=1
    )

    @model_validator(mode="after")
    def _fixed_needs_an_amount(self) -> Self:
        if self.spot_source == "fixed" and self.fixed_spot_btc <= 0:
            raise ValueError(f"{PREFIX}BOOK__FIXED_SPOT_BTC must be above 0 when {PREFIX}BOOK__SPOT_SOURCE is fixed")
        return self


class HedgeSettings(Section):
    """How much is hedged, with which leg, and how often."""

    rules: Literal["professional", "original"] = key(
        "professional",
        "original: the quick start's own, its volatility formula too; outranks every other rule of hedge, funding, LTV and profit",
        room="strategy",
    )
    mode: Literal["split", "coverage", "target"] = key(
        "split",
        "split: h shares the change between legs; coverage: h is the hedged share; target: delta as set",
        room="strategy",
    )
    target_delta_btc: Decimal = key(Decimal(0), "net delta to hold", room="strategy", unit="BTC", ge=-100, le=100)
    sigma_low: float = key(
        0.02, "24 h volatility where the middle regime begins", room="strategy", unit="fraction/24h", ge=0.001, le=0.5
    )
    sigma_high: float = key(
        0.04, "24 h volatility where the high regime begins", room="strategy", unit="fraction/24h", ge=0.001, le=0.5
    )
    h_low: float = key(0.20, "h in the low regime", room="strategy", unit="fraction", ge=0, le=1)
    h_mid: float = key(0.40, "h in the middle regime", room="strategy", unit="fraction", ge=0, le=1)
    h_high: float = key(0.60, "h in the high regime", room="strategy", unit="fraction", ge=0, le=1)
    hysteresis: float = key(
        0.85, "a regime is left below this share of its threshold", room="strategy", unit="fraction", ge=0.5, le=1
    )
    band_btc: Decimal = key(
        Decimal("0.010"),
        "a gap smaller than this is left alone",
        room="strategy",
        unit="BTC",
        ge=Decimal("0.001"),
        le=1,
    )
    rehedge_every_s: float = key(
        3600.0, "a gap inside the band is looked at this often", room="strategy", unit="market s", ge=60, le=86400
    )
    schedule: Literal["band", "band_and_schedule", "schedule"] = key(
        "band_and_schedule",
        "band: trade when the gap leaves the band; schedule: only when due (the original); or both",
        room="strategy",
    )
    min_interval_s: float = key(
        30.0, "shortest time between two hedges", room="strategy", unit="market s", ge=1, le=3600
    )
    style: Literal["ioc", "chase"] = key(
        "chase",
        "routine hedges: ioc takes the book at once; chase rests at the touch first. What hurries always takes",
        room="engine",
    )
    chase_s: float = key(
        20.0, "a routine hedge rests this long, then it takes", room="engine", unit="market s", ge=1, le=60
    )
    repeg_s: float = key(
        3.0, "a resting order follows the touch this often at most", room="engine", unit="market s", ge=1, le=30
    )
    slippage_cap_bp: float = key(10.0, "worst price accepted, from the mid", room="strategy", unit="bp", ge=1, le=100)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.sigma_low < self.sigma_high:
            raise ValueError(
                f"{PREFIX}HEDGE__SIGMA_LOW ({self.sigma_low}) must be below {PREFIX}HEDGE__SIGMA_HIGH ({self.sigma_high})"
            )
        if self.min_interval_s > self.rehedge_every_s:
            raise ValueError(
                f"{PREFIX}HEDGE__MIN_INTERVAL_S ({self.min_interval_s}) must not be above "
                f"{PREFIX}HEDGE__REHEDGE_EVERY_S ({self.rehedge_every_s})"
            )
        return self


class VolatilitySettings(Section):
    """How the 24 h volatility is estimated: realised variance of the window's bars, exponentially smoothed."""

    bar_minutes: int = key(5, "length of a bar: 1, 3, 5, 15, 30 or 60", room="strategy", unit="min", ge=1, le=60)
    window_bars: int = key(288, "bars in the window; 288 x 5 min = 24 h", room="strategy", unit="bars", ge=12, le=1000)
    ewma_halflife_h: float = key(12.0, "half-life of its smoothing", room="strategy", unit="h", ge=1, le=240)
    min_hours: float = key(6.0, "history below which volatility is unavailable", room="strategy", unit="h", ge=1, le=24)

    @field_validator("bar_minutes")
    @classmethod
    def _is_an_interval(cls, value: int) -> int:
        if value not in (1, 3, 5, 15, 30, 60):  # Bybit: market/kline
            raise ValueError("is not a bar length Bybit has: 1, 3, 5, 15, 30 or 60")
        return value

    @model_validator(mode="after")
    def _window_holds_enough(self) -> Self:
        hours = self.window_bars * self.bar_minutes / 60
        if hours < self.min_hours:
            raise ValueError(
                f"{PREFIX}VOLATILITY__WINDOW_BARS x BAR_MINUTES is {hours:g} h, less than "
                f"{PREFIX}VOLATILITY__MIN_HOURS ({self.min_hours:g}): volatility would never be available"
            )
        return self


class FundingSettings(Section):
    """What the funding rate does to the hedge."""

    multiplier: Literal["sign_aware", "seed", "off"] = key(
        "sign_aware", "sign_aware: only funding that is paid counts; seed: the original table; off", room="strategy"
    )


class LimitsSettings(Section):
    """What no order may pass, whatever the strategy wants. Movable within hard ceilings, never off."""

    max_leg_btc: Decimal = key(
        Decimal(1), "largest size of one leg", room="engine", unit="BTC", ge=Decimal("0.001"), le=10
    )
    max_order_btc: Decimal = key(
        Decimal("0.5"), "largest single order", room="engine", unit="BTC", ge=Decimal("0.001"), le=5
    )
    price_collar_bp: float = key(
        100.0, "no order priced further than this from the mark", room="engine", unit="bp", ge=1, le=500
    )
    max_orders_per_minute: int = key(20, "orders in any minute", room="engine", unit="orders", ge=2, le=60)
    max_orders_per_day: int = key(500, "orders in any 24 hours", room="engine", unit="orders", ge=10, le=2000)

    @model_validator(mode="after")
    def _order_fits_a_leg(self) -> Self:
        if self.max_order_btc > self.max_leg_btc:
            raise ValueError(
                f"{PREFIX}LIMITS__MAX_ORDER_BTC ({self.max_order_btc}) must not be above "
                f"{PREFIX}LIMITS__MAX_LEG_BTC ({self.max_leg_btc})"
            )
        return self


class StreamsSettings(Section):
    """When a stream counts as silent. Real time, not market time."""

    stale_ticker_ms: int = key(3000, "price age at which no leg may grow", room="engine", unit="ms", ge=1000, le=30000)
    ping_every_s: float = key(10.0, "how often a stream is pinged", room="exchange", unit="s", ge=1, le=20)
    pong_deadline_s: float = key(5.0, "patience for the pong", room="exchange", unit="s", ge=1, le=20)
    ticker_every_ms: int = key(
        500,
        "newest price handed to the engine this often while the mark stands still",
        room="app",
        unit="ms",
        ge=50,
        le=5000,
    )

    @model_validator(mode="after")
    def _deadlines_follow_their_cause(self) -> Self:
        if self.ticker_every_ms >= self.stale_ticker_ms:
            raise ValueError(
                f"{PREFIX}STREAMS__TICKER_EVERY_MS ({self.ticker_every_ms}) must be below "
                f"{PREFIX}STREAMS__STALE_TICKER_MS ({self.stale_ticker_ms}): every price would be stale"
            )
        return self


class ReconcileSettings(Section):
    """How often the books are compared with the venue."""

    every_s: float = key(10.0, "time between two comparisons; real time", room="app", unit="s", ge=2, le=300)
    halt_on: str = key(
        "",
        "differences with the venue that halt until a person resumes, instead of being adopted and told, with commas between: "
        + ", ".join(sorted(HALTABLE)),
        room="engine",
    )

    @field_validator("halt_on")
    @classmethod
    def _differences_have_names(cls, text: str) -> str:
        if unknown := _listed(text) - HALTABLE:
            raise ValueError(f"knows no {', '.join(sorted(unknown))}; there are: {', '.join(sorted(HALTABLE))}")
        return text

    @property
    def halts(self) -> frozenset[str]:
        """The names in `halt_on`."""
        return _listed(self.halt_on)


class JournalSettings(Section):
    """The memory on disk."""

    path: str = key("var/{mode}/journal.sqlite", "the journal's file; {mode} is filled in", room="journal")
    keep_tickers_h: float = key(
        24.0, "price records older than this are dropped", room="journal", unit="h", ge=1, le=8760
    )

    @field_validator("path")
    @classmethod
    def _only_known_braces(cls, value: str) -> str:
        if not value or any(sign in value.replace("{mode}", "") for sign in "{}"):
            raise ValueError("must be a file's path; the only placeholder is {mode}")
        return value


class LogSettings(Section):
    """What is written to the terminal or the log collector."""

    level: Literal["debug", "info", "warning", "error"] = key("info", "least severity written", room="logs")
    format: Literal["auto", "pretty", "json"] = key("auto", "auto: pretty on a terminal, JSON elsewhere", room="logs")
