"""The sections of the settings that say who may look, who is told, and who may ask from afar. The rules of `sections` hold here too."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import SecretStr, field_validator, model_validator

from bot.monitoring.alerts import urls
from bot.monitoring.alerts.quiet import QuietHours
from bot.monitoring.loopback import is_loopback
from bot.settings.sections import Section, check_secret, key
from bot.settings.variables import PREFIX


class WebSettings(Section):
    """The dashboard, /health and /metrics."""

    enabled: bool = key(True, "false: no dashboard, no /health, no /metrics", room="monitoring")
    host: str = key("127.0.0.1", "address the dashboard listens on", room="monitoring")
    port: int = key(8009, "its port; 0 = any free one", room="monitoring", ge=0, le=65535)
    metrics_port: int = key(9096, "second port for /metrics; 0 = none", room="monitoring", ge=0, le=65535)
    token: SecretStr = key(
        SecretStr(""),
        "asked of everyone who wants more than /health; empty = the daemon's own, in web.token beside its journal; needed beyond loopback",
        room="monitoring",
    )
    operate_token: SecretStr = key(
        SecretStr(""),
        "asked of who wants a verb, and may read too; empty = the token above does both, or verbs.token beside the journal",
        room="monitoring",
    )
    allowed_hosts: str = key(
        "", "further names the dashboard is called by, with port, comma-separated (hedgelock:9096)", room="monitoring"
    )

    def secrets(self) -> list[str]:
        """Both tokens, for the logs to hide."""
        return [self.token.get_secret_value(), self.operate_token.get_secret_value()]

    @field_validator("token", "operate_token")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        check_secret(text)
        if text and len(text) < 22:
            raise ValueError("is shorter than 22 characters; make one with: openssl rand -hex 16")
        return value

    @model_validator(mode="after")
    def _alone_or_with_a_token(self) -> Self:
        if self.enabled and not self.token.get_secret_value() and not is_loopback(self.host):
            raise ValueError(
                f"{PREFIX}WEB__HOST = {self.host!r} is seen from beyond this machine, where {PREFIX}WEB__TOKEN must be set, "
                "and a TLS proxy stand in front"
            )
        return self


def chats_of(text: str) -> frozenset[int]:
    """The numbers of Telegram chats in a comma-separated list. Raises ValueError for what is not a number."""
    try:
        return frozenset(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(f"{PREFIX}TELEGRAM__CHAT_IDS holds something that is not a number") from None


class AlertsSettings(Section):
    """Who is told when something is wrong, and by which way; docs/alerts.md lists the URLs."""

    first_url: SecretStr = key(
        SecretStr(""),
        "channel for every alert: tgram://, discord://, slack://, mailtos://, jsons://",
        room="monitoring",
    )
    second_url: SecretStr = key(
        SecretStr(""),
        "channel when the first gives no proof of delivery, and for all that is critical",
        room="monitoring",
    )
    least: Literal["info", "warning", "critical"] = key("warning", "least severity that is sent", room="monitoring")
    remind_every_min: float = key(
        60.0, "what lasts is told again this often; real time", room="monitoring", unit="min", ge=5, le=1440
    )
    quiet_hours: str = key("", "22:00-07:00: then only what is critical is sent; empty = none", room="monitoring")
    time_zone: str = key("UTC", "time zone of the quiet hours, like Europe/Zurich", room="monitoring")

    @field_validator("first_url", "second_url")
    @classmethod
    def _is_a_channel(cls, value: SecretStr) -> SecretStr:
        if text := value.get_secret_value():
            urls.parse(text)
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.second_url.get_secret_value() and not self.first_url.get_secret_value():
            raise ValueError(f"{PREFIX}ALERTS__SECOND_URL is set and {PREFIX}ALERTS__FIRST_URL is not")
        try:
            QuietHours.parse("22:00-07:00", self.time_zone)
        except ValueError as error:
            raise ValueError(f"{PREFIX}ALERTS__TIME_ZONE: {error}") from None
        if self.quiet_hours:
            try:
                QuietHours.parse(self.quiet_hours, self.time_zone)
            except ValueError as error:
                raise ValueError(f"{PREFIX}ALERTS__QUIET_HOURS = {self.quiet_hours!r} {error}") from None
        return self


class TelegramSettings(Section):
    """Remote control: a bot of yours that answers only the chats named here. Without a token there is none."""

    token: SecretStr = key(SecretStr(""), "the bot's token, from @BotFather", room="monitoring")
    chat_ids: str = key("", "chats that may ask, comma-separated numbers; nobody else is answered", room="monitoring")
    verbs: bool = key(True, "false: it tells, and takes no verb", room="monitoring")
    api_url: str = key("https://api.telegram.org", "another server that speaks Telegram's Bot API", room="monitoring")

    @field_validator("token")
    @classmethod
    def _is_a_token(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        check_secret(text)
        if text and not (text.partition(":")[0].isdigit() and text.partition(":")[2]):
            raise ValueError("is not a bot's token, like 123456:ABC-DEF")
        return value

    @field_validator("api_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        local = ("http://127.0.0.1", "http://localhost", "http://[::1]")
        if not value.startswith(("https://", *local)):
            raise ValueError("must begin with https://")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.token.get_secret_value() and not chats_of(self.chat_ids):
            raise ValueError(f"{PREFIX}TELEGRAM__TOKEN is set and {PREFIX}TELEGRAM__CHAT_IDS names nobody")
        return self
