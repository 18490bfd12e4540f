"""Keys and signatures, as Bybit checks them.

Knows API keys and the texts they sign. Knows no account's money, no endpoint and no socket. All times here are wall time.

Rules (Bybit: guide, websocket/wss-authentication): a REST request signs `timestamp + key + recv_window + (query | body)`; HMAC-SHA256 keys
send lowercase hex, self-generated RSA keys PKCS#1 v1.5 over SHA-256 in base64. It is taken iff
`now - recv_window <= timestamp < now + 1000`. A socket signs `"GET/realtime" + expires`, expires in the future.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.simulator.choices import FaceChoices
from bot.simulator.keys import KeyInfo

__all__ = ["ApiKey", "AuthError", "Keyring", "verify"]

DEFAULT_RECV_WINDOW_MS = 5000
FAST_CLOCK_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of an account: what it may do is in `info`; it signs with `secret`, or with RSA when `info.rsa_public_key` (PEM) is set."""

    account: str
    info: KeyInfo
    secret: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        return self.info.api_key

    def allows(self, method: str, permission: str) -> bool:
        """Whether the key holds `permission` for that method; a read-only key writes nothing."""
        return (method == "GET" or not self.info.read_only) and self.info.may(permission)


class AuthError(Exception):
    """A request that is not let in: Bybit's code and text, and the HTTP status that carries them."""

    def __init__(self, ret_code: int, ret_msg: str, status: int = 200) -> None:
        super().__init__(ret_msg)
        self.ret_code, self.ret_msg, self.status = ret_code, ret_msg, status


class Keyring:
    """The keys the venue knows, and the checks a signed request passes."""

    def __init__(self, keys: Iterable[ApiKey], choices: FaceChoices | None = None) -> None:
        self._keys = {key.name: key for key in keys}
        self._choices = choices or FaceChoices()

    def replace(self, key: ApiKey) -> None:
        """Put `key` in the place of the one with its name (a permission withdrawn, an IP bound, an expiry set)."""
        self._keys[key.name] = key

    def withdraw(self, name: str) -> None:
        """Forget a key; it is unknown from now on."""
        self._keys.pop(name, None)

    def key(self, name: str) -> ApiKey | None:
        return self._keys.get(name)

    def names(self) -> list[str]:
        return list(self._keys)

    def check_rest(self, headers: Mapping[str, str], payload: str, *, ip: str, now_ms: int) -> ApiKey:
        """The key that signed a request. `payload`: raw query of a GET, raw body of a POST. Raises AuthError."""
        name = headers.get("X-BAPI-API-KEY", "")
        stamp = headers.get("X-BAPI-TIMESTAMP", "")
        sign = headers.get("X-BAPI-SIGN", "")
        window = headers.get("X-BAPI-RECV-WINDOW", "")
        if not (name and stamp and sign):
            text = f"empty value: apiKey[{name}] apiTimestamp[{stamp}] apiSignature[{sign}]"
            raise AuthError(10003, text, self._choices.bad_key_status)
        self.check_time(stamp, window, now_ms=now_ms)
        key = self.known(name, ip=ip, now_ms=now_ms)
        if not any(verify(key, text, sign) for text in self._texts(stamp, name, window, payload)):
            raise AuthError(10004, f"error sign! origin_string[{stamp}{name}{window}{payload}]")
        return key

    def check_time(self, stamp: str, window: str, *, now_ms: int) -> None:
        """Raises AuthError 10002 for a timestamp outside its window, 10001 for one that is no number."""
        try:
            stamp_ms = int(stamp)
            window_ms = int(window) if window else DEFAULT_RECV_WINDOW_MS
        except ValueError:
            raise AuthError(10001, "timestamp or recv_window is not a number") from None
        if self._choices.max_recv_window_ms is not None:
            window_ms = min(window_ms, self._choices.max_recv_window_ms)
        if not now_ms - window_ms <= stamp_ms < now_ms + FAST_CLOCK_MS:
            raise AuthError(
                10002,
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window_ms}]",
            )

    def check_socket(self, name: str, expires: str, sign: str, *, ip: str, now_ms: int) -> ApiKey:
        """The key that authenticated a private or trade socket. Raises AuthError."""
        try:
            expires_ms = int(expires)
        except ValueError:
            raise AuthError(10001, "Params Error") from None
        if expires_ms <= now_ms:
            raise AuthError(10004, "Params Error: expires is in the past")
        ahead_ms = self._choices.max_auth_ahead_ms
        if ahead_ms is not None and expires_ms > now_ms + ahead_ms:
            raise AuthError(10004, "Params Error: expires is too far ahead")
        key = self.known(name, ip=ip, now_ms=now_ms)
        if not verify(key, f"GET/realtime{expires}", sign):
            raise AuthError(10004, "Invalid sign")
        return key

    def known(self, name: str, *, ip: str, now_ms: int) -> ApiKey:
        """The living key of that name, called from a place it allows. Raises AuthError."""
        key = self._keys.get(name)
        if key is None:
            raise AuthError(10003, "API key is invalid.", self._choices.bad_key_status)
        if key.info.expires_ms is not None and now_ms >= key.info.expires_ms:
            raise AuthError(33004, "Your api key has expired.")
        if key.info.ips and "*" not in key.info.ips and ip not in key.info.ips:
            raise AuthError(10010, "Unmatched IP, please check your API key's bound IP addresses.")
        return key

    def _texts(self, stamp: str, name: str, window: str, payload: str) -> Iterable[str]:
        windows = [window]
        if not window and self._choices.default_recv_window_signed:
            windows.append(str(DEFAULT_RECV_WINDOW_MS))
        payloads = [payload]
        if self._choices.accept_either_query_encoding and "%" in payload:
            payloads.append(unquote(payload))
        return [f"{stamp}{name}{window}{payload}" for window in windows for payload in payloads]


def verify(key: ApiKey, text: str, sign: str) -> bool:
    """Whether `sign` is that key's signature of `text`."""
    if not key.info.rsa_public_key:
        expected = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), sign.encode())
    public = serialization.load_pem_public_key(key.info.rsa_public_key.encode())
    if not isinstance(public, rsa.RSAPublicKey):
        return False
    try:
        public.verify(base64.b64decode(sign), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True
