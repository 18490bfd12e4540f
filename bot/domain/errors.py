"""Errors, named by what the caller must do.

HedgeLockError
├── Refused          the venue proved that it did not accept: mend the request or the state; nothing is in flight
├── OutcomeUnknown   it left and nobody answered: keep it, count it as in flight, ask by orderLinkId; never send it again
├── Unavailable      a read failed: there is no observation; try later
├── Broken           our own books contradict themselves: halt
│   └── IllegalStep  an order was told something its state cannot hear
└── SetUp            the world is not as the settings say: tell the person, with the mend
"""

from __future__ import annotations

__all__ = [
    "AddressNotHad",
    "AlreadyRunning",
    "Broken",
    "HedgeLockError",
    "IllegalStep",
    "JournalFailed",
    "JournalUnfit",
    "NotFit",
    "OutcomeUnknown",
    "Refused",
    "SetUp",
    "Unavailable",
]


class HedgeLockError(Exception):
    """Any error that HedgeLock raises on purpose."""


class Refused(HedgeLockError):
    """The venue proved that it did not accept the request. `code` is its retCode (or HTTP status)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"refused ({code}): {reason}")
        self.code = code
        self.reason = reason


class OutcomeUnknown(HedgeLockError):
    """The request may have been carried out; only the venue's books can tell. `code` is None where nothing was answered."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(f"outcome unknown: {reason}")
        self.code = code
        self.reason = reason


class Unavailable(HedgeLockError):
    """A read failed or its answer is not an observation. `retry_after_s` is the venue's own wish, if it said one."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_s = retry_after_s


class Broken(HedgeLockError):
    """Our own books contradict themselves; trading must stop until a person has looked."""


class IllegalStep(Broken):
    """An order was told something that its state cannot hear."""


class SetUp(HedgeLockError):
    """The world is not as the settings say (mode, key, instrument, lock); the message says how to mend it."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem}. {mend}")
        self.problem = problem
        self.mend = mend


class JournalUnfit(SetUp):
    """The journal's file, or a lock, cannot be used as it lies there. Another start would not mend it."""


class NotFit(SetUp):
    """A check of the preflight failed with which no daemon should run. `exit_code` is the class of the check."""

    def __init__(self, problem: str, mend: str, exit_code: int) -> None:
        super().__init__(problem, mend)
        self.exit_code = exit_code


class AddressNotHad(SetUp):
    """An address that we would listen on is not to be had. `may_pass`: at another start it may be (taken, not yet up); a right is not."""

    def __init__(self, problem: str, mend: str, *, may_pass: bool = True) -> None:
        super().__init__(problem, mend)
        self.may_pass = may_pass


class AlreadyRunning(SetUp):
    """Another daemon holds the journal or the account."""


class JournalFailed(HedgeLockError):
    """The disk did not take a record, or gave a record back that cannot be read."""
