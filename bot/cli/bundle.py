"""The support bundle: one file with what somebody needs who helps from afar, and nothing that opens a door.

Everything passes the same masking twice: settings are shown as `hedgelock config` shows them, and every text is searched for every secret
that this process knows, in each spelling, before it is written.
"""

from __future__ import annotations

import base64
import io
import json
import platform
import tarfile
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import quote

from bot import __version__
from bot.cli import asking
from bot.cli.asking import Asked
from bot.cli.files import write_private
from bot.domain.clock import wall_ms
from bot.domain.errors import SetUp
from bot.journal import reports
from bot.journal.reader import JournalReader, open_in_time
from bot.settings import Loaded
from bot.settings.keys import effective

__all__ = ["write"]

_MASK = "********"
_GZIP = b"\x1f\x8b"
_LAST = {"orders": 200, "decisions": 200, "fills": 500, "notes": 500}
_ASKED = {
    "status.json": "/api/v1/status",
    "health.json": "/health",
    "trading.json": "/health/trading",
    "metrics.txt": "/metrics",
}


def write(loaded: Loaded, daemon: Asked, *, out: Path | None, journal: Path) -> Path:
    """Write the bundle (mode 0600) and return where. What cannot be had is told inside it instead; SetUp where it cannot be written."""
    path = out or Path(f"hedgelock-bundle-{wall_ms() // 1000}.tar.gz")
    tokens = asking.reading_token(loaded.settings), asking.operating_token(loaded.settings)
    hide = _hider([*loaded.settings.secrets(), *filter(None, tokens)])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in _texts(loaded, daemon, journal):
            body = hide(text).encode()
            entry = tarfile.TarInfo(f"hedgelock-bundle/{name}")
            entry.size, entry.mode, entry.mtime = len(body), 0o600, wall_ms() // 1000
            archive.addfile(entry, io.BytesIO(body))
    write_private(path, packed.getvalue(), like=_GZIP)
    return path


def _texts(loaded: Loaded, daemon: Asked, journal: Path) -> Iterator[tuple[str, str]]:
    yield "versions.json", json.dumps(_versions(), indent=2)
    rows = [{"name": key.name, "value": value, "source": source} for key, value, source in effective(*loaded)]
    yield "settings.json", json.dumps(rows, indent=2)
    for name, path in _ASKED.items():
        try:
            yield name, daemon.text(path)
        except ConnectionError as error:
            yield name, f"not to be had: {error}\n"
    try:
        with open_in_time(journal) as reader:
            yield from _journal(reader)
    except SetUp as error:
        yield "journal.txt", f"not to be had: {error}\n"


def _journal(reader: JournalReader) -> Iterator[tuple[str, str]]:
    for name, last in _LAST.items():
        rows = getattr(reports, name)(reader, last=last)
        yield f"journal-{name}.json", json.dumps(rows, indent=1, default=str)


def _versions() -> dict[str, str]:
    packages = {package.metadata["Name"]: package.version for package in distributions()}
    return {"hedgelock": __version__, "python": platform.python_version(), "system": platform.platform(), **packages}


def _hider(secrets: list[str]) -> Callable[[str], str]:
    """A function that masks every secret, plain and as base64, hex and a URL would spell it."""
    spellings: set[str] = set()
    for secret in secrets:
        raw = secret.encode()
        spellings |= {secret, quote(secret, safe=""), raw.hex(), base64.b64encode(raw).decode().rstrip("=")}
        spellings |= {line for line in secret.splitlines() if len(line) > 5}

    def hide(text: str) -> str:
        for spelling in sorted(spellings, key=len, reverse=True):
            text = text.replace(spelling, _MASK)
        return text

    return hide
