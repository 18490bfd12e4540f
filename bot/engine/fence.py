"""The fence: two HedgeLocks on one account, and how each learns of the other.

Locks keep a second daemon away on one machine. Across machines the venue is all that both can see: every order of a HedgeLock bears its
run's name and a number. One that bears a run we did not begin, or a number that we have not given out, was made by somebody else: by a
daemon elsewhere, or by the original of the disk that we are a copy of. Whoever sees that closes the latch and sends nothing more that
grows; a person stops one of the two and lifts it.

What was heard once is old news: the same evidence never closes the latch again, after a restart neither, but the next order does. An order
that an earlier run of this journal made in this place before this one began is no evidence: where the disk failed, the journal has lost
it. A copy of the journal knows that run too, but lives in another place, which is part of a run's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from zlib import crc32

from bot.domain import names
from bot.domain.account import Execution
from bot.domain.commands import Note, PlaceOrder
from bot.engine.state import State

__all__ = ["REASON", "fold_executed", "fold_heard", "fold_sent", "is_listening", "listens_ms", "remarks"]

REASON = "another HedgeLock trades this account"


def fold_sent(state: State, order: PlaceOrder) -> None:
    """An order of ours: its number is given out. From the name, not by counting: a journal may have lost records to a full disk."""
    if (named := names.parsed(order.order_link_id)) is not None:
        state.numbers[named.run] = max(named.number, state.numbers.get(named.run, 0))


def fold_begun(state: State, run: str) -> None:
    """A run of this journal: ours, whether or not an order of it is on record."""
    state.numbers.setdefault(run, 0)


def fold_heard(state: State, orders: Iterable[tuple[str, int]]) -> None:
    """Orders the venue told of: (orderLinkId, when it was made, in venue ms)."""
    state.stranger = ""
    for link, made_ms in orders:
        if (named := names.parsed(link)) is not None and names.is_strange(link, state.numbers):
            is_ours = names.is_of(link, state.numbers, names.place_of(state.run))
            is_lost = is_ours and made_ms <= (state.started_ms or 0)
            state.numbers[named.run] = named.number
            state.stranger = state.stranger if is_lost else link
    if state.stranger and not state.latched:
        state.latched = f"{REASON}: its order {state.stranger}"


def fold_executed(state: State, execution: Execution) -> None:
    """An execution. What traded before this run began is told by the venue's lists again and again: the check at the start saw it."""
    is_new = state.started_ms is not None and execution.exec_ms > state.started_ms
    fold_heard(state, ((execution.order_link_id, execution.exec_ms),) if is_new else ())


def remarks(state: State) -> Iterator[Note]:
    """What a person is told of the fact that was just taken in."""
    if state.stranger:
        yield Note(
            severity="critical",
            kind="second writer",
            text=f"{REASON}: order {state.stranger} is not of this journal. Stop one of the two, then resume the other",
        )


def is_listening(state: State, since_ms: int, now_ms: int) -> bool:
    """Whether a run that has sent nothing yet still waits to hear of a twin that wants the same since `since_ms`.

    A daemon that has traded sends at once, a new one later: the new one hears of the old one, not each of the other.
    """
    return state.orders_made == 0 and now_ms - since_ms < listens_ms(state.run, state.config.patience.listen_ms)


def listens_ms(run: str, about_ms: int) -> int:
    """How long that run listens: half to twice as long, by its name. Two new ones that decide together seldom send together."""
    return round(about_ms * (0.5 + 1.5 * crc32(run.encode()) / 2**32))
