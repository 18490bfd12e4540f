"""The operator's vocabulary: every key with its default, range and unit, and the one way to load them.

Knows environment variables, secret files and what must agree; does not know what a room does with a value (`bot/wiring.py` hands it over).
Begin at `settings.load`; a section's keys are in the file of its name.
"""

from bot.settings.settings import (
    ARMING_PHRASE,
    PREFIX,
    Endpoints,
    Loaded,
    Mode,
    NotArmed,
    Settings,
    SettingsError,
    load,
)

__all__ = ["ARMING_PHRASE", "PREFIX", "Endpoints", "Loaded", "Mode", "NotArmed", "Settings", "SettingsError", "load"]
