"""Settings become each room's own configuration.

Knows both vocabularies: the person's (variables, real seconds) and the rooms' (frozen values, market milliseconds). Each setting is read
here once and handed to the one room it concerns.
"""

from __future__ import annotations

import hashlib
import os
from decimal import Decimal

from bot.domain.loan import Structure
from bot.engine.config import (
    BreakerLimits,
    EngineConfig,
    Execution,
    Limits,
    LoanRules,
    ProfitAction,
    ProfitRules,
    Style,
    VolatilityWindow,
)
from bot.engine.config import Patience as EnginePatience
from bot.exchange.patience import Patience as ExchangePatience
from bot.monitoring.alerts.desk import Options as DeskOptions
from bot.monitoring.alerts.quiet import QuietHours
from bot.monitoring.alerts.service import AlertOptions
from bot.monitoring.alerts.words import Severity
from bot.monitoring.doors import WebOptions
from bot.monitoring.heartbeat import HeartbeatOptions
from bot.monitoring.loopback import is_loopback
from bot.monitoring.telegram.control import TelegramOptions
from bot.settings import Settings
from bot.settings.people import chats_of
from bot.strategy import decision, funding, profit
from bot.strategy.decision import Policy
from bot.strategy.pipeline import DEFAULT_POLICY, ORIGINAL_POLICY
from bot.stream.context import ContextOptions

__all__ = [
    "alert_options",
    "context_options",
    "engine_config",
    "exchange_patience",
    "fingerprint",
    "loan_structure",
    "telegram_options",
    "web_options",
]

_HEDGE_MODES = {"split": decision.SPLIT, "coverage": decision.COVERAGE, "target": decision.TARGET}
_FUNDING_MODES = {
    "sign_aware": decision.SIGN_AWARE,
    "seed": decision.SYMMETRIC,
    "off": decision.FUNDING_OFF,
}
_SCHEDULES = {
    "band": decision.BAND_ONLY,
    "band_and_schedule": decision.BAND_AND_SCHEDULE,
    "schedule": decision.SCHEDULE_ONLY,
}
_FUNDING_POINTS = 168
"""A week, should they come every hour."""

_STRUCTURES = {
    "auto": None,
    "uta": Structure.UTA,
    "crypto_loan": Structure.CRYPTO_LOAN,
    "none": Structure.NONE,
}

_VISIBILITY_LAG_S = 12.0
"""The longest we believe that an accepted order or a fill may stay unseen by any read."""
_CLOCK_SLACK_S = 1.0
_LISTEN_S = 2.0
"""A run's first order is about this much later than it could be: what another daemon does meanwhile is heard of first."""
_STILL_S = 300.0
"""BTCUSDT's mark moves every second or so: a feed that repeats itself for this long is broken before it is quiet."""
STALL_S = 5.0
"""A loop that stood still for this long (real time: it is the plant's, at every rate of the clock) has missed what it cannot know."""


def engine_config(settings: Settings, rate: float) -> EngineConfig:
    """The engine's configuration; `rate` market seconds pass in a real second, and patience with the plant is scaled by it."""
    book, volatility, limits = settings.book, settings.volatility, settings.limits
    return EngineConfig(
        symbol=book.symbol,
        coin="BTC",
        quote="USDT",
        fixed_spot=book.fixed_spot_btc if book.spot_source == "fixed" else None,
        collateral_ratio=1.0,
        loan_apr=book.loan_apr,
        rehedge_every_ms=_ms(settings.hedge.rehedge_every_s),
        policy=_policy(settings, rate),
        limits=Limits(
            max_leg=limits.max_leg_btc,
            max_order=limits.max_order_btc,
            price_collar_bp=Decimal(str(limits.price_collar_bp)),
            slippage_cap_bp=Decimal(str(settings.hedge.slippage_cap_bp)),
            max_orders_per_minute=limits.max_orders_per_minute,
            max_orders_per_day=limits.max_orders_per_day,
        ),
        breakers=BreakerLimits(
            daily_loss=settings.breakers.daily_loss,
            drawdown=settings.breakers.drawdown,
            funding_cost=settings.breakers.funding_cost,
            volatility=settings.breakers.volatility,
            rejects=settings.breakers.rejects,
        ),
        patience=_engine_patience(settings, rate),
        volatility=VolatilityWindow(
            minutes=volatility.bar_minutes,
            bars=volatility.window_bars,
            min_bars=max(1, int(volatility.min_hours * 60 / volatility.bar_minutes)),
            halflife_hours=volatility.ewma_halflife_h,
            is_original=_is_original(settings),
        ),
        funding_points=_FUNDING_POINTS,
        halt_on=settings.reconcile.halts,
        profit=_profit_rules(settings),
        execution=Execution(
            style=Style.IOC if _is_original(settings) else Style(settings.hedge.style),
            chase_ms=_ms(settings.hedge.chase_s),
            repeg_ms=_ms(settings.hedge.repeg_s),
        ),
        outside_stale_ms=_ms(settings.kafka.context_stale_s) if settings.kafka.context_topic else 0,
        loan=_loan_rules(settings, rate),
        funding_normal_apr=(
            funding.ORIGINAL_NORMAL_APR
            if settings.funding.multiplier == "seed" or _is_original(settings)
            else funding.NORMAL_APR
        ),
    )


def fingerprint(settings: Settings) -> str:
    """A name for everything that decides: equal settings of the engine give equal names, whatever the rate of the clock."""
    return hashlib.sha256(repr(engine_config(settings, 1.0)).encode()).hexdigest()[:16]


def exchange_patience(settings: Settings) -> ExchangePatience:
    """How long the exchange room waits, in real time."""
    return ExchangePatience(
        request_timeout_s=settings.bybit.request_timeout_s,
        order_recv_window_ms=settings.bybit.order_recv_window_ms,
        read_recv_window_ms=settings.bybit.read_recv_window_ms,
        ping_every_s=settings.streams.ping_every_s,
        pong_deadline_s=settings.streams.pong_deadline_s,
    )


def web_options(settings: Settings, reading_token: str, verb_token: str) -> WebOptions:
    """Where the dashboard listens. The tokens are this daemon's own, for where none is set; beyond this machine one must be."""
    web = settings.web
    chosen = web.token.get_secret_value()
    return WebOptions(
        host=web.host,
        port=web.port,
        metrics_port=web.metrics_port,
        token=chosen or (reading_token if is_loopback(web.host) else ""),
        metrics_token=chosen,
        verb_token=web.operate_token.get_secret_value() or chosen or verb_token,
        allowed_hosts=tuple(name.strip() for name in web.allowed_hosts.split(",") if name.strip()),
    )


def alert_options(settings: Settings) -> AlertOptions:
    """Who is told, and when."""
    alerts = settings.alerts
    in_order = (alerts.first_url.get_secret_value(), alerts.second_url.get_secret_value())
    return AlertOptions(
        urls=tuple(url for url in in_order if url),
        desk=DeskOptions(
            least=Severity[alerts.least.upper()],
            remind_every_s=alerts.remind_every_min * 60,
            quiet=QuietHours.parse(alerts.quiet_hours, alerts.time_zone) if alerts.quiet_hours else None,
        ),
    )


def context_options(settings: Settings) -> ContextOptions | None:
    """Whose word on funding is listened to; None where nobody's is."""
    kafka = settings.kafka
    if not kafka.context_topic:
        return None
    return ContextOptions(
        servers=kafka.bootstrap_servers,
        topic=kafka.context_topic,
        group=f"hedgelock-{os.urandom(6).hex()}",
        properties=kafka.properties,
        world=settings.mode.value,
        symbol=settings.book.symbol,
        stale_ms=_ms(kafka.context_stale_s),
    )


def telegram_options(settings: Settings) -> TelegramOptions | None:
    """Who may ask by Telegram; None where no bot is set."""
    telegram = settings.telegram
    if not (token := telegram.token.get_secret_value()):
        return None
    return TelegramOptions(
        token=token, chats=chats_of(telegram.chat_ids), takes_verbs=telegram.verbs, api_url=telegram.api_url
    )


def _is_original(settings: Settings) -> bool:
    return settings.hedge.rules == "original"


def _profit_rules(settings: Settings) -> ProfitRules:
    """With the original's rules its own firing rule, and back to spot; only `off` stays off."""
    rules, action = settings.profit, ProfitAction(settings.profit.action)
    if _is_original(settings):
        return ProfitRules(
            action=action if action is ProfitAction.OFF else ProfitAction.CLOSE,
            k=profit.ORIGINAL_K,
            trail=profit.ORIGINAL_TRAIL,
            is_original=True,
        )
    return ProfitRules(
        action=action,
        k=rules.k,
        trail=rules.trail,
        least_usdt=rules.least_usdt,
        arm_round_trips=rules.arm_round_trips,
        gain_round_trips=rules.gain_round_trips,
    )


def _policy(settings: Settings, rate: float) -> Policy:
    hedge, loan = settings.hedge, settings.loan
    if _is_original(settings):
        return ORIGINAL_POLICY._replace(
            rehedge_interval_ms=_ms(hedge.rehedge_every_s),
            price_stale_after_ms=_ms(settings.streams.stale_ticker_ms / 1000 * rate),
        )
    return DEFAULT_POLICY._replace(
        hedge_mode=_HEDGE_MODES[hedge.mode],
        target_delta_btc=float(hedge.target_delta_btc),
        sigma_low=hedge.sigma_low,
        sigma_high=hedge.sigma_high,
        sigma_fall_ratio=hedge.hysteresis,
        h_low=hedge.h_low,
        h_mid=hedge.h_mid,
        h_high=hedge.h_high,
        funding_mode=_FUNDING_MODES[settings.funding.multiplier],
        insurance_drop=loan.insurance_drop,
        insurance_ltv=loan.insurance_ltv,
        ltv_monitor=loan.ltv_monitor,
        ltv_warning=loan.ltv_warning,
        ltv_critical=loan.ltv_critical,
        ltv_emergency=loan.ltv_emergency,
        ltv_leave=loan.ltv_leave,
        band_btc=float(hedge.band_btc),
        schedule=_SCHEDULES[hedge.schedule],
        rehedge_interval_ms=_ms(hedge.rehedge_every_s),
        min_interval_ms=_ms(hedge.min_interval_s),
        price_stale_after_ms=_ms(settings.streams.stale_ticker_ms / 1000 * rate),
    )


def loan_structure(settings: Settings) -> Structure | None:
    """The structure that is looked for; None: whichever there is, NONE: the loan is not managed."""
    return _STRUCTURES[settings.loan.structure] if settings.loan.enabled else Structure.NONE


def _loan_rules(settings: Settings, rate: float) -> LoanRules:
    """The loan is read as often as the account; how old a reading may grow is patience with the plant, scaled by the clock's rate."""
    loan, every_s = settings.loan, settings.reconcile.every_s
    return LoanRules(
        enabled=loan.enabled,
        structure=_STRUCTURES[loan.structure],
        dry_run=loan.dry_run,
        sweep=loan.sweep,
        sweep_from=loan.sweep_from,
        sweep_to=loan.sweep_to,
        warning_to=loan.warning_to,
        reserve_to=loan.reserve_to,
        liquidation_ltv=loan.liquidation_ltv,
        profit_share=loan.profit_share,
        reserve_usdt=loan.reserve_usdt,
        reserve_share=loan.reserve_share,
        repay_min_usdt=loan.repay_min_usdt,
        repay_max_usdt=loan.repay_max_usdt,
        repay_max_day_usdt=loan.repay_max_day_usdt,
        keep_rise=loan.keep_rise,
        schedule_every_ms=_ms(loan.schedule_h * 3600),
        schedule_usdt=loan.schedule_usdt,
        read_every_ms=_ms(every_s * rate),
        stale_ms=_ms((3 * every_s + 6 * settings.bybit.request_timeout_s) * rate),
    )


def _engine_patience(settings: Settings, rate: float) -> EnginePatience:
    streams, every_s = settings.streams, settings.reconcile.every_s
    timeout_s = settings.bybit.request_timeout_s
    real = {
        "ticker_stale_ms": streams.stale_ticker_ms / 1000,
        "reading_stale_ms": 3 * every_s + timeout_s,
        "reconcile_every_ms": every_s,
        "read_timeout_ms": 6 * timeout_s,
        "seek_after_ms": 2.0,
        "seek_every_ms": 2.0,
        "lease_ms": settings.bybit.order_recv_window_ms / 1000 + _CLOCK_SLACK_S + _VISIBILITY_LAG_S,
        "retry_after_ms": 1.0,
        "stall_ms": STALL_S,
        "still_ms": _STILL_S,
        "listen_ms": _LISTEN_S,
        "hedge_ms": 120.0,
    }
    return EnginePatience(**{name: _ms(seconds * rate) for name, seconds in real.items()})


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def heartbeat_options(settings: Settings) -> HeartbeatOptions | None:
    """Where the heartbeat goes; None: nowhere."""
    url = settings.deadman.heartbeat_url.get_secret_value()
    return HeartbeatOptions(url=url, every_s=settings.deadman.heartbeat_every_s) if url else None
