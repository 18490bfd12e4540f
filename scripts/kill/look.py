"""The first look: the account before anything is done, so that a person hears what the verb will leave behind.

Knows how long a look may take; what could not be read in that time is not known, and the kill does not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.domain.clock import elapsed_s
from scripts.kill.books import Legs, Pledge, Wallet
from scripts.kill.desk import Desk
from scripts.kill.plan import Left, Verb, left_behind, to_close
from scripts.kill.work import NO_LUCK

__all__ = ["Picture", "look", "words"]

LOOK_S = 3.0
"""How long the first look may take; a kill does not wait for a picture of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The account before anything is done; None: could not be read. `step` is the contract's."""

    legs: Legs | None
    wallet: Wallet | None
    pledge: Pledge | None
    mark: Decimal | None
    orders: int | None
    spot: Decimal | None
    step: Decimal
    unread: tuple[str, ...] = ()
    """Why what is missing could not be read, each reason once."""

    def left_by(self, verb: Verb) -> Left | None:
        """What the verb will leave; None where it cannot be told."""
        if self.legs is None or self.mark is None or (verb is Verb.NEUTRALISE and self.spot is None):
            return None
        return self.with_closed(to_close(verb, self.legs, self.spot, self.step))

    def with_closed(self, closing: Mapping[int, Decimal]) -> Left | None:
        """The account once `closing` of each leg, by positionIdx, is closed; None where it cannot be told."""
        if self.legs is None or self.mark is None:
            return None
        apart = self.pledge.ltv if self.pledge is not None and self.pledge.btc else None
        return left_behind(self.legs, closing, self.spot, self.wallet, self.mark, apart_ltv=apart)

    def is_done(self, verb: Verb) -> bool | None:
        """Whether nothing is left to do; None where that cannot be told."""
        if self.legs is None or self.orders is None or (verb is Verb.NEUTRALISE and self.spot is None):
            return None
        return not self.orders and not to_close(verb, self.legs, self.spot, self.step)


def look(desk: Desk, fixed_spot: Decimal | None, pool: Executor) -> Picture:
    """One quick look at everything, all questions at once. `fixed_spot`: what is hedged, where it is not the account's BTC."""
    asks = (desk.legs, desk.wallet, desk.pledge, desk.mark, desk.open_orders, desk.learn_filters)
    asked = [pool.submit(ask) for ask in asks]
    until_s = elapsed_s() + LOOK_S
    unread: list[str] = []
    legs, wallet, pledge, mark, orders, _ = [_answer(future, until_s, unread) for future in asked]
    held = None if wallet is None or pledge is None else wallet.btc + pledge.btc
    return Picture(
        legs=legs,
        wallet=wallet,
        pledge=pledge,
        mark=mark,
        orders=None if orders is None else len(orders),
        spot=fixed_spot if fixed_spot is not None else held,
        step=desk.filters.qty_step,
        unread=tuple(dict.fromkeys(unread)),
    )


def words(picture: Picture, verb: Verb, left: Left | None) -> list[str]:
    """The lines a person reads before anything is done."""
    lines = [f"unread: {why}" for why in picture.unread]
    if picture.legs is not None:
        now = picture.with_closed({})
        lines.append(
            f"now:    {now.words()}" if now else f"now:    long {picture.legs.long}, short {picture.legs.short}"
        )
    if left is None:
        return [*lines, "leaves: cannot be told, the account could not be read"]
    lines.append(f"leaves: {left.words()}")
    if verb is Verb.FLATTEN and picture.spot:
        lines.append(f"        {picture.spot} BTC stand without a hedge, beside whatever loan there is")
    return lines


def _answer(future: Future[Any], until_s: float, unread: list[str]) -> Any:
    try:
        return future.result(max(0.0, until_s - elapsed_s()))
    except NO_LUCK as error:
        unread.append(str(error))
    except TimeoutError:
        future.cancel()
        unread.append(f"no answer within {LOOK_S:.0f} s")
    return None
