"""How often a client may ask, and what it is told when it asked too often."""

from __future__ import annotations

import pytest

from bot.simulator.choices import FaceChoices
from bot.simulator.quotas import IP_LIMIT, EntryGate, IpGate, Quotas, SocketGate, limit_of

LIMITS = [
    ("POST", "/v5/order/create", "linear", (10, 1000)),
    ("POST", "/v5/order/create", "spot", (20, 1000)),
    ("POST", "/v5/order/amend", "spot", (10, 1000)),
    ("GET", "/v5/position/list", "linear", (50, 1000)),
    ("GET", "/v5/account/transaction-log", "", (25, 1000)),
    ("POST", "/v5/account/no-convert-repay", "", (1, 1000)),
    ("POST", "/v5/asset/transfer/inter-transfer", "", (60, 60_000)),
    ("GET", "/v5/crypto-loan-common/position", "", (5, 1000)),
    ("POST", "/v5/crypto-loan-flexible/repay", "", (1, 1000)),
    ("POST", "/v5/crypto-loan-common/max-loan", "", (5, 1000)),
]


@pytest.mark.parametrize(("method", "path", "category", "limit"), LIMITS, ids=[f"{c[1]} {c[2]}" for c in LIMITS])
def test_limits_of_an_ordinary_account(method: str, path: str, category: str, limit: tuple[int, int]) -> None:
    """As the rate-limit page lists them."""
    assert limit_of(method, path, category) == limit


def take(
    quotas: Quotas, now_ms: int, *, units: int = 1, account: str = "a", category: str = "linear"
) -> tuple[int, int, int]:
    quota = quotas.take(account, "POST", "/v5/order/create", category, units=units, now_ms=now_ms)
    return quota.granted, quota.left, quota.reset_at_ms


def test_the_window_rolls() -> None:
    """Ten in any second; the eleventh is told when the first of them falls out, in the future."""
    quotas = Quotas()
    for i in range(10):
        assert take(quotas, 1000 + i) == (1, 9 - i, 1000 + i)

    assert take(quotas, 1500) == (0, 0, 2000)
    assert take(quotas, 2000)[0] == 1


def test_accounts_and_products_have_their_own() -> None:
    """Per UID and, for orders, per product."""
    quotas = Quotas()
    take(quotas, 0, units=10)

    assert take(quotas, 0, account="b")[0] == 1
    assert take(quotas, 0, category="spot")[0] == 1
    assert take(quotas, 0)[0] == 0


def test_a_batch_eats_one_for_each_order() -> None:
    """What is left is granted; the rest of the batch fails by itself."""
    quotas = Quotas()
    take(quotas, 0, units=7)

    assert take(quotas, 0, units=5)[:2] == (3, 0)


def test_the_address_is_banned_after_six_hundred() -> None:
    """Ten minutes for all traffic, and each try starts them anew."""
    gate = IpGate(FaceChoices())
    assert all(gate.admit("x", 0) for _ in range(IP_LIMIT))
    assert not gate.admit("x", 1)
    assert not gate.admit("x", 600_000)
    assert not gate.admit("x", 1_199_999)
    assert gate.admit("y", 0)
    assert gate.admit("x", 1_800_000)


def test_five_hundred_in_five_seconds_for_ever_are_fine() -> None:
    """The window rolls."""
    gate = IpGate(FaceChoices())

    assert all(gate.admit("x", i * 10) for i in range(3000))


def test_a_ban_can_be_pardoned() -> None:
    """By the control hand."""
    gate = IpGate(FaceChoices())
    gate.ban("x", 0, 50)

    assert not gate.admit("x", 10)
    gate.pardon()
    assert gate.admit("x", 11)


def test_new_sockets_are_counted_over_five_minutes() -> None:
    """The 501st waits until the first is five minutes old; each address for itself."""
    gate = SocketGate(FaceChoices())

    assert all(gate.admit("a", at_ms, open_alike=0) for at_ms in range(500))
    assert not gate.admit("a", 500, open_alike=0)
    assert gate.admit("b", 500, open_alike=0)
    assert gate.admit("a", 300_000, open_alike=0)


def test_open_market_sockets_have_a_limit() -> None:
    """A thousand of one product at a time."""
    gate = SocketGate(FaceChoices())

    assert gate.admit("a", 0, open_alike=999)
    assert not gate.admit("a", 0, open_alike=1000)
    assert not SocketGate(FaceChoices(market_sockets_open=2)).admit("a", 0, open_alike=2)


def test_a_session_of_order_entry_has_its_own_limit() -> None:
    """So many in a rolling second; a session that is gone is forgotten."""
    gate = EntryGate(2)

    assert [gate.admit("s", at_ms) for at_ms in (0, 1, 2, 1000)] == [True, True, False, True]
    gate.forget("s")
    assert gate.admit("s", 1000)
