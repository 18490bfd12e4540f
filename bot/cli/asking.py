"""Ask a running daemon over its own API, from another process of this machine or from another machine.

Knows how a daemon is addressed and shown a token. Asks no proxy and follows no redirect: a token goes to the address it was given for.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

__all__ = ["Asked"]

_PATIENCE_S = 5
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


class _Stays(HTTPRedirectHandler):
    """A redirect is an answer, not an address."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Asked:
    """One daemon by its address. Every failure is a ConnectionError with the reason in words."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._be(f"http://{_ANY.get(host, host)}:{port}", token)

    @classmethod
    def at(cls, url: str, token: str) -> Asked:
        """The daemon at a base URL: https://a.example, http://127.0.0.1:8009."""
        daemon = cls.__new__(cls)
        daemon._be(url.rstrip("/"), token)
        return daemon

    def _be(self, url: str, token: str) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def text(self, path: str) -> str:
        """The body of an answer, whatever its status of health: 503 is an answer too."""
        request = Request(self.url + path, headers=self._headers)
        try:
            with build_opener(ProxyHandler({}), _Stays).open(request, timeout=_PATIENCE_S) as answer:
                return str(answer.read().decode())
        except HTTPError as error:
            if error.code == 503:
                return error.read().decode(errors="replace")
            raise ConnectionError(f"it answered {error.code}") from None
        except (URLError, OSError) as error:
            raise ConnectionError(str(getattr(error, "reason", error))) from None

    def status(self) -> dict[str, Any]:
        """The status document."""
        try:
            found = json.loads(self.text("/api/v1/status"))
        except ValueError:
            raise ConnectionError("it did not answer in HedgeLock's words") from None
        if not isinstance(found, dict) or "mode" not in found:
            raise ConnectionError("it did not answer in HedgeLock's words")
        return found
