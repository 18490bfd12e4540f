"""Diaries of silence: orders whose answer never came, came late, or meant nothing."""

from __future__ import annotations

import pytest

from bot.domain.commands import Mode
from bot.domain.events import Verb
from bot.domain.legs import Leg
from tests.scenarios.desk import CREATE, Desk


def no_order_says_how_it_stands(desk: Desk) -> None:
    """From now on the status of every order is blank, wherever it is told."""
    desk.venue.suffers("field-blank", "GET /v5/order", value="orderStatus")
    desk.venue.suffers("field-empty", "private order", value="orderStatus")


@pytest.mark.fault(41)
def test_a_status_that_nobody_knows_does_not_stop_what_executions_tell(desk: Desk) -> None:
    """All of the order has traded: nothing of it can come any more, whatever it is called."""
    desk.given(hedged=False)
    no_order_says_how_it_stands(desk)
    desk.pass_time(minutes=2)

    desk.expect(hedged=True, mode=Mode.TRADING, unsettled=[])


@pytest.mark.fault(41)
def test_a_part_of_an_order_trades_and_its_status_is_unknown_for_ever(desk: Desk) -> None:
    """Nobody here can tell whether the rest will come: nothing else is sent, a person is told, looks, and resumes."""
    desk.given(hedged=False)
    no_order_says_how_it_stands(desk)
    desk.venue.suffers("order-cut-short", CREATE, value="0.5", times=1)
    desk.pass_time(minutes=10)
    desk.expect(sent=1, mode=Mode.REDUCING, note="order unresolved")

    desk.kill()
    desk.pass_time(minutes=5)
    desk.expect(sent=1, mode=Mode.REDUCING)

    desk.operator(Verb.RESUME)
    desk.pass_time(minutes=2)
    desk.expect(hedged=True, mode=Mode.TRADING, unsettled=[])


@pytest.mark.fault(11, 46, 77)
def test_an_order_is_filled_and_nobody_answers(desk: Desk) -> None:
    """The stream tells what the answer did not; nothing is sent twice."""
    desk.given(hedged=False)
    desk.venue.suffers("reply-lost", CREATE)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=2, mode=Mode.TRADING, unsettled=[])


@pytest.mark.fault(76)
def test_an_order_is_filled_while_everything_is_mute(desk: Desk) -> None:
    """No answer, no stream: the order is asked for by its name, and found."""
    desk.given(hedged=False)
    desk.pass_time(seconds=3)
    desk.venue.suffers("reply-lost", CREATE, times=1, value="hang")
    desk.venue.suffers("topic-silent", "private", for_ms=60_000)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=2, absent=0)


@pytest.mark.fault(3, 4, 78)
def test_a_request_that_is_lost_is_absent_only_after_the_lease(desk: Desk) -> None:
    """Not found is not absence; two negatives after the lease with legs that agree are, and then the leg is ordered anew."""
    desk.given()
    desk.mark()
    desk.venue.suffers("request-lost", CREATE, times=1, value="hang")
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(seconds=14)
    desk.expect(sent=1, unsettled=["unknown"], absent=0)

    desk.pass_time(seconds=40)
    desk.expect(absent=1, hedged=True, unsettled=[])


@pytest.mark.fault(13)
def test_an_order_that_arrives_late_is_refused_by_its_own_window(desk: Desk) -> None:
    """The receive window is a lease: what comes after it cannot become an order any more."""
    desk.given()
    desk.mark()
    desk.venue.suffers("request-late", CREATE, times=1, ms=4000)
    desk.venue.sees_the_owner_trade(Leg.SHORT, "0.1")
    desk.pass_time(minutes=1)

    desk.expect(hedged=True, unsettled=[], mode=Mode.TRADING)


@pytest.mark.fault(12)
def test_half_an_answer_is_no_answer(desk: Desk) -> None:
    """A reply cut in the middle proves nothing about the order."""
    desk.given(hedged=False)
    desk.venue.suffers("reply-half", CREATE)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=2)


AMBIGUOUS = [
    pytest.param(10000, marks=pytest.mark.fault(47)),
    pytest.param(10016, marks=pytest.mark.fault(48)),
    pytest.param(170146, marks=pytest.mark.fault(49)),
    pytest.param(10429, marks=pytest.mark.fault(50)),
    pytest.param(10006, marks=pytest.mark.fault(51)),
    pytest.param(110079, marks=pytest.mark.fault(108)),
    pytest.param(10019, marks=pytest.mark.fault(148)),
]


@pytest.mark.parametrize("code", AMBIGUOUS)
def test_a_code_that_proves_nothing_and_the_order_was_taken(desk: Desk, code: int) -> None:
    """Accepted all the same: found, booked once, never sent again."""
    desk.given(hedged=False)
    desk.venue.suffers("accepted-with", CREATE, value=str(code))
    desk.pass_time(minutes=3)

    desk.expect(long="0.051", short="0.321", sent=2, absent=0)


@pytest.mark.parametrize("code", AMBIGUOUS)
def test_a_code_that_proves_nothing_and_the_order_was_not_taken(desk: Desk, code: int) -> None:
    """Not accepted: absent after the lease, then ordered under a new name."""
    desk.given()
    desk.mark()
    desk.venue.suffers("refused-with", CREATE, times=1, value=str(code))
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(seconds=12)
    desk.expect(sent=1, unsettled=["unknown"])

    desk.pass_time(minutes=1)
    desk.expect(hedged=True, absent=1)


@pytest.mark.fault(54)
@pytest.mark.parametrize("fault", ["http-error", "http-error-accepted"])
def test_an_error_page_instead_of_an_answer(desk: Desk, fault: str) -> None:
    """A gateway's page says nothing of what happened behind it."""
    desk.given(hedged=False)
    desk.venue.suffers(fault, CREATE, times=1, value="502")
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", unsettled=[])


@pytest.mark.fault(17, 86)
def test_a_request_that_arrives_twice_is_one_order(desk: Desk) -> None:
    """The second copy is told "duplicate"; that is a reason to look, not to send again."""
    desk.given(hedged=False)
    desk.venue.suffers("request-doubled", CREATE)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=2)


@pytest.mark.fault(66, 80, 81)
def test_a_new_order_hidden_from_every_list(desk: Desk) -> None:
    """Twelve seconds of lag, no answer and no stream: the order counts as in flight and is not doubled."""
    desk.given(hedged=False)
    desk.venue.suffers("reply-lost", CREATE, value="close")
    desk.venue.suffers("topic-silent", "private")
    desk.venue.reads_lag(11_000)
    desk.pass_time(minutes=4)

    desk.expect(long="0.051", short="0.321", sent=2, absent=0)


@pytest.mark.fault(75)
def test_acknowledged_and_then_rejected(desk: Desk) -> None:
    """An acknowledgement is not an order on the book."""
    desk.given(hedged=False)
    desk.venue.suffers("order-rejected-later", CREATE, times=1)
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", sent=3)


@pytest.mark.fault(60, 61)
def test_an_acknowledged_order_that_left_every_list(desk: Desk) -> None:
    """Taken in, dead unseen, and a day later in no list: it does not hold up the hedge for ever."""
    desk.given(hedged=False)
    desk.venue.suffers("order-rejected-later", CREATE, times=1)
    desk.venue.suffers("topic-silent", "private order", for_ms=20_000)
    for _ in range(6):
        desk.pass_time(seconds=1)
        desk.venue.forgets_closed_orders()
    desk.pass_time(minutes=2)

    desk.expect(long="0.051", short="0.321", absent=1, unsettled=[])


@pytest.mark.fault(68)
def test_the_stream_is_quicker_than_the_answer(desk: Desk) -> None:
    """Filled first, accepted afterwards: an end is final."""
    desk.given(hedged=False)
    desk.venue.suffers("reply-late", CREATE, ms=4000)
    desk.pass_time(minutes=1)

    desk.expect(long="0.051", short="0.321", sent=2)


@pytest.mark.fault(4, 77)
def test_the_venue_cannot_be_reached_at_all(desk: Desk) -> None:
    """Unknown stays unknown, a person is told, and the hedge goes on when the way is open again."""
    desk.given()
    desk.mark()
    desk.venue.suffers("request-lost", CREATE, times=1, value="hang")
    desk.venue.sees_the_owner_trade(Leg.LONG, "0.1")
    desk.pass_time(seconds=2)
    desk.venue.cannot_be_reached(seconds=180)
    desk.pass_time(seconds=170)
    desk.expect(sent=1, unsettled=["unknown"], note="order unresolved", mode=Mode.BLIND)

    desk.pass_time(minutes=2)
    desk.expect(hedged=True, mode=Mode.TRADING)
