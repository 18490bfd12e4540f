"""Signatures, clocks and addresses: who is let in, and with which words the others are sent away."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.simulator.auth import ApiKey, AuthError, Keyring
from bot.simulator.choices import FaceChoices
from bot.simulator.keys import KeyInfo

NOW = 1_760_000_000_000
QUERY = "category=linear&symbol=BTCUSDT"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = (
    RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)


def keyring(choices: FaceChoices | None = None, **info: Any) -> Keyring:
    return Keyring([ApiKey(account="a", info=KeyInfo(api_key="k", **info), secret="s")], choices)


def signed(text: str, secret: str = "s") -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def headers(payload: str = QUERY, *, at_ms: int = NOW, window: str = "5000", **changes: str) -> dict[str, str]:
    return {
        "X-BAPI-API-KEY": "k",
        "X-BAPI-TIMESTAMP": str(at_ms),
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": signed(f"{at_ms}k{window}{payload}"),
    } | changes


CASES: list[tuple[str, dict[str, str], str, int]] = [
    ("signed as sent", headers(), QUERY, 0),
    ("signed un-encoded, sent encoded", headers("cursor=a:b"), "cursor=a%3Ab", 0),
    ("no window header, empty text signed", headers(window="") | {"X-BAPI-RECV-WINDOW": ""}, QUERY, 0),
    ("one byte of the body changed", headers('{"a": 1}'), '{"a":1}', 10004),
    ("another secret", headers() | {"X-BAPI-SIGN": signed(f"{NOW}k5000{QUERY}", "other")}, QUERY, 10004),
    ("an unknown key", headers() | {"X-BAPI-API-KEY": "nobody"}, QUERY, 10003),
    ("no key at all", {}, QUERY, 10003),
    ("at the window's edge", headers(at_ms=NOW - 5000), QUERY, 0),
    ("a millisecond too old", headers(at_ms=NOW - 5001), QUERY, 10002),
    ("999 ms fast", headers(at_ms=NOW + 999), QUERY, 0),
    ("1000 ms fast", headers(at_ms=NOW + 1000), QUERY, 10002),
    ("a fast clock is not saved by a wide window", headers(at_ms=NOW + 1000, window="60000"), QUERY, 10002),
    ("a wide window saves a slow one", headers(at_ms=NOW - 50_000, window="60000"), QUERY, 0),
    ("a timestamp that is no number", headers() | {"X-BAPI-TIMESTAMP": "soon"}, QUERY, 10001),
]


@pytest.mark.parametrize(("name", "sent", "payload", "code"), CASES, ids=[case[0] for case in CASES])
def test_rest(name: str, sent: dict[str, str], payload: str, code: int) -> None:
    """now - recv_window <= timestamp < now + 1000, and exactly the text that was sent."""
    try:
        keyring().check_rest(sent, payload, ip="127.0.0.1", now_ms=NOW)
        seen = 0
    except AuthError as error:
        seen = error.ret_code
    assert code == seen


def test_a_wrong_key_is_http_401_and_a_wrong_signature_is_not() -> None:
    """The error page names 401 for keys; everything else comes in the envelope."""
    with pytest.raises(AuthError) as wrong_key:
        keyring().check_rest(headers() | {"X-BAPI-API-KEY": "x"}, QUERY, ip="127.0.0.1", now_ms=NOW)
    with pytest.raises(AuthError) as wrong_sign:
        keyring().check_rest(headers() | {"X-BAPI-SIGN": "00"}, QUERY, ip="127.0.0.1", now_ms=NOW)

    assert (wrong_key.value.status, wrong_sign.value.status) == (401, 200)


def test_the_choice_of_status_can_be_switched() -> None:
    """Bybit does not say which of the two it is."""
    with pytest.raises(AuthError) as refused:
        keyring(FaceChoices(bad_key_status=200)).check_rest({}, QUERY, ip="127.0.0.1", now_ms=NOW)

    assert refused.value.status == 200


def test_rsa_keys_sign_with_pkcs1() -> None:
    """A self-generated key is known by its public half only."""
    text = f"{NOW}k5000{QUERY}"
    sign = base64.b64encode(RSA.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
    ring = keyring(rsa_public_key=PEM)

    assert ring.check_rest(headers() | {"X-BAPI-SIGN": sign}, QUERY, ip="127.0.0.1", now_ms=NOW).account == "a"
    for bad in (signed(text), "not base64", sign[:-8] + "AAAAAA=="):
        with pytest.raises(AuthError, match="error sign"):
            ring.check_rest(headers() | {"X-BAPI-SIGN": bad}, QUERY, ip="127.0.0.1", now_ms=NOW)


KEYS: list[tuple[str, dict[str, Any], int]] = [
    ("bound to another address", {"ips": ("10.0.0.1",)}, 10010),
    ("bound to this address", {"ips": ("127.0.0.1",)}, 0),
    ("not bound", {"ips": ("*",)}, 0),
    ("expired", {"expires_ms": NOW}, 33004),
    ("about to expire", {"expires_ms": NOW + 1}, 0),
]


@pytest.mark.parametrize(("name", "info", "code"), KEYS, ids=[case[0] for case in KEYS])
def test_a_keys_own_limits(name: str, info: dict[str, Any], code: int) -> None:
    """A good signature does not help a key that is bound elsewhere or has died."""
    try:
        keyring(**info).check_rest(headers(), QUERY, ip="127.0.0.1", now_ms=NOW)
        seen = 0
    except AuthError as error:
        seen = error.ret_code
    assert code == seen


SOCKETS = [
    ("an integer expiry", NOW + 1000, 0),
    ("a text expiry", str(NOW + 10_000), 0),
    ("expired this instant", NOW, 10004),
    ("no number", "soon", 10001),
]


@pytest.mark.parametrize(("name", "expires", "code"), SOCKETS, ids=[case[0] for case in SOCKETS])
def test_sockets(name: str, expires: int | str, code: int) -> None:
    """Any expiry in the future is good; clients send it as a number or as text."""
    sign = signed(f"GET/realtime{expires}")
    try:
        keyring().check_socket("k", str(expires), sign, ip="127.0.0.1", now_ms=NOW)
        seen = 0
    except AuthError as error:
        seen = error.ret_code
    assert code == seen


def test_a_read_only_key_reads() -> None:
    """It holds its permissions for GET only."""
    key = ApiKey(account="a", info=KeyInfo(api_key="k", read_only=True), secret="s")

    assert (key.allows("GET", "any"), key.allows("POST", "Order")) == (True, False)


def test_a_secret_is_not_printed() -> None:
    """Not even by accident."""
    assert "hunter2" not in repr(ApiKey(account="a", info=KeyInfo(api_key="k"), secret="hunter2"))


def test_how_far_ahead_a_socket_may_promise() -> None:
    """Any distance, unless chosen otherwise."""
    asked = ("k", str(NOW + 60_000), signed(f"GET/realtime{NOW + 60_000}"))

    assert keyring().check_socket(*asked, ip="127.0.0.1", now_ms=NOW).name == "k"
    with pytest.raises(AuthError, match="too far ahead"):
        keyring(FaceChoices(max_auth_ahead_ms=10_000)).check_socket(*asked, ip="127.0.0.1", now_ms=NOW)
