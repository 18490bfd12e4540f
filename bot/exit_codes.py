"""The exit codes of every verb: what ended, and whether starting again can help.

Knows the numbers a script, systemd or a container runtime may rely on. Does not know who ends or why.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitCode"]


class ExitCode(IntEnum):
    """A process's last word. Only FAILURE and EXCHANGE are worth a restart without a person."""

    meaning: str

    OK = 0, "done, or stopped cleanly (Ctrl-C, SIGTERM); the hedge stays on"
    FAILURE = 1, "unexpected, the log says what; status: no daemon answers; replay: a difference; decide: a refusal"
    USAGE = 2, "the command line was not understood"
    SETTINGS = 3, "a setting is unknown, missing or out of range; every problem is named"
    REFUSED = 4, "mainnet is not armed: real money needs HEDGELOCK__ARM_MAINNET=yes-trade-real-money"
    OCCUPIED = 5, "another daemon holds this journal or account"
    EXCHANGE = 6, "the exchange cannot be reached, or the account is not as the settings say"

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member
