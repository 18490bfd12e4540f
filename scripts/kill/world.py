"""Which account, where, and with what key: read from whatever is still readable.

Knows the few variables it needs. A line of .env that cannot be read is skipped and told; the environment wins over the file. What is
not known is not guessed: with two possible worlds and no word on which, it says so and stops.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from dotenv.parser import parse_stream

from bot.modes import ENDPOINTS, Mode, check_host
from scripts.kill.latch import LATCH_NAME

__all__ = ["CannotKnow", "World", "find"]

PREFIX = "HEDGELOCK__"
SYMBOL = "BTCUSDT"
PAPER_KEY, PAPER_SECRET = "hedgelock-paper", "hedgelock-paper-secret"
"""The paper venue's own key; it opens nothing else (`bot.simulator.accounts.PAPER_ACCOUNT`, held equal by a test)."""
ALTERNATES: dict[Mode, tuple[str, ...]] = {Mode.MAINNET: ("https://api.bytick.com",)}
"""Further documented hosts of the same key space (Bybit: guide)."""
ROOT = Path(__file__).resolve().parents[2]
_ANY_OF_KIND = {"4": "0.0.0.0", "6": "::"}
_BROKEN_LINE = "cannot be read and is skipped"


class CannotKnow(Exception):
    """The account cannot be told, or its key is not to be had. `latches` are the daemon's, where at least that is known."""

    latches: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything the kill needs. `hosts` in the order in which they are tried; `fixed_spot` None: the account's BTC is hedged."""

    home: Path
    """The folder the daemon runs in."""
    mode: Mode
    hosts: tuple[str, ...]
    leave_from: str
    """Our end of every connection, where the key is bound to one kind of address; "" for any."""
    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    latches: tuple[Path, ...]
    fixed_spot: Decimal | None
    loan_apart: bool | None
    """Whether the settings say that the coin to hedge is pledged in a Crypto Loan; None: they leave it to what there is."""
    order_window_ms: int
    """How late an order of the daemon may still reach the venue."""
    warnings: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.latches[0].parent


def find(
    *, home: Path | None, env_file: Path | None, mode: str | None, hosts: tuple[str, ...], latch: Path | None
) -> World:
    """The world, from the command line, the environment and .env. Raises CannotKnow with a sentence for a person."""
    warnings: list[str] = []
    home = _home(home, env_file, warnings)
    texts = _variables(home, env_file, warnings)
    chosen = _mode(mode, texts, warnings)
    warnings += _strangers(home, chosen, texts)
    folder = _folder(home, chosen, texts)
    known = _daemon_says(folder)
    found = (*hosts, *_hosts(chosen, texts, known, warnings))
    if not found:
        raise CannotKnow("no paper venue is known here: run this where the daemon runs, or name it with --host URL")
    try:
        key, secret = _credentials(chosen, texts, warnings)
    except CannotKnow as error:
        error.latches = ((latch or folder / LATCH_NAME).absolute(),)
        raise
    latches = [latch] if latch else [folder / LATCH_NAME, *_latches_of(found, key, known)]
    return World(
        home=home,
        mode=chosen,
        hosts=tuple(dict.fromkeys(host.rstrip("/") for host in found)),
        leave_from=_ANY_OF_KIND.get(texts.get(PREFIX + "BYBIT__IP_VERSION", ""), ""),
        api_key=key,
        api_secret=secret,
        latches=tuple(dict.fromkeys(path.absolute() for path in latches)),
        fixed_spot=_fixed_spot(texts, warnings),
        loan_apart=_loan_apart(texts),
        order_window_ms=_order_window_ms(texts),
        warnings=tuple(warnings),
    )


def _home(told: Path | None, env_file: Path | None, warnings: list[str]) -> Path:
    """The folder the daemon runs in: the one that was told, or else this one, or else this script's clone, whichever looks like it."""
    try:
        if told is not None:
            if not told.is_dir():
                raise CannotKnow(
                    f"{told} is no folder; --home (or HEDGELOCK_HOME) is the one with the daemon's .env and var/"
                )
            return told.absolute()
        here = Path.cwd()
    except OSError as error:
        where = told or "the folder you are in"
        raise CannotKnow(f"{where} cannot be looked at ({error.strerror}); name the daemon's: --home DIR") from None
    if env_file or _looks_like_it(here) or here == ROOT or not _looks_like_it(ROOT):
        return here
    warnings.append(f"neither .env nor var is here: taken from {ROOT}. Another folder: --home DIR")
    return ROOT


def _looks_like_it(folder: Path) -> bool:
    try:
        return any((folder / name).exists() for name in (".env", "var"))
    except OSError:
        return False


def _variables(home: Path, env_file: Path | None, warnings: list[str]) -> dict[str, str]:
    """What .env and the environment say; the environment wins. No line, however broken, stops the others."""
    named = env_file or home / (os.environ.get(PREFIX + "ENV_FILE") or ".env")
    texts: dict[str, str] = {}
    try:
        with named.open(encoding="utf-8-sig", errors="replace") as stream:
            for binding in parse_stream(stream):
                if binding.error:
                    warnings.append(f"{named} line {binding.original.line} {_BROKEN_LINE}")
                elif binding.key and binding.value:
                    texts[binding.key.strip()] = binding.value.strip()
    except FileNotFoundError:
        if env_file is not None:
            warnings.append(f"{named} is not there")
    except OSError as error:
        warnings.append(f"{named} {_BROKEN_LINE} ({error.strerror})")
    outside = {name: text.strip() for name, text in os.environ.items() if name.startswith(PREFIX) and text.strip()}
    return texts | outside


def _mode(asked: str | None, texts: Mapping[str, str], warnings: list[str]) -> Mode:
    """The world meant. To take another one for it would be to report a paper account flat and leave the real one as it is."""
    word = asked or texts.get(PREFIX + "MODE", "")
    if word:
        try:
            return Mode(word.strip().lower())
        except ValueError:
            raise CannotKnow(
                f"{word!r} is no mode; say which account with --mode paper, testnet, demo or mainnet"
            ) from None
    keyed = [str(mode) for mode in ENDPOINTS if any(f"__{mode.upper()}_API_KEY" in name for name in texts)]
    if keyed or any(_BROKEN_LINE in warning for warning in warnings):
        raise CannotKnow(
            f"no mode can be read ({'; '.join([*warnings, *(f'a {mode} key is here' for mode in keyed)])}); "
            "say which account with --mode paper, testnet, demo or mainnet"
        )
    return Mode.PAPER


def _strangers(home: Path, mode: Mode, texts: Mapping[str, str]) -> list[str]:
    """A word about each daemon that runs here for another account: it may be the one that is meant."""
    found = []
    for journal in dict.fromkeys(_journal(home, each, texts) for each in Mode):
        its = _daemon_says(journal.parent).get("mode", "")
        if its not in ("", mode) and _is_held(journal.with_suffix(".lock")):
            found.append(f"a daemon of {its} runs here, and this acts on {mode}. That account: --mode {its}")
    return found


def _is_held(lock: Path) -> bool:
    """Whether a living process holds the lock (`bot.journal.locks`)."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _journal(home: Path, mode: Mode, texts: Mapping[str, str]) -> Path:
    return home / (texts.get(PREFIX + "JOURNAL__PATH") or "var/{mode}/journal.sqlite").replace("{mode}", mode)


def _folder(home: Path, mode: Mode, texts: Mapping[str, str]) -> Path:
    """Where the journal lies, or would: the latch is beside it."""
    return _journal(home, mode, texts).parent


def _daemon_says(folder: Path) -> dict[str, str]:
    """What the last daemon left about itself beside its journal: {"rest_url", "latch"}."""
    try:
        facts = json.loads((folder / "daemon.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: str(value) for name, value in facts.items()} if isinstance(facts, dict) else {}


def _hosts(mode: Mode, texts: Mapping[str, str], known: Mapping[str, str], warnings: list[str]) -> list[str]:
    own = [ENDPOINTS[mode].rest_url] if mode in ENDPOINTS else []
    found = []
    for url in (texts.get(PREFIX + "BYBIT__REST_URL", ""), known.get("rest_url", "")):
        try:
            if url:
                check_host(url, mode, kind="api", scheme="http")
                found.append(url)
        except ValueError as error:
            warnings.append(f"host {url!r} {error}; it is not used")
    return [*found, *own, *ALTERNATES.get(mode, ())]


def _credentials(mode: Mode, texts: Mapping[str, str], warnings: list[str]) -> tuple[str, str]:
    if mode is Mode.PAPER:
        return PAPER_KEY, PAPER_SECRET
    parts = []
    for part in ("KEY", "SECRET"):
        name = f"{PREFIX}BYBIT__{mode.upper()}_API_{part}"
        text = texts.get(name, "")
        if not text and (path := texts.get(name + "_FILE", "")):
            try:
                text = Path(path).read_text(encoding="utf-8-sig").strip()
            except (OSError, ValueError) as error:
                warnings.append(f"{name}_FILE cannot be read ({getattr(error, 'strerror', 'it is no text')})")
        if not text:
            raise CannotKnow(
                "; ".join([*warnings, f"{name} is not to be had"])
                + ": close the legs in Bybit's own app, or set it in the environment"
            )
        parts.append(text)
    return parts[0], parts[1]


def _latches_of(hosts: tuple[str, ...], key: str, known: Mapping[str, str]) -> list[Path]:
    """Latches a daemon of this account reads, wherever it runs on this machine: its lock file names its own."""
    found = [Path(known["latch"])] if known.get("latch") else []
    for host in hosts:
        who = hashlib.sha256(f"{host.rstrip('/')} {key}".encode()).hexdigest()[:16]
        lines = _own_words(_temporary() / f"hedgelock-{os.getuid()}" / f"{who}.lock").splitlines()
        if len(lines) > 1 and lines[1].startswith("/") and Path(lines[1]).name == LATCH_NAME:
            found.append(Path(lines[1]))
    return found


def _temporary() -> Path:
    """The machine's folder for temporary files, where the locks lie; `tempfile` knows it only while it can write there."""
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path(os.environ.get("TMPDIR") or "/tmp")


def _own_words(path: Path) -> str:
    """What a file of our own says, "" for any other: the folder is everybody's, and a pipe there would never answer."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            facts = os.fstat(descriptor)
            is_ours = stat.S_ISREG(facts.st_mode) and facts.st_uid == os.getuid()
            return os.read(descriptor, 4096).decode() if is_ours else ""
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return ""


def _fixed_spot(texts: Mapping[str, str], warnings: list[str]) -> Decimal | None:
    if texts.get(PREFIX + "BOOK__SPOT_SOURCE") != "fixed":
        return None
    text = texts.get(PREFIX + "BOOK__FIXED_SPOT_BTC", "")
    try:
        if (spot := Decimal(text)).is_finite():
            return spot
    except InvalidOperation:
        pass
    warnings.append(f"{PREFIX}BOOK__FIXED_SPOT_BTC = {text!r} is no amount: the wallet's BTC is taken instead")
    return None


def _loan_apart(texts: Mapping[str, str]) -> bool | None:
    if texts.get(PREFIX + "LOAN__ENABLED", "").lower() in ("false", "0", "no", "off", "f", "n"):
        return False
    return {"crypto_loan": True, "uta": False, "none": False}.get(texts.get(PREFIX + "LOAN__STRUCTURE", ""))


def _order_window_ms(texts: Mapping[str, str]) -> int:
    try:
        return max(2500, min(5000, int(texts.get(PREFIX + "BYBIT__ORDER_RECV_WINDOW_MS", ""))))
    except ValueError:
        return 2500
