"""Preflight: what must be true before anything may trade, as a table of small checks. `hedgelock doctor` runs the same list by hand.

Knows how a check is put, run and weighed; the checks themselves are the table in `checks`. Does not look at anything itself: facts come in,
findings go out. A fact that could not be had is no pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from bot.domain.inspection import Inspection
from bot.exit_codes import ExitCode
from bot.settings import Settings

__all__ = [
    "Check",
    "Facts",
    "Finding",
    "Grade",
    "Machine",
    "account_of",
    "against",
    "exit_code",
    "findings",
    "is_silent",
    "not_said",
    "passed",
    "stopping",
]


MOST_FAILED = 8
"""Questions of one look: where so many fail, it is not about any one of them."""


class Grade(Enum):
    """How a check came out. UNKNOWN: its fact could not be had; as long as that lasts nothing is traded."""

    PASS = "pass"
    WARN = "warn"
    UNKNOWN = "unknown"
    FAIL = "fail"


class Finding(NamedTuple):
    """One line about one check, and the mend where there is something to mend. `name`, `code` and `stops` are the table's."""

    grade: Grade
    line: str
    mend: str = ""
    name: str = ""
    code: ExitCode = ExitCode.OK
    stops: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this machine shows. `writer` is the process that holds the journal, `rival` one that trades the account with another journal;
    "" for none or for ourselves.
    """

    free_mb: int | None
    journal_problem: str = ""
    writer: str = ""
    rival: str = ""
    latch: str = ""
    proxies: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()
    """Alert channels that cannot be connected to, one line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a check may look at. `account` None: the exchange did not answer at all, for `silence`, or ("") was not asked."""

    settings: Settings
    machine: Machine
    account: Inspection | None
    silence: str = ""
    place: str = ""
    """The machine and folder of this journal, as `names.place_of` has it."""
    issued: Mapping[str, int] = field(default_factory=dict)
    """The highest order number of each run of this journal."""


class Check(NamedTuple):
    """A row of the table. `stops`: a failure ends a start at once; any other failure only keeps it from trading. `asks`: of the account."""

    name: str
    code: ExitCode
    look: Callable[[Facts], Finding]
    stops: bool = False
    asks: bool = False


def passed(line: str) -> Finding:
    """All well."""
    return Finding(Grade.PASS, line)


def account_of(facts: Facts) -> Inspection:
    """The look at the account, for a check that runs only where there was one."""
    assert facts.account is not None
    return facts.account


def is_silent(account: Inspection) -> bool:
    """Whether the exchange as a whole does not answer; a key that is turned down is answered."""
    return bool(account.banned_for_s) or (len(account.failed) >= MOST_FAILED and not account.refused)


def not_said(facts: Facts, *questions: str) -> Finding:
    """The fact that one of these questions should have brought could not be had. Of a silent exchange its own check says why, once."""
    if is_silent(account_of(facts)):
        return Finding(Grade.UNKNOWN, "not known: first the exchange has to answer")
    failed = account_of(facts).failed
    why = next((failed[name] for name in questions if name in failed), "the exchange did not say")
    if account_of(facts).refused:
        return Finding(Grade.UNKNOWN, why, "First the key")
    return Finding(Grade.UNKNOWN, why, "Run it again; if it stays, look at the exchange's status page")


def findings(checks: Iterable[Check], facts: Facts) -> list[Finding]:
    """Every check, in order; those about the account are left out while the exchange is silent."""
    found = []
    for check in checks:
        if facts.account is None and (check.asks or check.code in (ExitCode.KEY, ExitCode.ACCOUNT)):
            continue
        finding = check.look(facts)
        found.append(finding._replace(name=check.name, code=check.code, stops=check.stops))
    return found


def exit_code(found: list[Finding]) -> ExitCode:
    """The class of the first failure; of the first unknown where nothing fails; OK with warnings at most."""
    for grade in (Grade.FAIL, Grade.UNKNOWN):
        for finding in found:
            if finding.grade is grade:
                return finding.code
    return ExitCode.OK


def stopping(found: list[Finding]) -> Finding | None:
    """The first failure with which no daemon should run at all."""
    return next((finding for finding in found if finding.grade is Grade.FAIL and finding.stops), None)


def against(found: list[Finding]) -> list[str]:
    """What stands against trading, one line each. The latch is not among them: it halts by itself."""
    bad = (Grade.FAIL, Grade.UNKNOWN)
    return [f"{f.name}: {f.line}" for f in found if f.grade in bad and f.name not in ("latch", "second writer")]
