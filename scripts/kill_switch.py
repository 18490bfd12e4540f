#!/usr/bin/env python3
"""The last resort: close what must be closed, whatever the daemon, its journal or its disk are doing.

    scripts/kill_switch.py flatten       cancel every order, close both legs (the default). BTC and loan stay, without a hedge.
    scripts/kill_switch.py neutralise    cancel, close only what makes |delta| large, the long leg first; the hedge stays
    scripts/kill_switch.py freeze        cancel, and let the daemon do nothing more; the legs stay as they are

It closes the halt latch beside the journal first, so that the daemon stops and stays stopped until `hedgelock resume --reason ...`,
then talks to Bybit itself (pybit) with a connection of its own. It goes on until two validated readings two seconds apart show it done.

    --yes        ask nothing            --dry-run   look, say what would be done, do nothing, write nothing
    --drill      on paper, testnet or demo: do it, time it, record it in drills.jsonl beside the latch
    --json       one JSON object on stdout; words go to stderr

Exit codes: 0 it is done, verified; 1 it is not done; 2 nobody can know. After --dry-run they speak of the account as it was found.
"""

from __future__ import annotations

import time

_BORN_S = time.monotonic()  # before the imports: they are part of how long it takes

import argparse  # noqa: E402
import contextlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from concurrent.futures import Future, ThreadPoolExecutor  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from decimal import Decimal  # noqa: E402
from importlib.util import find_spec  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, NoReturn  # noqa: E402

_ROOT = Path(__file__).resolve().parents[1]
_PYTHON = _ROOT / ".venv" / "bin" / "python"
if find_spec("pybit") is None and _PYTHON.exists() and Path(sys.executable) != _PYTHON:
    os.execv(_PYTHON, [str(_PYTHON), *sys.argv])  # called with the machine's own Python: take the clone's
sys.path.insert(0, str(_ROOT))

from bot.domain.clock import elapsed_s, wall_ms  # noqa: E402
from scripts.kill import latch  # noqa: E402
from scripts.kill.books import Legs, Wallet  # noqa: E402
from scripts.kill.desk import Desk  # noqa: E402
from scripts.kill.line import BAN_S, Line  # noqa: E402
from scripts.kill.plan import Left, Verb, left_behind, to_close  # noqa: E402
from scripts.kill.work import NO_LUCK, SLACK_S, Task, Work  # noqa: E402
from scripts.kill.world import SYMBOL, CannotKnow, World, find  # noqa: E402

DONE, NOT_DONE, CANNOT_TELL = 0, 1, 2
LOOK_S = 3.0
"""How long the first look may take; a kill does not wait for a picture of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The account before anything is done; None: could not be read in time."""

    legs: Legs | None
    wallet: Wallet | None
    mark: Decimal | None
    orders: int | None
    spot: Decimal | None

    def left_by(self, verb: Verb, step: Decimal) -> Left | None:
        """What the verb will leave; None where it cannot be told."""
        if self.legs is None or self.mark is None or (verb is Verb.NEUTRALISE and self.spot is None):
            return None
        return left_behind(self.legs, to_close(verb, self.legs, self.spot, step), self.spot, self.wallet, self.mark)

    def is_done(self, verb: Verb, step: Decimal) -> bool | None:
        """Whether nothing is left to do; None where that cannot be told."""
        if self.legs is None or self.orders is None or (verb is Verb.NEUTRALISE and self.spot is None):
            return None
        return not self.orders and not to_close(verb, self.legs, self.spot, step)


class Teller:
    """Words for a person; a terminal that is gone or a disk that is full does not stop us."""

    def __init__(self, *, as_json: bool) -> None:
        self._stream = sys.stderr if as_json else sys.stdout

    def __call__(self, words: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            print(f"[{time.monotonic() - _BORN_S:6.2f}] {words}", file=self._stream, flush=True)


def main() -> int:
    """Parse, look, ask, latch, work, tell."""
    options = _options()
    tell = Teller(as_json=options.json)
    verb = Verb(options.verb)
    try:
        world = find(env_file=options.env_file, mode=options.mode, hosts=tuple(options.host), latch=options.latch)
    except CannotKnow as error:
        return _end(options, CANNOT_TELL, {"error": str(error)}, tell, str(error))
    if options.drill and world.mode == "mainnet":
        return _end(options, CANNOT_TELL, {}, tell, "a drill is for paper, testnet and demo; this is the real account")
    for warning in world.warnings:
        tell(f"note: {warning}")
    tell(f"{verb} on {world.mode}, {world.hosts[0]}, {SYMBOL}")
    line = Line(world.hosts, world.api_key, world.api_secret, ban_s=options.ban_wait)
    desk = Desk(line, SYMBOL)
    latched = _latch(world, verb, options, tell) if options.yes and not options.dry_run else []
    picture = _look(desk, world)
    left = _say_what_it_leaves(picture, verb, desk, tell)
    if options.dry_run:
        is_done = picture.is_done(verb, desk.filters.qty_step)
        code = CANNOT_TELL if is_done is None else DONE if is_done else NOT_DONE
        return _end(
            options, code, _facts(world, verb, picture, left), tell, "dry run: nothing was sent, nothing was written"
        )
    if not options.yes:
        if not _is_confirmed(verb, world, tell):
            return _end(options, NOT_DONE, {}, tell, "not confirmed: nothing was done")
        latched = _latch(world, verb, options, tell)
    work = _work(verb, world, desk, line, options, tell)
    is_done = work.carry_out()
    return _report(options, world, work, picture, left, latched, is_done, tell)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", nargs="?", default="flatten", choices=[verb.value for verb in Verb])
    parser.add_argument("--yes", action="store_true", help="do not ask for the typed confirmation")
    parser.add_argument("--dry-run", action="store_true", help="only look and tell")
    parser.add_argument("--drill", action="store_true", help="an exercise, recorded; refused on mainnet")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--reason", default="", help="why; it is kept in the latch")
    parser.add_argument(
        "--mode", help="which account, where the settings cannot be read: paper, testnet, demo, mainnet"
    )
    parser.add_argument(
        "--host", action="append", default=[], metavar="URL", help="a host to try first; may be repeated"
    )
    parser.add_argument("--env-file", type=Path, help="read this instead of ./.env")
    parser.add_argument("--latch", type=Path, help="the latch's file, where it is not beside the journal")
    parser.add_argument(
        "--give-up", type=float, default=0.0, metavar="S", help="stop trying after S seconds; 0 = never"
    )
    parser.add_argument("--ban-wait", type=float, default=BAN_S, metavar="S", help="silence kept after HTTP 403")
    return parser.parse_args()


def _latch(world: World, verb: Verb, options: argparse.Namespace, tell: Teller) -> list[str]:
    closed, complaints = latch.close(world.latches, verb, options.reason or f"kill switch: {verb}")
    for words in (*(f"latch closed: {path}" for path in closed), *complaints):
        tell(words)
    return closed


def _look(desk: Desk, world: World) -> Picture:
    """One quick look at everything, all questions at once."""
    threads = ThreadPoolExecutor(5)
    legs, wallet, mark, orders = (threads.submit(ask) for ask in (desk.legs, desk.wallet, desk.mark, desk.open_orders))
    filters = threads.submit(desk.learn_filters)
    until_s = elapsed_s() + LOOK_S
    found = [_answer(future, until_s) for future in (legs, wallet, mark, orders, filters)]
    threads.shutdown(wait=False, cancel_futures=True)
    held = found[1].btc if found[1] is not None else None
    return Picture(
        legs=found[0],
        wallet=found[1],
        mark=found[2],
        orders=None if found[3] is None else len(found[3]),
        spot=world.fixed_spot if world.fixed_spot is not None else held,
    )


def _answer(future: Future[Any], until_s: float) -> Any:
    try:
        return future.result(max(0.0, until_s - elapsed_s()))
    except (*NO_LUCK, TimeoutError):
        return None


def _say_what_it_leaves(picture: Picture, verb: Verb, desk: Desk, tell: Teller) -> Left | None:
    if picture.legs is not None:
        now = left_behind(picture.legs, {}, picture.spot, picture.wallet, picture.mark) if picture.mark else None
        tell(f"now:    {now.words()}" if now else f"now:    long {picture.legs.long}, short {picture.legs.short}")
    left = picture.left_by(verb, desk.filters.qty_step)
    if left is None:
        tell("leaves: cannot be told, the account could not be read in time")
        return None
    tell(f"leaves: {left.words()}")
    if verb is Verb.FLATTEN and picture.spot:
        tell(f"        {picture.spot} BTC stand without a hedge, beside whatever loan there is")
    return left


def _is_confirmed(verb: Verb, world: World, tell: Teller) -> bool:
    phrase = f"{verb} {world.mode}"
    tell(f"type  {phrase}  and Enter to go on; anything else stops here")
    try:
        return sys.stdin.readline().strip() == phrase
    except (OSError, ValueError):
        return False


def _work(verb: Verb, world: World, desk: Desk, line: Line, options: argparse.Namespace, tell: Teller) -> Work:
    task = Task(
        verb=verb,
        spot=world.fixed_spot,
        settle_s=world.order_window_ms / 1000 + 2 * SLACK_S,
        give_up_s=options.give_up,
    )
    work = Work(desk=desk, line=line, task=task, tell=tell)
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: work.stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that closes must not stop it
    return work


def _facts(world: World, verb: Verb, picture: Picture, left: Left | None) -> dict[str, Any]:
    legs = {"long": str(picture.legs.long), "short": str(picture.legs.short)} if picture.legs else None
    return {
        "verb": verb.value,
        "world": world.mode.value,
        "hosts": list(world.hosts),
        "before": legs,
        "open_orders_before": picture.orders,
        "leaves": None if left is None else {name: _text(getattr(left, name)) for name in Left.__slots__},
        "warnings": list(world.warnings),
    }


def _report(
    options: argparse.Namespace,
    world: World,
    work: Work,
    picture: Picture,
    left: Left | None,
    latched: list[str],
    is_done: bool,
    tell: Teller,
) -> int:
    """The last words, the drill's record, the exit code."""
    seen, legs = work.seen, work.seen.legs
    began_s = work.began_s - _BORN_S
    code = DONE if is_done else CANNOT_TELL if legs is None or seen.orders is None else NOT_DONE
    facts = _facts(world, work.task.verb, picture, left) | {
        "latches": latched,
        "after": {"long": str(legs.long), "short": str(legs.short)} if legs else None,
        "open_orders_after": seen.orders,
        "first_close_s": _round(None if work.desk.first_close_s is None else work.desk.first_close_s - _BORN_S),
        "flat_s": _round(None if seen.flat_s is None else seen.flat_s + began_s),
        "verified_s": _round(None if seen.verified_s is None else seen.verified_s + began_s),
        "rounds": work.rounds,
        "orders": [[sent.idx, str(sent.qty), sent.outcome] for sent in work.sent],
        "was_banned": work.line.banned,
    }
    if options.drill:
        _record(world, facts | {"at_ms": wall_ms(), "exit_code": code}, tell)
    words = {
        DONE: f"done and verified: {work.task.verb}",
        NOT_DONE: "NOT DONE. Run it again, or close by hand in Bybit's own app",
        CANNOT_TELL: "UNKNOWN: the account could not be read. Look in Bybit's own app, and run it again",
    }[code]
    return _end(options, code, facts, tell, words)


def _record(world: World, facts: dict[str, Any], tell: Teller) -> None:
    try:
        with (world.folder / "drills.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(facts) + "\n")
    except OSError as error:
        tell(f"the drill could not be recorded: {error.strerror}")


def _end(options: argparse.Namespace, code: int, facts: dict[str, Any], tell: Teller, words: str) -> int:
    tell(words)
    if options.json:
        with contextlib.suppress(OSError, ValueError):
            print(json.dumps({"exit_code": code, "words": words, **facts}), flush=True)
    return code


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{round(value, 4):f}"


def _leave(code: int) -> NoReturn:
    """At once: a question that still hangs in a thread must not hold up the exit code."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
