"""The settings of the dead-man's switches: the heartbeat to the outside, and the second process that watches the daemon."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator

from bot.settings.sections import Section, key


class DeadManSettings(Section):
    """Who notices when the daemon falls silent."""

    heartbeat_url: SecretStr = key(
        SecretStr(""),
        "asked with GET while all is well; a service that hears nothing raises an alarm",
        room="monitoring",
    )
    heartbeat_every_s: float = key(30.0, "how often", room="monitoring", unit="s", ge=5, le=3600)
    watch_verb: Literal["freeze", "neutralise"] = key(
        "freeze", "what `hedgelock watch` does when the daemon falls silent with a position on", room="app"
    )
    watch_silence_s: float = key(30.0, "silence that `hedgelock watch` bears", room="app", unit="s", ge=5, le=3600)

    @field_validator("heartbeat_url")
    @classmethod
    def _can_be_asked(cls, value: SecretStr) -> SecretStr:
        """A heartbeat that never beats is found out in the night it is needed. The URL is a secret, and so is not repeated."""
        if text := value.get_secret_value():
            parts = urlsplit(text)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError("is not of the form https://host/path")
        return value
