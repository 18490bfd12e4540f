"""Where Bybit is, and who we are there.

Knows the paths of the streams and how a request to them is signed; does not know which world a host belongs to (the settings hold the
table of worlds and refuse a host of another one). A local venue serves the same paths, so nothing but the host names ever differs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import certifi
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bot.domain.errors import SetUp

__all__ = ["Credentials", "Hosts", "trusted_issuers"]

_PUBLIC_LINEAR_PATH = "/v5/public/linear"  # Bybit: websocket/wss-authentication
_PRIVATE_PATH = "/v5/private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Base URLs without a path, e.g. https://api.bybit.com and wss://stream.bybit.com. Raises SetUp for anything more or less.

    `ip_version`: "4" or "6" where a key is bound to an address of one kind and the hosts have both; "any" otherwise.
    """

    rest_url: str
    public_ws_url: str
    private_ws_url: str
    ip_version: str = "any"

    def __post_init__(self) -> None:
        for name, schemes in (
            ("rest_url", ("http", "https")),
            ("public_ws_url", ("ws", "wss")),
            ("private_ws_url", ("ws", "wss")),
        ):
            parts = urlsplit(getattr(self, name))
            if parts.scheme not in schemes or not parts.hostname or parts.path.strip("/") or parts.query:
                raise SetUp(f"{name} is not a base URL", f"Write it as {schemes[-1]}://host[:port], without a path.")

    @property
    def family(self) -> socket.AddressFamily:
        """The kind of addresses that connections are made to."""
        return {"4": socket.AF_INET, "6": socket.AF_INET6}.get(self.ip_version, socket.AF_UNSPEC)

    @property
    def rest(self) -> str:
        return self.rest_url.rstrip("/")

    @property
    def public_stream(self) -> str:
        """The stream of USDT perpetuals' prices."""
        return self.public_ws_url.rstrip("/") + _PUBLIC_LINEAR_PATH

    @property
    def private_stream(self) -> str:
        """The stream of our own orders, executions, positions and wallet."""
        return self.private_ws_url.rstrip("/") + _PRIVATE_PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An API key and its secret: HMAC text, or an RSA private key in PEM. Neither is ever printed."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)

    def sign_stream(self, expires_ms: int) -> str:
        """The signature of a stream's auth message (Bybit: websocket/wss-authentication). Raises SetUp for an unusable PEM key."""
        text = f"GET/realtime{expires_ms}".encode()
        if "PRIVATE KEY" not in self.api_secret:
            return hmac.new(self.api_secret.encode(), text, hashlib.sha256).hexdigest()
        try:
            key = serialization.load_pem_private_key(self.api_secret.encode(), password=None)
        except ValueError as error:
            raise SetUp(
                "the API secret is not a readable PEM key", "Paste the whole file, with its first line."
            ) from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise SetUp("the API secret is not an RSA key", "Bybit takes RSA keys of the PKCS#1 v1.5 kind.")
        return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()


def trusted_issuers() -> ssl.SSLContext:
    """Whom to believe when a host says who it is: the system's issuers (SSL_CERT_FILE included) and certifi's, for systems without any."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=certifi.where())
    return context
