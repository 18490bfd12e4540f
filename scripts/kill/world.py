"""Which account, where, and with what key: read from whatever is still readable.

Knows the few variables it needs. A line of .env that cannot be read is skipped and told; the environment wins over the file. What is
not known is not guessed: with two possible worlds and no word on which, it says so and stops.
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path

from dotenv.parser import parse_stream

from bot.modes import ENDPOINTS, Mode, check_host
from scripts.kill import daemons
from scripts.kill.latch import LATCH_NAME

__all__ = ["CannotKnow", "World", "find"]

PREFIX = "HEDGELOCK__"
SYMBOL = "BTCUSDT"
PAPER_KEY, PAPER_SECRET = "hedgelock-paper", "hedgelock-paper-secret"
"""The paper venue's own key; it opens nothing else (`bot.simulator.accounts.PAPER_ACCOUNT`, held equal by a test)."""
ALTERNATES: dict[Mode, tuple[str, ...]] = {Mode.MAINNET: ("https://api.bytick.com",)}
"""Further documented hosts of the same key space (Bybit: guide)."""
ROOT = Path(__file__).resolve().parents[2]
MODE, ENV_FILE = PREFIX + "MODE", PREFIX + "ENV_FILE"
_ANY_OF_KIND = {"4": "0.0.0.0", "6": "::"}
_SAY_WHICH = "say which account with --mode paper, testnet, demo or mainnet"
_BROKEN_LINE = "cannot be read and is skipped"
_UNREAD = "what is set there is not read"


class CannotKnow(Exception):
    """The account cannot be told, or its key is not to be had. `latches` are the daemon's, where at least that is known.

    `again` is what to add to the command, each another way; empty where nothing would help.
    """

    def __init__(self, words: str, *, again: Iterable[str] = (), latches: Iterable[Path] = ()) -> None:
        super().__init__(words)
        self.again = tuple(again)
        self.latches = tuple(path.absolute() for path in latches)


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
    """The world, from the command line, the environment, .env and the daemon that runs here.

    Raises CannotKnow with a sentence for a person.
    """
    warnings: list[str] = []
    home = _home(home, env_file, warnings)
    texts = _variables(home, env_file, {}, warnings)
    everywhere = daemons.running(_journal(home, each, texts) for each in Mode)
    here = [each for each in everywhere if each.belongs_to(home)]
    told = _told(latch, here, home, texts)
    try:
        chosen = _mode(mode, texts, told, warnings)
    except CannotKnow as error:
        raise CannotKnow(str(error), again=error.again, latches=[each.folder / LATCH_NAME for each in here]) from None
    warnings += [
        f"a daemon of {each.mode} runs here, and this acts on {chosen}. That account: --mode {each.mode}"
        for each in here
        if each.mode != chosen
    ]
    daemon = next((each for each in here if each.mode == chosen), None)
    if daemon:
        texts = _variables(home, env_file, daemons.environment(daemon, PREFIX), warnings)
    folder = daemon.folder if daemon else _folder(home, chosen, texts)
    known = daemons.whereabouts(folder)
    found = (*hosts, *_hosts(chosen, texts, known, warnings))
    if not found:
        is_said = bool(mode or texts.get(MODE) or told)
        raise _no_venue(home, everywhere, [latch or folder / LATCH_NAME] if is_said else [])
    try:
        key, secret = _credentials(home, chosen, texts, warnings)
    except CannotKnow as error:
        raise CannotKnow(str(error), again=["--env-file FILE"], latches=[latch or folder / LATCH_NAME]) from None
    accounts = [hashlib.sha256(f"{host.rstrip('/')} {key}".encode()).hexdigest()[:16] for host in found]
    if daemon and (held := daemons.accounts(daemon)) and not held & set(accounts):
        warnings.append(
            f"the daemon that runs here ({daemon.folder}) has another key than the one found: this may be another account"
        )
    latches = [latch] if latch else [folder / LATCH_NAME, *_latches_of(accounts, known)]
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
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _home(told: Path | None, env_file: Path | None, warnings: list[str]) -> Path:
    """The folder the daemon runs in: the one that was told, or else this one, or else this script's clone, whichever looks like it."""
    try:
        if told is not None:
            if not told.is_dir():
                raise CannotKnow(
                    f"{told} is no folder; --home (or HEDGELOCK_HOME) is the one with the daemon's .env and var/"
                )
            if not os.access(told, os.R_OK | os.X_OK):
                raise CannotKnow(
                    f"{told} is its owner's alone, {_owner(told)}: type sudo -u {_owner(told)} before the command"
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


def _owner(folder: Path) -> str:
    try:
        return folder.owner()
    except (KeyError, OSError):
        return "its user"


def _looks_like_it(folder: Path) -> bool:
    try:
        return any((folder / name).exists() for name in (".env", "var"))
    except OSError:
        return False


def _told(latch: Path | None, here: list[daemons.Daemon], home: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """The modes of which a daemon tells, and where it does: the one beside the latch that was named, or those that run here, or the last
    ones that did."""
    if latch and (its := daemons.whereabouts(latch.parent).get("mode")):
        return {its: f"{latch.parent}/daemon.json"}
    if here:
        return {each.mode: f"the daemon that runs here ({each.folder}/daemon.json)" for each in here}
    folders = dict.fromkeys(_folder(home, each, texts) for each in Mode)
    return {its: f"{folder}/daemon.json" for folder in folders if (its := daemons.whereabouts(folder).get("mode"))}


def _variables(
    home: Path, env_file: Path | None, daemons_own: Mapping[str, str], warnings: list[str]
) -> dict[str, str]:
    """What .env, the running daemon's environment and ours say: the later wins, and a file that was named wins over the daemon."""
    own = {name: text.strip() for name, text in os.environ.items() if name.startswith(PREFIX) and text.strip()}
    if env_file:
        return {**daemons_own, **_file(env_file, warnings, is_named=True), **own}
    name = own.get(ENV_FILE) or daemons_own.get(ENV_FILE) or ".env"
    return {**_file(home / name, warnings, is_named=name != ".env"), **daemons_own, **own}


def _file(path: Path, warnings: list[str], *, is_named: bool) -> dict[str, str]:
    """No line, however broken, stops the others; a file that is none is told."""
    texts: dict[str, str] = {}
    try:
        if not is_named and not path.is_file():  # one that was named may be a pipe
            if os.path.lexists(path):
                warnings.append(f"{path} is there and no file: {_UNREAD}")
            return texts
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            for binding in parse_stream(stream):
                if binding.error:
                    warnings.append(f"{path} line {binding.original.line} {_BROKEN_LINE}")
                elif binding.key and binding.value:
                    texts[binding.key.strip()] = binding.value.strip()
    except FileNotFoundError:
        warnings.append(f"{path} is not there: {_UNREAD}")
    except OSError as error:
        warnings.append(f"{path} cannot be read ({error.strerror}): {_UNREAD}")
    return texts


def _mode(asked: str | None, texts: Mapping[str, str], told: Mapping[str, str], warnings: list[str]) -> Mode:
    """The world meant. To take another one for it would be to report a paper account flat and leave the real one as it is.

    What a daemon tells of itself (`told`) is believed where no setting says anything else, and where the settings are not to be read.
    """
    word = asked or texts.get(MODE, "")
    if not word:
        keyed = [str(mode) for mode in ENDPOINTS if any(f"__{mode.upper()}_API_KEY" in name for name in texts)]
        is_broken = any(_BROKEN_LINE in warning for warning in warnings)
        is_unread = any(_UNREAD in warning for warning in warnings)
        if is_broken or (is_unread and not told) or len(told) > 1 or not set(keyed) <= set(told):
            facts = [*warnings, *(f"a {mode} key is here" for mode in keyed)]
            facts += [f"{who} says {its}" for its, who in told.items()]
            raise CannotKnow(f"no mode can be read ({'; '.join(facts)}); {_SAY_WHICH}", again=_modes([*told, *keyed]))
        word = next(iter(told), Mode.PAPER)
        if word != Mode.PAPER:
            warnings.append(f"no setting says which account; {told[word]} says {word}, and this acts on {word}")
    try:
        return Mode(word.strip().lower())
    except ValueError:
        raise CannotKnow(f"{word!r} is no mode; {_SAY_WHICH}", again=_modes([])) from None


def _modes(known: list[str]) -> list[str]:
    """The ways to say which: of those that are known, else of all."""
    return [f"--mode {mode}" for mode in Mode if mode in known or not known]


def _no_venue(home: Path, everywhere: list[daemons.Daemon], latches: Iterable[Path]) -> CannotKnow:
    """Paper, said or for want of any word, and no venue of it: whose daemon may be meant, and how to say so."""
    others = [each for each in everywhere if each.home not in (None, home)]
    words = [f"a daemon of {each.mode} runs in {each.home}" for each in others]
    if words:
        return CannotKnow(
            f"no daemon is known in {home}; {'; '.join(words)}",
            again=[f"--home {shlex.quote(str(others[0].home))}"],
            latches=latches,
        )
    return CannotKnow(
        f"no paper venue is known in {home}, and no setting there says another account: name the folder the daemon runs in "
        "(--home DIR), its settings (--env-file FILE) or a paper venue (--host URL)",
        again=["--home DIR"],
        latches=latches,
    )


def _journal(home: Path, mode: Mode, texts: Mapping[str, str]) -> Path:
    return home / (texts.get(PREFIX + "JOURNAL__PATH") or "var/{mode}/journal.sqlite").replace("{mode}", mode)


def _folder(home: Path, mode: Mode, texts: Mapping[str, str]) -> Path:
    """Where the journal lies, or would: the latch is beside it."""
    return _journal(home, mode, texts).parent


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


def _credentials(home: Path, mode: Mode, texts: Mapping[str, str], warnings: list[str]) -> tuple[str, str]:
    if mode is Mode.PAPER:
        return PAPER_KEY, PAPER_SECRET
    parts = []
    for part in ("KEY", "SECRET"):
        name = f"{PREFIX}BYBIT__{mode.upper()}_API_{part}"
        text = texts.get(name, "")
        if not text and (path := texts.get(name + "_FILE", "")):
            try:
                text = (home / path).read_text(encoding="utf-8-sig").strip()
            except (OSError, ValueError) as error:
                warnings.append(f"{name}_FILE cannot be read ({getattr(error, 'strerror', 'it is no text')})")
        if not text:
            raise CannotKnow(
                "; ".join([*warnings, f"{name} is not to be had"])
                + f": name the file that sets it or {name}_FILE (--env-file FILE), set one of them in the environment, "
                "or close the legs in Bybit's own app"
            )
        parts.append(text)
    return parts[0], parts[1]


def _latches_of(accounts: list[str], known: Mapping[str, str]) -> list[Path]:
    """Latches a daemon of this account reads, wherever it runs on this machine: its lock file names its own."""
    found = [Path(known["latch"])] if known.get("latch") else []
    by_account = daemons.latches()
    return found + [by_account[who] for who in accounts if who in by_account]


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
