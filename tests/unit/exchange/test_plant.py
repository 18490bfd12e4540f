"""The small parts: hosts and keys, budget, retry, the venue's clock."""

from __future__ import annotations

import base64
from random import Random

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bot.domain.errors import Refused, SetUp, Unavailable
from bot.exchange.budget import BAN_S, Budget, Kind, Limits
from bot.exchange.hosts import Credentials, Hosts
from bot.exchange.patience import Patience
from bot.exchange.retry import ask_again
from bot.exchange.venue_clock import ClockReading, Sample, VenueClock, middle


class Watch:
    """Elapsed seconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_host_becomes_the_same_paths_in_every_world() -> None:
    """Only names differ between this machine and Bybit."""
    local = Hosts(rest_url="http://127.0.0.1:9/", public_ws_url="ws://127.0.0.1:9", private_ws_url="ws://127.0.0.1:9/")
    demo = Hosts(
        rest_url="https://api-demo.bybit.com",
        public_ws_url="wss://stream.bybit.com",
        private_ws_url="wss://stream-demo.bybit.com",
    )

    assert ("http://127.0.0.1:9", "ws://127.0.0.1:9/v5/public/linear", "ws://127.0.0.1:9/v5/private") == (
        local.rest,
        local.public_stream,
        local.private_stream,
    )
    assert ("wss://stream.bybit.com/v5/public/linear", "wss://stream-demo.bybit.com/v5/private") == (
        demo.public_stream,
        demo.private_stream,
    )


@pytest.mark.parametrize(
    "url", ["", "api.bybit.com", "ftp://x", "https://api.bybit.com/v5", "https://", "https://h?x=1"]
)
def test_a_host_with_more_or_less_than_a_name_is_a_setting_to_mend(url: str) -> None:
    with pytest.raises(SetUp, match="rest_url"):
        Hosts(rest_url=url, public_ws_url="wss://stream.bybit.com", private_ws_url="wss://stream.bybit.com")


def test_credentials_never_show_themselves() -> None:
    shown = f"{Credentials(api_key='the-key', api_secret='the-secret')!r}"

    assert "Credentials()" == shown


def test_an_rsa_key_signs_too_and_another_key_is_a_setting_to_mend() -> None:
    """Bybit's self-made keys are RSA; the public half checks what the private half signed."""

    def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signature = Credentials(api_key="k", api_secret=pem(key)).sign_stream(123)
    key.public_key().verify(base64.b64decode(signature), b"GET/realtime123", padding.PKCS1v15(), hashes.SHA256())

    for unusable in (pem(ec.generate_private_key(ec.SECP256R1())), "-----BEGIN PRIVATE KEY-----\nx"):
        with pytest.raises(SetUp, match="API secret"):
            Credentials(api_key="k", api_secret=unusable).sign_stream(123)


def test_orders_stop_at_four_fifths_and_cancels_at_the_whole() -> None:
    watch = Watch()
    budget = Budget(Limits(orders_per_s=5, orders_per_min=100), now_s=watch)

    placed = [budget.take(Kind.PLACE) for _ in range(5)]
    cancelled = [budget.take(Kind.CANCEL) for _ in range(2)]

    assert ([0.0] * 4, [0.0]) == (placed[:4], cancelled[:1])
    assert 0 < placed[4] <= 1.0
    assert cancelled[1] > 0


def test_a_window_frees_up_by_time_alone() -> None:
    """Asking and being told to wait takes nothing."""
    watch = Watch()
    budget = Budget(Limits(reads_per_s=2), now_s=watch)
    taken = [budget.take(Kind.READ) for _ in range(50)]
    watch.now += max(taken)

    assert (0.0, 0.0) == (budget.take(Kind.READ), budget.take(Kind.READ))
    assert budget.take(Kind.READ) > 0


def test_the_minute_is_counted_too() -> None:
    watch = Watch()
    budget = Budget(Limits(orders_per_s=10, orders_per_min=10), now_s=watch)
    for _ in range(8):
        assert 0.0 == budget.take(Kind.PLACE)
        watch.now += 1.0

    assert 50 < budget.take(Kind.PLACE) <= 60


def test_questions_cannot_eat_what_orders_need() -> None:
    """However many questions are asked, an order still finds room in the address's own limit."""
    watch = Watch()
    budget = Budget(Limits(reads_per_s=1000, requests_per_5s=300), now_s=watch)
    while budget.take(Kind.READ) == 0.0:
        pass

    assert 0.0 == budget.take(Kind.PLACE)


def test_a_ban_stops_everyone_for_ten_minutes() -> None:
    watch = Watch()
    budget = Budget(now_s=watch)
    budget.ban()
    assert [True] * len(Kind) == [budget.take(kind) > 0 for kind in Kind]

    watch.now += BAN_S

    assert [0.0] * len(Kind) == [budget.take(kind) for kind in Kind]


def test_a_ban_that_outlives_our_silence_is_someone_elses() -> None:
    """A kill switch on this address waits as long as we do: of two that wait alike each would break the other's silence for ever."""
    watch = Watch()
    budget = Budget(now_s=watch)
    budget.ban()
    watch.now += 0.5
    budget.ban()  # the answer to another question that was already on its way
    assert BAN_S == budget.banned_for_s()

    watch.now += BAN_S + 1
    budget.ban()
    assert 2 * BAN_S == budget.banned_for_s()

    watch.now += 2 * BAN_S + 3600
    budget.ban()
    assert BAN_S == budget.banned_for_s()


async def test_asking_again_has_an_end_and_keeps_the_last_reason() -> None:
    asked: list[int] = []

    async def ask() -> str:
        asked.append(1)
        raise Unavailable(f"no answer {len(asked)}")

    with pytest.raises(Unavailable, match="no answer 3"):
        await ask_again(ask, rng=Random(1), patience=Patience(read_attempts=3, read_deadline_s=5.0))

    assert 3 == len(asked)


async def test_a_wish_to_be_asked_much_later_ends_the_asking_now() -> None:
    """Ten minutes of ban do not fit into a question's deadline: the caller is told at once."""
    asked: list[int] = []

    async def ask() -> str:
        asked.append(1)
        raise Unavailable("banned", retry_after_s=600.0)

    with pytest.raises(Unavailable):
        await ask_again(ask, rng=Random(1), patience=Patience())

    assert 1 == len(asked)


async def test_a_refusal_is_not_repeated_and_an_answer_is_passed_on() -> None:
    asked: list[int] = []

    async def refuse() -> str:
        asked.append(1)
        raise Refused(10003, "wrong key")

    async def answer() -> str:
        return "yes"

    with pytest.raises(Refused):
        await ask_again(refuse, rng=Random(1), patience=Patience())
    assert ([1], "yes") == (asked, await ask_again(lambda: answer(), rng=Random(1), patience=Patience()))


def test_one_slow_or_cached_answer_moves_no_clock() -> None:
    samples = [
        Sample(10.0, 0.100, 1_000_000.0 + 10_050),
        Sample(11.0, 0.080, 1_000_000.0 + 11_045),
        Sample(12.0, 2.000, 1_000_000.0 + 12_010),
        Sample(13.0, 0.100, 1_000_000.0 - 999_999),
        Sample(14.0, 0.100, 1_000_000.0 + 14_052),
    ]

    reading = middle(samples)

    assert abs(reading.offset_ms - 1_000_000) <= 5
    assert reading.uncertainty_ms < 100


def test_the_venues_time_runs_with_the_monotonic_clock_and_is_looked_at_when_doubted() -> None:
    watch = Watch()
    clock = VenueClock(600.0, now_s=watch)
    assert (True, None) == (clock.is_due, clock.known_ms())
    clock.learnt(ClockReading(offset_ms=5_000_000.0, uncertainty_ms=1.0))

    watch.now += 599.0
    assert (False, 5_000_000 + 1_599_000) == (clock.is_due, clock.known_ms())
    clock.doubt()
    assert clock.is_due
    clock.look_failed()
    assert not clock.is_due
    watch.now += 30.0
    assert clock.is_due
