"""What Bybit's numbers prove: retCodes and HTTP statuses, as a table with a reason each.

For an order, silence and doubt are not refusals: a code that is not in this table, or that only says that something broke on the way,
leaves the outcome UNKNOWN. For a question it is enough to know whether asking again can help.
(Bybit: error, rate-limit/rate-limit, guide.)
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from bot.domain.orders import Verdict

__all__ = [
    "NOT_IN_DEMO",
    "Fate",
    "fate_of_code",
    "fate_of_status",
    "is_clock_code",
    "is_ended",
    "is_for_want",
    "verdict_of_code",
    "verdict_of_status",
]


class Fate(Enum):
    """What to do with a question that was not answered well."""

    OK = "ok"
    RETRY = "retry"
    FATAL = "fatal"  # asking the same again cannot help: a key, a parameter, a mode


class Rule(NamedTuple):
    codes: tuple[int, ...]
    order: Verdict
    read: Fate
    reason: str
    for_want: bool = False
    """The account, or the market, cannot carry as much of it now."""


NOT_IN_DEMO = 10032
_A, _R, _U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN
_OK, _AGAIN, _FATAL = Fate.OK, Fate.RETRY, Fate.FATAL

# A cancel came too late, or for an order that never was. It may have been filled: this asks for a look, not for joy.
_ENDED = Rule(
    (110001, 110008, 110010, 170139, 170142, 170143, 170190, 170213, 30034),
    _U,
    _FATAL,
    "no such order is alive; it may have been filled",
)

# fmt: off
_RULES = (
    Rule((0,), _A, _OK, "accepted"),
    # Too late: this copy of it. Of a request that something on the way has doubled, the other copy may have been taken.
    Rule((10002,), _U, _AGAIN, "our clock and the venue's disagree, or it came later than its recv_window"),
    # The gate turned it away before any trading engine saw it.
    Rule((10003, -2015, 33004), _R, _FATAL, "the key is invalid, expired or of another world"),
    Rule((10004,), _R, _FATAL, "the signature is wrong"),
    Rule((10005,), _R, _FATAL, "the key lacks the permission"),
    Rule((10007, 10008, 10009, 10010, 10024, 10027), _R, _FATAL, "the account, the address or the region is not allowed"),
    Rule((10001, 10017, 10028, 10029, 100028), _R, _FATAL, "the request is wrong for this account: parameter, route, mode or symbol"),
    # In no page of Bybit's, but what its demo host says to a request that it does not offer.
    Rule((NOT_IN_DEMO,), _R, _FATAL, "demo trading does not offer this"),
    # The order was judged and turned down.
    Rule((110003, 30208, 30209, 110120, 110121), _R, _FATAL, "the price is outside the allowed band"),
    Rule((110004, 110006, 110007, 110012, 110014, 110044, 110045, 110051, 110052, 110053),
         _R, _FATAL, "not enough margin or balance", for_want=True),
    Rule((110011, 110039, 110040, 110046), _R, _FATAL, "it would trigger liquidation", for_want=True),
    Rule((110013, 110031, 110047, 110048, 110085, 110086, 110089, 110090, 3400139, 110016),
         _R, _FATAL, "the risk limit does not allow it", for_want=True),
    Rule((110017,), _R, _FATAL, "reduce-only, and there is nothing (or too little) to reduce"),
    Rule((110018, 110019, 110032, 110049, 110050), _R, _FATAL, "an id, a coin or a tick is malformed"),
    Rule((110020, 110009), _R, _FATAL, "too many orders are open"),
    Rule((110021,), _R, _FATAL, "the open-interest cap is reached", for_want=True),
    Rule((110022, 110023, 110042, 30228), _R, _FATAL, "the contract only allows reducing"),
    Rule((110037, 110074, 110029), _R, _FATAL, "the contract cannot be traded this way"),
    Rule((110063, 110066), _R, _AGAIN, "trading is paused for the moment (settlement or suspension)"),
    Rule((110094,), _R, _FATAL, "the order is worth less than the minimum"),
    Rule((110118,), _R, _AGAIN, "the book is too thin for a market order"),
    Rule((30256, 110131), _R, _FATAL, "the margin needed exceeds what the account's LTV limits allow", for_want=True),
    Rule((110123, 110124, 110125, 110132), _R, _FATAL, "a person must act: terms unsigned, cooling-off, or region"),
    Rule((3200403, 110036, 110038, 110077), _R, _FATAL, "the margin mode does not allow it"),
    # An order of this name exists: ours, from an attempt whose answer was lost. Ask for it; never mint another name.
    Rule((110072, 170141), _U, _FATAL, "an order with this orderLinkId exists already"),
    # Something broke on the way, and it may have been taken.
    Rule((10000, 170007, 170146, 170147, 170310), _U, _AGAIN, "the venue timed out behind its gate"),
    Rule((10016, 170001, 170234, 3400214, 500000, 10019), _U, _AGAIN, "an internal error or a restart at the venue"),
    Rule((10006, 10018, 10403, 10429, 429, 20003, 170005, 170222), _U, _AGAIN, "too many requests; was it taken?"),
    Rule((-1, 10014, 20006, 170032, 170149, 110005, 110035, 110079), _U, _AGAIN, "expired, repeated or busy; was it taken?"),
    _ENDED,
    # Repayments and transfers: turned down, with nothing moved.
    Rule((34022035,), _R, _AGAIN, "repayments are refused while interest is reckoned, hh:04:00 to hh:05:30"),
    Rule((34022041, 176016, 182102, 148032), _R, _FATAL, "there is no debt to repay"),
    Rule((176017, 148038), _R, _FATAL, "more than is owed"),
    Rule((176015, 131212, 131228, 148012, 148029, 148037), _R, _FATAL, "not enough of the coin, or it is locked"),
    Rule((34022010, 34022011, 34022014, 34022027, 34022033, 34022034, 148001, 148028), _R, _FATAL, "a wrong coin or amount"),
    Rule((131002, 131203, 131210, 131211, 131215, 131202, 131204, 131207, 131209), _R, _FATAL, "a wrong account or amount"),
    Rule((131206, 131208, 131213, 131226, 131227, 131229, 131231, 131232, 131233, 131239), _R, _FATAL, "the transfer is not allowed"),
    Rule((34022036, 34022047, 34022049, 34022050, 34022051, 34022052, 34022053, 176002, 176008, 182120), _R, _FATAL, "not this way"),
    Rule((148013, 148027, 148030, 148033), _R, _FATAL, "there is no such loan"),
    # A transfer of this name exists: ours. Ask for it; never mint another name.
    Rule((131214,), _U, _FATAL, "a transfer with this transferId exists already"),
    # For questions only.
    Rule((181000, 181001, 181002, 181003, 181004, 181010, 181017, 181018, 181019), _U, _FATAL, "the question is wrong"),
)

_STATUSES = {
    200: Rule((200,), _U, _OK, "answered"),
    400: Rule((400,), _R, _FATAL, "bad request"),
    401: Rule((401,), _R, _FATAL, "the key is wrong or its headers are missing"),
    403: Rule((403,), _R, _AGAIN, "banned for too many requests, or the country is blocked"),
    404: Rule((404,), _R, _FATAL, "no such path for this account"),
    429: Rule((429,), _U, _AGAIN, "too many requests for the whole system; was it taken?"),
}
# fmt: on

_BY_CODE = {code: rule for rule in _RULES for code in rule.codes}
_STRANGE_CODE = Rule((), _U, _FATAL, "a code that is not in our table")
_STRANGE_STATUS = Rule((), _U, _AGAIN, "the venue or something before it failed")

_CLOCK_CODES = frozenset({10002, -1})


def verdict_of_code(code: int) -> tuple[Verdict, str]:
    """What a retCode proves about an order that was sent, and why."""
    rule = _BY_CODE.get(code, _STRANGE_CODE)
    return rule.order, rule.reason


def verdict_of_status(status: int) -> tuple[Verdict, str]:
    """What an HTTP status other than 200 proves about an order that was sent, and why."""
    rule = _STATUSES.get(status, _STRANGE_STATUS)
    return rule.order, rule.reason


def fate_of_code(code: int) -> tuple[Fate, str]:
    """What a retCode means for a question. An unknown one is fatal: nobody knows that repeating it helps."""
    rule = _BY_CODE.get(code, _STRANGE_CODE)
    return rule.read, rule.reason


def fate_of_status(status: int) -> tuple[Fate, str]:
    """What an HTTP status means for a question."""
    rule = _STATUSES.get(status, _STRANGE_STATUS)
    return rule.read, rule.reason


def is_ended(code: int) -> bool:
    """Whether a cancel's answer says that nothing is left to cancel."""
    return code in _ENDED.codes


def is_for_want(code: int | None) -> bool:
    """Whether that is why an order was turned down: nothing is wrong with it."""
    return code is not None and _BY_CODE.get(code, _STRANGE_CODE).for_want


def is_clock_code(code: int) -> bool:
    """Whether a retCode blames the timestamp, so that the venue's clock should be read again."""
    return code in _CLOCK_CODES
