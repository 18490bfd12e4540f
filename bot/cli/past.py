"""What the verbs of the past share: options become a history, a book, costs and policies.

Knows settings, wiring and the backtest's rooms. Does not know the command line, and prints nothing.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot import __version__
from bot.backtest import book as b
from bot.backtest import data, policies
from bot.backtest.compiled import Engines, compiled, plain
from bot.backtest.data import DataError, History
from bot.backtest.policies import Plan
from bot.backtest.sweep import Trial
from bot.settings import Settings
from bot.wiring import engine_config, fingerprint

__all__ = ["DEFAULT_LTV", "Asked", "Room", "enter", "files_of", "ours", "period_ms", "workshop"]

DEFAULT_LTV = 0.517
"""Where the loan of the original quick start stands: 16,200 USDT on 0.27 BTC at 116,000."""
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked for; None: not said."""

    spot_btc: float
    loan_usdt: float
    price: float | None = None
    long_btc: float = 0.0
    short_btc: float = 0.0
    cash_usdt: float | None = None
    structure: str = "uta"
    loan_apr: float | None = None
    since: str | None = None
    until: str | None = None
    files: Sequence[Path] = ()
    bar_minutes: int | None = None
    decide_minutes: float = 60.0
    slippage_bp: float = 1.0
    sweep: bool = True
    profit: bool = False
    plain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Everything a verb needs."""

    asked: Asked
    engines: Engines
    history: History
    tape: b.Tape
    price: float
    """Where the book stands: windows begin here."""
    price_is_ours: bool
    """True where it was worked out from the loan, because nobody said."""
    opening: b.Opening
    rules: b.Rules
    ours: Plan
    settings: dict[str, Any]
    since_ms: int | None
    until_ms: int | None
    normal_apr: float

    def plans(self) -> tuple[Plan, ...]:
        """The settings in force, then every policy of the comparison."""
        return policies.comparison(self.asked.spot_btc, self.ours, self.rules)


def enter(settings: Settings, asked: Asked) -> Room:
    """Read the data and make the book. Raises DataError, SetUp for a missing library, ValueError for options that cannot be."""
    _check(asked)
    engines = plain() if asked.plain else compiled()
    history = data.load(files_of(asked.files) or data.sample_files())
    if asked.bar_minutes is not None:
        history = data.resampled(history, asked.bar_minutes * MINUTE_MS)
    config = engine_config(settings, 1.0)
    window = config.volatility
    volatility = data.Volatility(
        sampling_minutes=window.minutes,
        window_hours=window.minutes * window.bars / 60,
        least_hours=window.minutes * window.min_bars / 60,
        half_life_hours=window.halflife_hours,
    )
    tape = data.tape_of(history, volatility, config.funding_normal_apr, engines)
    since_ms, until_ms = period_ms(asked.since, asked.until)
    price = asked.price or asked.loan_usdt / (asked.spot_btc * DEFAULT_LTV) or float(history.close[-1])
    structure = policies.structure_of(asked.structure)
    rules = policies.RULES._replace(
        structure=structure,
        loan_apr=config.loan_apr if asked.loan_apr is None else asked.loan_apr,
        slippage=asked.slippage_bp / 1e4,
        decide_every_ms=round(asked.decide_minutes * MINUTE_MS),
    )
    cash = asked.cash_usdt
    if cash is None:
        cash = policies.loan_margin_usdt(asked.spot_btc, price) if structure == b.LOAN else 0.0
    opening = policies.opening(
        spot_btc=asked.spot_btc,
        loan_usdt=asked.loan_usdt,
        long_btc=asked.long_btc,
        short_btc=asked.short_btc,
        cash_usdt=cash,
    )
    return Room(
        asked=asked,
        engines=engines,
        history=history,
        tape=tape,
        price=price,
        price_is_ours=asked.price is None,
        opening=opening,
        rules=rules,
        ours=ours(settings, asked, rules),
        settings=_settings(settings, asked, price, opening, rules),
        since_ms=since_ms,
        until_ms=until_ms,
        normal_apr=config.funding_normal_apr,
    )


_SIGNS = (
    ("--spot", "spot_btc", True), ("--loan", "loan_usdt", False), ("--price", "price", True), ("--cash", "cash_usdt", False),
    ("--long", "long_btc", False), ("--short", "short_btc", False), ("--apr", "loan_apr", False),
    ("--slippage", "slippage_bp", False), ("--every", "decide_minutes", False),
)  # fmt: skip


def _check(asked: Asked) -> None:
    """Numbers that a book can have. Raises ValueError."""
    for option, name, is_above in _SIGNS:
        value = getattr(asked, name)
        if value is not None and not (math.isfinite(value) and (value > 0 or (value == 0 and not is_above))):
            raise ValueError(f"{option} must be a number {'above' if is_above else 'not below'} 0, not {value:g}")


def ours(settings: Settings, asked: Asked, rules: b.Rules) -> Plan:
    """The policy of the settings in force, with what it does besides hedging: its sweeps and its profits as the settings say."""
    config = engine_config(settings, 1.0)
    loan, profit = config.loan, config.profit
    rules = rules._replace(
        sweep_from=loan.sweep_from,
        sweep_to=loan.sweep_to,
        warning_to=loan.warning_to,
        keep_rise=loan.keep_rise,
        liquidation_ltv=loan.liquidation_ltv,
        repay_share=float(loan.profit_share),
        repay_least_usdt=float(loan.repay_min_usdt),
        profit_k=profit.k,
        profit_days=profit.days,
        profit_trail=profit.trail,
        profit_least_usdt=profit.least_usdt,
        profit_round_trips=profit.arm_round_trips,
    )
    return Plan(
        name="your settings",
        words=f"{settings.hedge.mode} mode, funding {settings.funding.multiplier}, band {settings.hedge.band_btc} BTC, with both ladders",
        policy=config.policy,
        rules=rules._replace(sweep=int(asked.sweep and loan.sweep), profit=int(asked.profit)),
    )


def workshop(env_file: Path | None, asked: Asked) -> tuple[Room, Callable[[dict[str, Any]], Trial]]:
    """A room, and how values become a trial: section.name is a setting, policy.name and rules.name a field of those."""
    from bot.cli import launch

    room = enter(launch.load_or_fail(env_file).settings, asked)

    def make(values: dict[str, Any]) -> Trial:
        settings: dict[str, Any] = {}
        fields: dict[str, dict[str, Any]] = {"policy": {}, "rules": {}}
        for name, value in values.items():
            section, dot, key = name.partition(".")
            if not dot:
                raise ValueError(f"{name!r} is not section.name, policy.name or rules.name")
            if section in fields:
                fields[section][key] = value
            else:
                settings[f"{section}__{key}"] = value
        plan = ours(launch.load_or_fail(env_file, **settings).settings, asked, room.rules)
        policy, rules = (
            _with(getattr(plan, kind), kind, changes)
            for kind, changes in (("policy", fields["policy"]), ("rules", fields["rules"]))
        )
        return Trial(values=values, plan=dataclasses.replace(plan, policy=policy, rules=rules))

    return room, make


def _with(numbers: Any, kind: str, changes: dict[str, Any]) -> Any:
    """A NamedTuple with other figures, each of the kind it was."""
    unknown = [name for name in changes if name not in numbers._fields]
    if unknown:
        raise ValueError(f"{kind}.{unknown[0]} is none of {', '.join(numbers._fields)}")
    return numbers._replace(
        **{name: _like(getattr(numbers, name), f"{kind}.{name}", to) for name, to in changes.items()}
    )


def _like(before: float, name: str, value: Any) -> float:
    """A value for a figure that was whole, or was not. Raises ValueError."""
    kind = "a whole number" if isinstance(before, int) else "a number"
    try:
        figure = float(value)
    except ValueError:
        raise ValueError(f"{name} is {kind}, not {value!r}") from None
    if not math.isfinite(figure) or (isinstance(before, int) and figure != int(figure)):
        raise ValueError(f"{name} is {kind}, not {value}")
    return type(before)(figure)


def moment_ms(text: str | None) -> int | None:
    """A date or time, UTC unless it says otherwise. Raises ValueError."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date like 2025-10-10 or 2025-10-10T14:30") from None
    return int(when.replace(tzinfo=when.tzinfo or UTC).timestamp() * 1000)


def period_ms(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """First moment and the one after the last. Raises ValueError where nothing lies between them."""
    since_ms, until_ms = moment_ms(since), moment_ms(until)
    if since_ms is not None and until_ms is not None and since_ms >= until_ms:
        raise ValueError(f"--since {since} is not before --until {until}")
    return since_ms, until_ms


def files_of(paths: Sequence[Path]) -> list[Path]:
    """Files as they are, folders as the data files in them."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name.endswith((".parquet", ".csv", ".csv.gz", ".zip")))
            if not inside:
                raise DataError(f"{path}: holds no .parquet, .csv, .csv.gz or .zip")
            found += inside
        else:
            found.append(path)
    return found


def _settings(settings: Settings, asked: Asked, price: float, opening: b.Opening, rules: b.Rules) -> dict[str, Any]:
    """What makes a result reproducible."""
    options = {name: value for name, value in dataclasses.asdict(asked).items() if name != "files"}
    return {
        "version": __version__,
        "fingerprint of the settings": fingerprint(settings),
        "price": price,
        **options,
        "opening": opening._asdict(),
        "rules": rules._asdict(),
        "strategy": engine_config(settings, 1.0).policy._asdict(),
    }
