"""The cash book: the venue's transaction log as we know it, and whether it explains the wallet.

It knows every row once, the sum of changes per coin, and what each settlement of a leg brought. For each coin "wallet less the sum of
changes" is a constant while the log tells everything: where it comes to stand elsewhere, money moved that no row explains. A wallet and
a log are two reads, either may lag, and neither has a sequence: so a new constant is believed when every reading has shown it for longer
than any read may lag. Legs are not moved here, and rows are not executions: those are the ledger's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from bot.domain.account import CashKind, CashRow, Wallet
from bot.domain.commands import CashAdopted, FundingAdopted
from bot.domain.legs import Leg
from bot.domain.money import ZERO
from bot.engine.ledger import settlement_hour

__all__ = ["KEPT_ROWS", "PERSISTENT", "CashBook", "CoinBook", "Settlement", "settlement_of"]

KEPT_ROWS = 20_000
"""Row names kept in memory."""

PERSISTENT = 3
"""Readings in a row, at least, that must show the same constant before it is believed."""

FUNDING_LATE_MS = 3 * 3_600_000
"""An execution list may show a settlement hours late (Bybit: order/execution); after this long the log's word is taken."""

_GRAIN = {"USDT": Decimal("0.01"), "USDC": Decimal("0.01")}
_FINE_GRAIN = Decimal("0.0000005")
"""Differences up to this are rounding: the venue's figures are cut at eight digits, per row."""


@dataclass(slots=True)
class CoinBook:
    """One coin. `start` + `changes` = wallet, as long as the log tells everything."""

    changes: Decimal = ZERO
    start: Decimal | None = None
    """None: not known yet."""
    newest_ms: int = 0
    """When its newest row happened."""
    wallet: Decimal = ZERO
    """As the last reading showed it."""
    rumour: Decimal | None = None
    """Another start that the last readings agree on."""
    rumour_ms: int = 0
    rumours: int = 0

    def drop_rumour(self) -> None:
        self.rumour, self.rumour_ms, self.rumours = None, 0, 0


@dataclass(slots=True)
class Settlement:
    """What the log says one leg was paid at one hour; > 0 was received."""

    at_ms: int
    logged: Decimal = ZERO


@dataclass(slots=True)
class CashBook:
    """Of the whole unified account."""

    coins: dict[str, CoinBook] = field(default_factory=dict)
    by_kind: dict[tuple[str, CashKind], Decimal] = field(default_factory=dict)
    """The sum of changes per coin and kind, since the book began."""
    settlements: dict[tuple[int, Leg], Settlement] = field(default_factory=dict)
    """Settlements the log shows and the ledger is not yet known to have, by hour and leg."""
    read_up_to_ms: int | None = None
    """When the last whole reading of the log was begun; survives a restart."""
    newest_ms: int | None = None
    """When the newest row known happened."""
    unread: int = 0
    """Readings in a row without the log."""
    _rows: dict[str, int] = field(default_factory=dict)
    _forgotten_ms: int = 0

    @property
    def cursor_ms(self) -> int | None:
        """Up to when every row is known, but for the lag of a read; None: nothing was ever read."""
        return self.read_up_to_ms if self.read_up_to_ms is not None else self.newest_ms

    def knows(self, row: CashRow) -> bool:
        return row.row_id in self._rows or row.at_ms <= self._forgotten_ms

    def book(self, row: CashRow, symbol: str) -> None:
        """Take a row in, once."""
        if self.knows(row):
            return
        self._rows[row.row_id] = row.at_ms
        self._forget_old()
        self.newest_ms = max(self.newest_ms or 0, row.at_ms)
        coin = self.coins.setdefault(row.currency, CoinBook())
        coin.changes += row.change
        coin.newest_ms = max(coin.newest_ms, row.at_ms)
        coin.drop_rumour()  # it explains something: what is missing from here on is missing anew
        key = (row.currency, row.kind)
        self.by_kind[key] = self.by_kind.get(key, ZERO) + row.change
        if (which := settlement_of(row, symbol)) is not None:
            seen = self.settlements.setdefault(which, Settlement(at_ms=row.at_ms))
            seen.logged += row.funding or ZERO

    def compare(self, wallet: Wallet, asked_ms: int, shown_ms: int) -> None:
        """A reading with the log showed this wallet; every row it brought is booked. A coin that a whole wallet omits is zero; one that is
        there and cannot be read is not known, and begins anew when it can.

        While a row is so young that a wallet may not show it yet, dated from `shown_ms` on, a difference is no evidence: trades of one
        size, each shown late, would look like one difference that stays.
        """
        self.unread, self.read_up_to_ms = 0, max(self.read_up_to_ms or 0, asked_ms)
        for name in {*self.coins, *(coin.coin for coin in wallet.coins)}:
            row = wallet.coin(name)
            book = self.coins.setdefault(name, CoinBook())
            if name in wallet.unread:
                book.start = None
                book.drop_rumour()
                continue
            book.wallet = row.wallet if row else ZERO
            start = book.wallet - book.changes
            if (book.start is not None and _same(name, start, book.start)) or book.newest_ms >= shown_ms:
                book.drop_rumour()
            elif book.rumour is None or not _same(name, start, book.rumour):
                book.rumour, book.rumour_ms, book.rumours = start, asked_ms, 1
            else:
                book.rumours += 1

    @property
    def explains_the_wallet(self) -> bool:
        """Whether the rows led to every balance that the last reading with the log showed; nothing speaks against a coin not known yet."""
        return all(
            book.start is None or _same(name, book.wallet - book.changes, book.start)
            for name, book in self.coins.items()
        )

    def adoptions(self, asked_ms: int, believed_after_ms: int) -> Iterator[CashAdopted]:
        """The constants that have stood long enough to be believed."""
        for name, book in sorted(self.coins.items()):
            if book.rumour is None or book.rumours < PERSISTENT or asked_ms - book.rumour_ms < believed_after_ms:
                continue
            held_s = (asked_ms - book.rumour_ms) / 1000
            yield CashAdopted(
                coin=name,
                wallet=book.wallet,
                explained=book.changes,
                was=book.start,
                reason="first account of it" if book.start is None else f"unexplained for {held_s:.0f} s",
            )

    def adopt(self, record: CashAdopted) -> None:
        """Begin anew from where the wallet stood."""
        book = self.coins.setdefault(record.coin, CoinBook())
        book.start, book.wallet = record.wallet - record.explained, record.wallet
        book.drop_rumour()

    def missing_funding(self, booked: dict[tuple[int, Leg], Decimal]) -> Iterator[FundingAdopted]:
        """Settlements that the log has shown for long and the ledger booked otherwise, or not at all."""
        for (hour, leg), seen in sorted(self.settlements.items(), key=lambda item: (item[0][0], item[0][1].name)):
            ours = booked.get((hour, leg))
            is_late = self.read_up_to_ms is not None and self.read_up_to_ms - seen.at_ms > FUNDING_LATE_MS
            if is_late and (ours is None or not _same("USDT", ours, seen.logged)):
                yield FundingAdopted(
                    leg=leg,
                    settled_ms=seen.at_ms,
                    funding=seen.logged,
                    was=ours or ZERO,
                    reason="no execution told of it" if ours is None else "its execution says otherwise",
                )

    def settle(self, booked: dict[tuple[int, Leg], Decimal], opened_ms: int) -> None:
        """Drop the settlements that the ledger has as well, and those from before its books began."""
        for key, seen in list(self.settlements.items()):
            ours = booked.get(key)
            if seen.at_ms <= opened_ms or (ours is not None and _same("USDT", ours, seen.logged)):
                del self.settlements[key]

    def begin_anew(self) -> None:
        """A person has looked: what is unexplained is no difference any more."""
        self.settlements.clear()
        for book in self.coins.values():
            book.start = None
            book.drop_rumour()

    def new_run(self) -> None:
        """Readings of an earlier run vouch for nothing now."""
        self.unread = 0
        for book in self.coins.values():
            book.drop_rumour()

    def _forget_old(self) -> None:
        if len(self._rows) > KEPT_ROWS:
            by_age = sorted(self._rows.items(), key=lambda item: item[1])
            self._forgotten_ms = by_age[KEPT_ROWS // 2 - 1][1]
            self._rows = {name: at_ms for name, at_ms in by_age if at_ms > self._forgotten_ms}


def settlement_of(row: CashRow, symbol: str) -> tuple[int, Leg] | None:
    """The hour and leg that a settlement row belongs to; None for any other row, and where the venue names no side."""
    if row.kind is not CashKind.SETTLEMENT or row.symbol != symbol or row.category != "linear" or row.side is None:
        return None
    return settlement_hour(row.at_ms), Leg.LONG if row.side == "Buy" else Leg.SHORT


def _same(coin: str, one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= _GRAIN.get(coin, _FINE_GRAIN)
