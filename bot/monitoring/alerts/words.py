"""The vocabulary of alerts: how bad, about what, and what a message says.

A kind is the anchor of a chapter in docs/alerts.md, so that every message can name what to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

__all__ = ["RUNBOOK", "Alert", "Message", "Occasion", "Severity", "slug"]

RUNBOOK = "docs/alerts.md"
_LONGEST_TEXT = 1_500  # Discord takes 2,000 characters, the smallest of all channels


class Severity(IntEnum):
    """How bad it is. Quiet hours hold back everything below CRITICAL."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


class Occasion(IntEnum):
    """Why a message is sent."""

    RAISED = 0
    WORSE = 1
    REMINDER = 2
    RECOVERED = 3
    ONCE = 4
    EASED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing worth knowing. `kind` with `subject` is what two sightings must share to be the same alert.

    `after_s` is how long, in real seconds, a condition must last before it is worth a message, `critical_after_s` before it is critical
    whatever it was (None: never).
    """

    kind: str
    severity: Severity
    title: str
    text: str
    subject: str = ""
    after_s: float = 0.0
    critical_after_s: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.subject

    def severity_at(self, age_s: float) -> Severity:
        """How bad it is once it has lasted `age_s`."""
        late = self.critical_after_s is not None and age_s >= self.critical_after_s
        return Severity.CRITICAL if late else self.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What leaves: plain text, no markup of any channel."""

    severity: Severity
    occasion: Occasion
    subject: str
    body: str

    @property
    def text(self) -> str:
        """Subject and body, clipped to what the smallest channel takes."""
        whole = f"{self.subject}\n{self.body}"
        return whole if len(whole) <= _LONGEST_TEXT else whole[: _LONGEST_TEXT - 1] + "…"


def slug(words: str) -> str:
    """A kind as the engine says it ("journal unwritable") as an anchor ("journal-unwritable")."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
