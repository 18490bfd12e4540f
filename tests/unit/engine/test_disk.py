"""The wheel without a disk: nothing leaves that could add risk, what takes risk away may, and the wheel goes on."""

from __future__ import annotations

from decimal import Decimal as D

from bot.domain.commands import Mode, ModeChanged, Note
from bot.domain.errors import JournalFailed
from bot.domain.events import JournalSeen, OperatorAsked, OrderAnswered, Started, Verb
from bot.domain.legs import Act, Leg
from bot.engine.engine import Engine
from tests.unit.engine.desk import NOW_MS, Desk, MemoryDiary, a_config, a_reading

FULL = "the journal cannot be written: database or disk is full"


class DiskDiary(MemoryDiary):
    """A diary whose disk may be full."""

    full = False

    def commit(self) -> None:
        if self.full:
            raise JournalFailed(FULL)
        super().commit()


def a_desk_with_a_full_disk() -> Desk:
    desk = Desk()
    desk.diary = DiskDiary()
    desk.diary.full = True
    desk.engine = Engine(a_config(), desk.diary)
    return desk


def notes(desk: Desk) -> list[tuple[str, str]]:
    return [(note.severity, note.kind) for note in desk.diary.of(Note)]


def test_an_order_that_shrinks_delta_leaves_without_its_intent_on_disk() -> None:
    """0.27 BTC stand uncovered and the disk is full: the long leg may still be cut; what then would grow the short one may not."""
    desk = a_desk_with_a_full_disk()
    desk.start()

    assert [(Leg.LONG, Act.SHRINK, D("0.162"))] == [(o.leg, o.act, o.qty) for o in desk.orders]
    assert (Mode.REDUCING, FULL) == (desk.state.mode, desk.state.why)

    desk.accept(desk.orders[0])
    desk.fill(desk.orders[0])
    desk.pulse(2)

    assert 1 == len(desk.orders)
    assert D("0.108") == desk.state.delta


def test_an_order_that_grows_a_leg_never_leaves_and_is_nobodys_riddle() -> None:
    """The gate had said yes, the disk says no: the order ends as refused, nothing of it counts as in flight."""
    desk = a_desk_with_a_full_disk()
    desk.start(reading=a_reading(long="0", short="0.213"))

    assert [] == desk.orders
    assert [("refused", f"never left: {FULL}")] == [
        (answer.verdict.value, answer.reason) for answer in desk.diary.of(OrderAnswered)
    ]
    assert [] == list(desk.state.blotter.unsettled())


def test_what_a_person_has_confirmed_is_closed_without_a_disk() -> None:
    """Flatten with a full disk: reduce-only orders leave although they make |delta| larger, which was said before. Given up, they were made
    anew each second, and the legs stayed."""
    desk = a_desk_with_a_full_disk()
    desk.start(reading=a_reading(long="0.051", short="0.321"))
    desk.hear(OperatorAsked(verb=Verb.FLATTEN, reason="enough", who="operator"))
    for _ in range(2):
        desk.accept(desk.orders[-1])
        desk.fill(desk.orders[-1])
        desk.pulse(2)

    assert [(Leg.LONG, Act.SHRINK), (Leg.SHORT, Act.SHRINK)] == [(o.leg, o.act) for o in desk.orders]
    assert [D(0), D(0)] == [book.qty for book in desk.state.ledger.legs.values()]


def test_it_is_said_once_and_taken_back_when_the_disk_is_well() -> None:
    """One critical note per failure, however many orders wanted to leave; then the hedge goes on by itself."""
    desk = a_desk_with_a_full_disk()
    desk.start(reading=a_reading(long="0", short="0.213"))
    for _ in range(5):
        desk.pulse(2)
    assert [("critical", "journal unwritable")] == notes(desk)

    desk.diary.full = False
    desk.hear(JournalSeen(writable=True, reason=""))
    desk.pulse(2)

    assert [("critical", "journal unwritable"), ("warning", "journal well again")] == notes(desk)
    assert [Mode.REDUCING, Mode.TRADING] == [change.after for change in desk.diary.of(ModeChanged)][-2:]
    assert [(Leg.SHORT, Act.GROW, D("0.057"))] == [(o.leg, o.act, o.qty) for o in desk.orders]


def test_a_new_run_does_not_inherit_the_failure() -> None:
    """It opened the journal: the disk is well."""
    desk = Desk()
    desk.hear(JournalSeen(writable=False, reason=FULL))

    desk.hear(Started(run="r2", version="0", mode="paper", settings_hash=""))

    assert "" == desk.state.unwritable
    assert NOW_MS == desk.state.started_ms
