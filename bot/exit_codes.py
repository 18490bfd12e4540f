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
    FAILURE = (
        1,
        "unexpected, or a port is taken: the log says what; status: no daemon answers; replay: a difference; decide: a refusal",
    )
    USAGE = 2, "the command line was not understood"
    SETTINGS = 3, "a setting is unknown, missing or out of range; every problem is named"
    REFUSED = 4, "mainnet is not armed: real money needs HEDGELOCK__ARM_MAINNET=yes-trade-real-money"
    OCCUPIED = 5, "another daemon holds this journal or account"
    EXCHANGE = 6, "the exchange cannot be reached, or does not answer as it should"
    KEY = 7, "the API key is turned down, may withdraw, lacks a right, or is of another account"
    ACCOUNT = 8, "the account is not set up: mode, margin, collateral, contract; hedgelock doctor has the mend"
    MACHINE = 9, "this machine is not ready: disk, journal, or the halt latch is closed"

    def __new__(cls, code: int, meaning: str) -> ExitCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member
