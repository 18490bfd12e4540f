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
    --home DIR   the folder the daemon runs in, where its .env and var/ are. Not told: HEDGELOCK_HOME; else the folder you are in,
                 if one of the two is there; else the folder of this script's clone, if one of the two is there
    --env-file FILE   the settings, where they are not in .env and the daemon that runs does not give them

Exit codes: 0 it is done, verified; 1 it is not done; 2 nobody can know. After --dry-run they speak of the account as it was found.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from queue import SimpleQueue
from threading import TIMEOUT_MAX, Thread
from typing import TYPE_CHECKING, Any, NoReturn, TextIO
from urllib.parse import urlsplit

_ROOT = Path(__file__).resolve().parents[1]
# The environment of the wheel that brought this file, or the clone's.
_ENVIRONMENT = _ROOT.parents[1] if _ROOT.parts[-2:] == ("share", "hedgelock") else _ROOT / ".venv"
_PYTHON = _ENVIRONMENT / "bin" / "python"
# Called with the machine's own Python: take the one that has what it needs.
if find_spec("pybit") is None and _PYTHON.exists() and Path(sys.executable) != _PYTHON:
    os.execv(_PYTHON, [str(_PYTHON), *sys.argv])
sys.path.insert(0, str(_ROOT))

from bot.domain.clock import wall_ms  # noqa: E402
from scripts.kill import latch  # noqa: E402
from scripts.kill.patience import in_time  # noqa: E402
from scripts.kill.plan import Left, Verb  # noqa: E402
from scripts.kill.world import SYMBOL, CannotKnow, World, find  # noqa: E402

if TYPE_CHECKING:  # at run time only once the latch is closed: pybit takes longer to load than everything before it
    from scripts.kill.look import Picture
    from scripts.kill.work import Work

DONE, NOT_DONE, CANNOT_TELL = 0, 1, 2
LAST_WORDS_S = 2.0


class Timeline:
    """Seconds since this process was made, interpreter and imports and all, and the CPU it had: what a drill records."""

    def __init__(self) -> None:
        self.marks: dict[str, float] = {}

    def mark(self, name: str) -> None:
        self.marks[name] = round(self.age_s(time.monotonic()), 3)

    def age_s(self, at_s: float) -> float:
        """How old the process was at a moment of the monotonic clock."""
        return at_s - time.monotonic() + _age_s()


def _age_s() -> float:
    """How old this process is, to a hundredth (Linux: proc_pid_stat, field 22, the start in ticks since boot)."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return time.process_time()


class Teller:
    """Words for a person, written by a thread that may wait: no terminal that is held (Ctrl-S) or gone, no full disk stops us."""

    def __init__(self, timeline: Timeline, *, as_json: bool) -> None:
        self._stream = sys.stderr if as_json else sys.stdout
        if isinstance(self._stream, TextIOWrapper):
            self._stream.reconfigure(errors="backslashreplace")  # a path need not be text
        self._timeline = timeline
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._writer = Thread(target=self._write, daemon=True)
        self._writer.start()

    def __call__(self, words: str) -> None:
        self._lines.put(f"[{self._timeline.age_s(time.monotonic()):6.2f}] {words}")

    def finish(self) -> None:
        """Wait for what was said to be written, not for ever."""
        self._lines.put(None)
        self._writer.join(LAST_WORDS_S)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            _print(line, self._stream)


def main() -> int:
    """Parse, latch (or ask first), look, work, tell."""
    _go_first()
    options = _options()
    timeline = Timeline()
    tell = Teller(timeline, as_json=options.json)
    verb = Verb(options.verb)
    acts_at_once = options.yes and not options.dry_run
    if acts_at_once:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it needs no terminal: one that closes must not stop it
    try:
        world = find(
            home=options.home,
            env_file=options.env_file,
            mode=options.mode,
            hosts=tuple(options.host),
            latch=options.latch,
        )
    except CannotKnow as error:
        latched = _latch(error.latches, verb, options, tell) if acts_at_once and not options.drill else []
        return _end(options, CANNOT_TELL, {"error": str(error), "latches": latched}, tell, _mended(error))
    if options.drill and world.mode == "mainnet":
        return _end(options, CANNOT_TELL, {}, tell, "a drill is for paper, testnet and demo; this is the real account")
    for warning in world.warnings:
        tell(f"note: {warning}")
    tell(f"{verb} on {world.mode}, {world.hosts[0]}, {SYMBOL}; the daemon's folder: {world.home}")
    latched = []
    try:
        if acts_at_once:
            latched = _latch(world.latches, verb, options, tell)
        timeline.mark("latched_s")
        return _act(options, world, verb, latched, timeline, tell)
    except KeyboardInterrupt:
        words = "NOT DONE: stopped by hand before the first order. Run it again, or close by hand in Bybit's own app"
        return _end(options, NOT_DONE, {"latches": latched}, tell, words)


def _go_first() -> None:
    """Before the machine's other programs, where the system lets us: a machine in trouble is a busy one. Our threads follow."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -20)


def _act(
    options: argparse.Namespace, world: World, verb: Verb, latched: list[str], timeline: Timeline, tell: Teller
) -> int:
    """Everything that needs the exchange. Loading its client takes longer than all the rest, so the latch is closed by now."""
    from scripts.kill import look
    from scripts.kill.desk import Desk
    from scripts.kill.line import Line
    from scripts.kill.work import SLACK_S, THREADS, Task, Work

    pool = ThreadPoolExecutor(THREADS)
    line = Line(world.hosts, world.api_key, world.api_secret, ban_s=options.ban_wait, leave_from=world.leave_from)
    desk = Desk(line, SYMBOL, loan_apart=world.loan_apart)
    timeline.mark("loaded_s")
    picture = look.look(desk, world.fixed_spot, pool)
    left = picture.left_by(verb)
    for words in look.words(picture, verb, left):
        tell(words)
    timeline.mark("looked_s")
    if options.dry_run:
        is_done = picture.is_done(verb)
        code = CANNOT_TELL if is_done is None else DONE if is_done else NOT_DONE
        words = "dry run: nothing was sent, nothing was written"
        return _end(options, code, _facts(world, verb, picture, left), tell, words)
    if not options.yes:
        if not _is_confirmed(verb, world, tell):
            return _end(options, NOT_DONE, {}, tell, "not confirmed: nothing was done")
        latched = _latch(world.latches, verb, options, tell)
        timeline.mark("latched_s")
    task = Task(
        verb=verb,
        spot=world.fixed_spot,
        settle_s=world.order_window_ms / 1000 + 2 * SLACK_S,
        give_up_s=options.give_up,
        legs=picture.legs if options.yes else None,  # a person may have thought for a while
    )
    work = Work(desk=desk, line=line, task=task, tell=tell, pool=pool)
    _listen(work)
    is_done = work.carry_out()
    return _report(options, world, work, picture, left, latched, is_done, timeline, tell)


def _listen(work: Work) -> None:
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: work.stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


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
        "--host", type=_host, action="append", default=[], metavar="URL", help="a host to try first; may be repeated"
    )
    home = Path(text) if (text := os.environ.get("HEDGELOCK_HOME", "")) else None
    parser.add_argument("--home", type=Path, default=home, metavar="DIR", help="the folder the daemon runs in")
    parser.add_argument("--env-file", type=Path, help="read this instead of its .env")
    parser.add_argument("--latch", type=Path, help="the latch's file, where it is not beside the journal")
    parser.add_argument(
        "--give-up", type=_seconds, default=0.0, metavar="S", help="stop trying after S seconds (default: 0, never)"
    )
    parser.add_argument("--ban-wait", type=_seconds, metavar="S", help="silence kept after HTTP 403 (default: 600)")
    return parser.parse_args()


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) <= TIMEOUT_MAX:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, 0 or more")


def _host(text: str) -> str:
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        is_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
        if parts.scheme in ("https", "http") and parts.hostname and parts.port != 0 and not is_more:
            return text
    raise argparse.ArgumentTypeError(
        "a host is https://NAME or http://NAME, with :PORT where it has one, and nothing more"
    )


def _mended(error: CannotKnow) -> str:
    """What is wrong, and the commands that would do, each with the word that it lacks or had wrong."""
    commands = []
    for word in error.again:
        option, kept = word.partition(" ")[0], list[str]()
        typed = iter(sys.argv)
        for one in typed:
            name, _, has_text = one.partition("=")
            if len(name) < len("--h") or not option.startswith(name):
                kept.append(one)
            elif not has_text:
                next(typed, "")
        commands.append(f"{shlex.join(kept)} {word}")
    return str(error) if not commands else f"{error}. Type: " + "\n  or: ".join(commands)


def _latch(paths: tuple[Path, ...], verb: Verb, options: argparse.Namespace, tell: Teller) -> list[str]:
    closed, complaints = latch.close(paths, verb, options.reason or f"kill switch: {verb}")
    for words in (*(f"latch closed: {path}" for path in closed), *complaints):
        tell(words)
    return closed


def _is_confirmed(verb: Verb, world: World, tell: Teller) -> bool:
    phrase = f"{verb} {world.mode}"
    tell(f"type  {phrase}  and Enter to go on; anything else stops here")
    try:
        return sys.stdin.readline().strip() == phrase
    except (OSError, ValueError, AttributeError):  # without a terminal there may be no stdin at all
        return False


def _facts(world: World, verb: Verb, picture: Picture, left: Left | None) -> dict[str, Any]:
    legs = {"long": str(picture.legs.long), "short": str(picture.legs.short)} if picture.legs else None
    return {
        "verb": verb.value,
        "world": world.mode.value,
        "hosts": list(world.hosts),
        "before": legs,
        "open_orders_before": picture.orders,
        "unread": list(picture.unread),
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
    timeline: Timeline,
    tell: Teller,
) -> int:
    """The last words, the drill's record, the exit code."""
    seen, legs = work.seen, work.seen.legs
    timeline.mark("ended_s")
    code = DONE if is_done else CANNOT_TELL if legs is None or seen.orders is None else NOT_DONE
    facts = _facts(world, work.task.verb, picture, left) | {
        "latches": latched,
        "after": {"long": str(legs.long), "short": str(legs.short)} if legs else None,
        "open_orders_after": seen.orders,
        "first_close_s": _age(timeline, work.desk.first_close_s),
        "flat_s": _age(timeline, None if seen.flat_s is None else seen.flat_s + work.began_s),
        "verified_s": _age(timeline, None if seen.verified_s is None else seen.verified_s + work.began_s),
        "timeline": timeline.marks,
        "cpu_s": round(time.process_time(), 3),
        "load": _load(),
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


def _load() -> list[float] | None:
    """The machine's load; where it is not told, the report goes on without it."""
    try:
        return [round(load, 2) for load in os.getloadavg()]
    except OSError:
        return None


def _record(world: World, facts: dict[str, Any], tell: Teller) -> None:
    def write() -> str:
        with (world.folder / "drills.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(facts) + "\n")
        return ""

    try:
        trouble = in_time(write, "its disk has not answered yet")
    except OSError as error:
        trouble = error.strerror or str(error)
    if trouble:
        tell(f"the drill could not be recorded: {trouble}")


def _end(options: argparse.Namespace, code: int, facts: dict[str, Any], tell: Teller, words: str) -> int:
    tell(words)
    if options.json:
        report = json.dumps({"exit_code": code, "words": words, **facts})
        writer = Thread(target=_print, args=(report, sys.stdout), daemon=True)
        writer.start()
        writer.join(LAST_WORDS_S)
        if writer.is_alive():
            tell("nobody reads stdout: the JSON is given up, the exit code stands")
    tell.finish()
    return code


def _print(line: str, stream: TextIO) -> None:
    """A line, where there is anything to write it on; it waits as long as whoever reads."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=stream, flush=True)


def _age(timeline: Timeline, at_s: float | None) -> float | None:
    return None if at_s is None else round(timeline.age_s(at_s), 3)


def _text(value: Any) -> str | None:
    return None if value is None else f"{round(value, 4):f}"


def _leave(code: int) -> NoReturn:
    """At once: neither a question that still hangs in a thread nor a terminal that is held must keep back the exit code."""
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
