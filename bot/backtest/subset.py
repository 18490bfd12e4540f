"""The engine's configuration for what the kernel's rules also do, and its patience for a tape that ticks a few times a bar."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from bot.backtest import book as b
from bot.domain.loan import Structure
from bot.engine.config import EngineConfig, Execution, LoanRules, ProfitAction, ProfitRules, Style, VolatilityWindow
from bot.strategy.decision import Policy

__all__ = ["history_bars", "same_subset", "stretched"]

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NO_LIMIT = Decimal("1e9")


def same_subset(config: EngineConfig, policy: Policy, rules: b.Rules) -> EngineConfig:
    """The engine's configuration for what these rules of the kernel also do: profit and sweeps as they say, each to repay the debt.

    A unified account without profit has nothing to repay with, so its loan is not managed. The last resort has no words in the engine.
    """
    takes_profit, apart = rules.profit == 1, rules.structure == b.LOAN
    profit = replace(config.profit, action=ProfitAction.OFF)
    if takes_profit:
        profit = ProfitRules(
            k=rules.profit_k,
            days=rules.profit_days,
            trail=rules.profit_trail,
            least_usdt=rules.profit_least_usdt,
            arm_round_trips=rules.profit_round_trips,
            gain_round_trips=1.0,
            slippage=rules.slippage,
        )
    loan = LoanRules(
        enabled=apart or takes_profit,
        structure=Structure.CRYPTO_LOAN if apart else Structure.UTA,
        sweep=rules.sweep == 1,
        sweep_from=rules.sweep_from,
        sweep_to=rules.sweep_to,
        warning_to=rules.warning_to,
        reserve_to=rules.warning_to,
        liquidation_ltv=rules.liquidation_ltv,
        profit_share=_decimal(rules.repay_share) if takes_profit else Decimal(0),
        reserve_usdt=_decimal(rules.reserve_usdt) if apart else Decimal(0),
        repay_min_usdt=_decimal(rules.repay_least_usdt),
        repay_max_usdt=NO_LIMIT,
        repay_max_day_usdt=NO_LIMIT,
        keep_rise=rules.keep_rise,
        read_every_ms=HOUR_MS,
        stale_ms=20 * HOUR_MS,
    )
    return replace(config, policy=policy, profit=profit, loan=loan)


def history_bars(config: EngineConfig, bar_ms: int) -> int:
    """How many bars before the first an engine asks for when it starts, and a few more."""
    window = _of_bars(config.volatility, bar_ms)
    return 3 * window.bars * max(1, window.minutes * MINUTE_MS // bar_ms)


def stretched(config: EngineConfig, tick_ms: int, bar_ms: int) -> EngineConfig:
    """The engine's patience with the plant, stretched to the tape's ticks: between two of them nothing can arrive. Its candles are the
    tape's where those are longer."""
    patience = replace(
        config.patience,
        ticker_stale_ms=3 * tick_ms,
        reading_stale_ms=20 * max(tick_ms, HOUR_MS),
        reconcile_every_ms=4 * HOUR_MS,
        read_timeout_ms=3 * tick_ms,
        seek_after_ms=2 * tick_ms,
        seek_every_ms=2 * tick_ms,
        lease_ms=2 * tick_ms,
        stall_ms=0,
        hedge_ms=max(config.patience.hedge_ms, 8 * tick_ms),
    )
    policy = config.policy._replace(price_stale_after_ms=3 * tick_ms)
    return replace(
        config,
        patience=patience,
        policy=policy,
        execution=_of_ticks(config.execution, tick_ms),
        volatility=_of_bars(config.volatility, bar_ms),
    )


def _of_ticks(execution: Execution, tick_ms: int) -> Execution:
    """Orders rest where a tick comes before their time is up. On a coarser tape one would stand until the next tick, long after the daemon
    would have taken: there it is taken at once."""
    return execution if tick_ms <= execution.chase_ms else replace(execution, style=Style.IOC)


def _of_bars(window: VolatilityWindow, bar_ms: int) -> VolatilityWindow:
    """The same hours in candles that are no shorter than the tape's bars."""
    minutes = max(window.minutes, bar_ms // MINUTE_MS)
    bars, least = (window.minutes * count // minutes for count in (window.bars, window.min_bars))
    return replace(window, minutes=minutes, bars=max(1, bars), min_bars=max(1, least))


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))
