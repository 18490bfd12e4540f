"""The shape of a desk: which request goes to which handler, and the permission its key needs.

A desk is a file `desk_*` with a table of these. Knows no request of its own.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.simulator.params import Ask, Reply
from bot.simulator.state import Account, State

__all__ = ["Handler", "PublicHandler", "PublicRoutes", "Routes"]

Handler = Callable[[State, Account, Ask], Reply]
"""Answers an account's request; says no by raising Refusal, and then nothing has changed."""
PublicHandler = Callable[[State, Ask], Reply]

Routes = dict[tuple[str, str], tuple[Handler, str]]
"""(method, path) -> handler and permission: "any", "Order", "Position", "SpotTrade" or "AccountTransfer"."""
PublicRoutes = dict[str, PublicHandler]
"""path -> handler of a GET that needs no key."""
