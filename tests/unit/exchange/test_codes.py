"""What Bybit's numbers prove."""

from __future__ import annotations

from collections import Counter

import pytest

from bot.domain.orders import Verdict
from bot.exchange import codes
from bot.exchange.codes import Fate, fate_of_code, fate_of_status, is_clock_code, is_ended, is_for_want, verdict_of_code
from bot.exchange.codes import verdict_of_status as verdict_of_http

A, R, U = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN

CODES = [
    # code   order  question
    (0, A, Fate.OK),
    (10001, R, Fate.FATAL),
    (10002, U, Fate.RETRY),
    (10003, R, Fate.FATAL),
    (10005, R, Fate.FATAL),
    (110007, R, Fate.FATAL),
    (110017, R, Fate.FATAL),
    (110094, R, Fate.FATAL),
    (110063, R, Fate.RETRY),
    *(
        (code, U, Fate.RETRY)
        for code in (429, 10000, 10006, 10016, 10019, 10403, 10429, 170001, 170005, 170007, 170032)
    ),
    *((code, U, Fate.RETRY) for code in (20003, 20006, 500000, 170146, 170147, 170310, 170149, 170234, 3400214, -1)),
    (110072, U, Fate.FATAL),
    (170141, U, Fate.FATAL),
    (110001, U, Fate.FATAL),
    (123456789, U, Fate.FATAL),
]


@pytest.mark.parametrize(("code", "order", "question"), CODES)
def test_a_code_says_what_is_proved_and_whether_asking_again_helps(code: int, order: Verdict, question: Fate) -> None:
    """Doubt about an order is UNKNOWN; doubt about a question is not repeated for ever."""
    assert (order, question) == (verdict_of_code(code)[0], fate_of_code(code)[0])


STATUSES = [
    (400, R, Fate.FATAL),
    (401, R, Fate.FATAL),
    (403, R, Fate.RETRY),
    (404, R, Fate.FATAL),
    (429, U, Fate.RETRY),
    *((status, U, Fate.RETRY) for status in (302, 500, 502, 503, 504, 520, 530, 999)),
]


@pytest.mark.parametrize(("status", "order", "question"), STATUSES)
def test_a_status_says_what_is_proved(status: int, order: Verdict, question: Fate) -> None:
    """A gateway that fails has perhaps passed the order on."""
    assert (order, question) == (verdict_of_http(status)[0], fate_of_status(status)[0])


def test_only_one_code_accepts_and_each_stands_in_one_row_with_a_reason() -> None:
    """Two rows for one code would be two truths."""
    rows = codes._RULES
    count = Counter(code for row in rows for code in row.codes)

    assert [] == [code for code, times in count.items() if times > 1]
    assert [(0,)] == [row.codes for row in rows if row.order is A]
    assert all(row.reason for row in rows)


def test_a_cancel_that_came_too_late_is_known_by_its_code() -> None:
    assert [110001, 110008, 110010, 170213] == [
        code for code in (0, 10001, 110001, 110008, 110010, 110079, 170213) if is_ended(code)
    ]


@pytest.mark.parametrize(
    ("code", "wants"),
    [(110007, True), (110090, True), (110021, True), (30256, True), (10001, False), (110072, False), (7, False)],
)
def test_want_of_margin_or_room_is_told_from_a_wrong_order(code: int, wants: bool) -> None:
    """The account cannot carry it now: nothing to mend in the order, and no sign that we have gone wrong."""
    assert wants == is_for_want(code)


def test_complaints_about_time_are_known() -> None:
    assert (True, True, False) == (is_clock_code(10002), is_clock_code(-1), is_clock_code(10004))
