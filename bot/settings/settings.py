"""Settings: one frozen value that says how this run behaves, and the one way to load it.

Knows the whole: the mode, the arming phrase, the sections, and what must agree between them.
Does not know how a variable is read (`variables`) or what each key means (`sections`).
Begin at `load()`; `Settings()` alone is the pure defaults and reads nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.modes import ENDPOINTS, Endpoints, Mode, check_host
from bot.monitoring.alerts.urls import secrets_of
from bot.settings.breakers import BreakerSettings
from bot.settings.deadman import DeadManSettings
from bot.settings.keys import describe, explain
from bot.settings.loan import LoanSettings
from bot.settings.people import AlertsSettings, TelegramSettings, WebSettings
from bot.settings.profit import ProfitSettings
from bot.settings.sections import (
    BookSettings,
    BybitSettings,
    FundingSettings,
    HedgeSettings,
    JournalSettings,
    LimitsSettings,
    LogSettings,
    PaperSettings,
    ReconcileSettings,
    StreamsSettings,
    VolatilitySettings,
    key,
)
from bot.settings.stream import KafkaSettings
from bot.settings.variables import PREFIX, SettingsError, Variable, read

__all__ = ["ARMING_PHRASE", "PREFIX", "Endpoints", "Loaded", "Mode", "NotArmed", "Settings", "SettingsError", "load"]

ARMING_PHRASE = "yes-trade-real-money"


class NotArmed(SettingsError):
    """Mode is mainnet and the arming phrase is absent: a start with real money needs a second, deliberate word."""


class Settings(BaseSettings):
    """Everything a run needs to know, frozen. Build it with `load()`; `Settings()` is the defaults."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
    )

    mode: Mode = key(Mode.PAPER, "the world traded in", room="app")
    arm_mainnet: str = key("", f"must read {ARMING_PHRASE} when mode is mainnet", room="app")
    bybit: BybitSettings = BybitSettings()
    paper: PaperSettings = PaperSettings()
    book: BookSettings = BookSettings()
    hedge: HedgeSettings = HedgeSettings()
    volatility: VolatilitySettings = VolatilitySettings()
    funding: FundingSettings = FundingSettings()
    profit: ProfitSettings = ProfitSettings()
    loan: LoanSettings = LoanSettings()
    limits: LimitsSettings = LimitsSettings()
    deadman: DeadManSettings = DeadManSettings()
    breakers: BreakerSettings = BreakerSettings()
    streams: StreamsSettings = StreamsSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    journal: JournalSettings = JournalSettings()
    web: WebSettings = WebSettings()
    alerts: AlertsSettings = AlertsSettings()
    telegram: TelegramSettings = TelegramSettings()
    kafka: KafkaSettings = KafkaSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is handed in: `load()` reads the environment, so that tests and tools need not."""
        return (init_settings,)

    @model_validator(mode="after")
    def _hosts_belong_to_the_world(self) -> Self:
        for name, url, kind, scheme in (
            ("REST_URL", self.bybit.rest_url, "api", "http"),
            ("WS_URL", self.bybit.ws_url, "stream", "ws"),
        ):
            if url:
                try:
                    check_host(url, self.mode, kind=kind, scheme=scheme)
                except ValueError as error:
                    raise ValueError(f"{PREFIX}BYBIT__{name} = {url!r} {error}") from None
        return self

    @model_validator(mode="after")
    def _a_topic_has_a_broker(self) -> Self:
        if self.kafka.context_topic and not self.kafka.bootstrap_servers:
            raise ValueError(
                f"{PREFIX}KAFKA__CONTEXT_TOPIC names a topic, and {PREFIX}KAFKA__BOOTSTRAP_SERVERS no broker"
            )
        return self

    @property
    def journal_path(self) -> Path:
        """The journal's file, each mode its own, so that paper fills can never meet a real book."""
        return self._journal_of(self.mode)

    @property
    def every_journal(self) -> tuple[Path, ...]:
        """The journals of all modes, this one's first: they may be one folder, or one each."""
        return tuple(dict.fromkeys(self._journal_of(mode) for mode in (self.mode, *Mode)))

    def _journal_of(self, mode: Mode) -> Path:
        return Path(self.journal.path.replace("{mode}", mode))

    def endpoints(self) -> Endpoints:
        """Base URLs of the chosen world, or of the overrides. Paper without both overrides raises ValueError."""
        rest_url, ws_url = self.bybit.rest_url.rstrip("/"), self.bybit.ws_url.rstrip("/")
        if self.mode is Mode.PAPER:
            if not (rest_url and ws_url):
                raise ValueError("the paper venue's address is known only once it listens")
            return Endpoints(rest_url, ws_url, ws_url)
        own = ENDPOINTS[self.mode]
        return Endpoints(rest_url or own.rest_url, ws_url or own.public_ws_url, ws_url or own.private_ws_url)

    def secrets(self) -> list[str]:
        """Every secret text that is set, for the logs to hide."""
        texts = [*self.bybit.secrets(), *self.web.secrets(), self.telegram.token.get_secret_value()]
        texts.append(self.deadman.heartbeat_url.get_secret_value())
        for url in (self.alerts.first_url, self.alerts.second_url):
            texts += secrets_of(url.get_secret_value())
        return [text for text in texts if text]

    def require_runnable(self) -> None:
        """Raise SettingsError if this world cannot be entered: a folder without a name, keys absent, or NotArmed for an unarmed mainnet."""
        folder = str(self.journal_path.parent.absolute())
        if (
            folder != folder.encode(errors="replace").decode()
        ):  # it is told to others: in locks, in the latch, in the run's name
            raise SettingsError(
                f"{folder!a}, where the journal would lie, has a name that is not text (UTF-8)",
                f"Start in a folder whose name is, or set {PREFIX}JOURNAL__PATH to one",
            )
        if self.mode is Mode.PAPER:
            return
        if self.mode is Mode.MAINNET and self.arm_mainnet != ARMING_PHRASE:
            raise NotArmed(
                f"{PREFIX}MODE = mainnet trades real money and is refused until {PREFIX}ARM_MAINNET = {ARMING_PHRASE}"
            )
        if not self.bybit.credentials(self.mode)[0].get_secret_value():
            names = " and ".join(f"{PREFIX}BYBIT__{self.mode.upper()}_API_{part}" for part in ("KEY", "SECRET"))
            raise SettingsError(f"{PREFIX}MODE = {self.mode} needs {names} (or the same names ending in _FILE)")


class Loaded(NamedTuple):
    """The settings in force, and the variables they were made of (for showing where a value came from)."""

    settings: Settings
    found: Mapping[str, Variable]


def load(
    *,
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Loaded:
    """The settings of this process: defaults, then .env, then the environment, then `overrides` (the command line).

    Raises SettingsError holding every problem found, each naming its variable.
    """
    keys = describe(Settings)
    found = read(
        [key.name for key in keys],
        [key.name for key in keys if key.is_secret],
        environ=os.environ if environ is None else environ,
        env_file=env_file,
        overrides=overrides,
    )
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): variable.text for name, variable in found.items()}
    try:
        return Loaded(Settings(**source()), found)
    except ValidationError as error:
        raise SettingsError(*explain(error, Settings, found)) from None
