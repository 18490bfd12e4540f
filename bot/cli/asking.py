"""Ask a running daemon over its own API, from another process of this machine or from another machine.

Knows how a daemon is addressed, where its tokens lie and how one is shown. Asks no proxy and follows no redirect: a token goes to the
address it was given for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from bot import premises

if TYPE_CHECKING:
    from bot.settings import Settings

__all__ = ["Asked", "Silent", "Stays", "base_url", "operating_token", "reading_token", "told"]

_PATIENCE_S = 5
_NOT_OURS = "it did not answer in HedgeLock's words: is something else on that port?"
_WHY = {
    401: ": it wants its token, HEDGELOCK__WEB__TOKEN or the file web.token beside its journal",
    404: ": is that HedgeLock?",
    429: ": too many wrong tokens from here; wait a minute",
}
_ANY = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def base_url(settings: Settings) -> str:
    """Where the daemon of these settings answers on this machine."""
    host = _ANY.get(settings.web.host, settings.web.host)
    bare = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{bare}:{settings.web.port}"


def reading_token(settings: Settings) -> str:
    """What reads there: the token that is set, or the one its daemon keeps beside its journal; "" where neither is to be had."""
    return settings.web.token.get_secret_value() or _kept(premises.reading_token_path(settings.journal_path))


def operating_token(settings: Settings) -> str:
    """What operates there, likewise."""
    web = settings.web
    chosen = web.operate_token.get_secret_value() or web.token.get_secret_value()
    return chosen or _kept(premises.verb_token_path(settings.journal_path))


def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def told(daemon: Asked, error: ConnectionError) -> tuple[str, ...]:
    """Lines for a person about a question that brought nothing."""
    if isinstance(error, Silent):
        return f"no daemon answers at {daemon.url} ({error})", "Start one with: hedgelock run"
    return (f"{daemon.url}: {error}",)


class Silent(ConnectionError):
    """Nobody is there."""


class Stays(HTTPRedirectHandler):
    """A redirect is an answer, not an address."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Asked:
    """One daemon by its base URL: https://a.example, http://127.0.0.1:8009. Every failure is a ConnectionError with the reason in words."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    @classmethod
    def own(cls, settings: Settings) -> Asked:
        """The daemon of these settings, shown the token that reads."""
        return cls(base_url(settings), reading_token(settings))

    def text(self, path: str) -> str:
        """The body of an answer, whatever its status of health: 503 is an answer too."""
        request = Request(self.url + path, headers=self._headers)
        try:
            with build_opener(ProxyHandler({}), Stays).open(request, timeout=_PATIENCE_S) as answer:
                return str(answer.read().decode())
        except HTTPError as error:
            if error.code == 503:
                return error.read().decode(errors="replace")
            raise ConnectionError(f"it answered {error.code}{_WHY.get(error.code, '')}") from None
        except (URLError, OSError) as error:
            raise Silent(str(getattr(error, "reason", error))) from None

    def status(self) -> dict[str, Any]:
        """The status document."""
        found = self.document("/api/v1/status")
        if "mode" not in found:
            raise ConnectionError(_NOT_OURS)
        return found

    def document(self, path: str) -> dict[str, Any]:
        """A JSON object."""
        try:
            found = json.loads(self.text(path))
        except ValueError:
            raise ConnectionError(_NOT_OURS) from None
        if not isinstance(found, dict):
            raise ConnectionError(_NOT_OURS)
        if found.get("status") == "full":
            raise ConnectionError("it is there, and every place at its door is taken (docs/dashboard.md); ask again")
        return found
