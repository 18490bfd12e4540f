"""The verbs of the operator: doctor, and what is asked of a running daemon over its own API.

Knows options and exit codes. None of these verbs trades by itself; for when no daemon answers
there is scripts/kill_switch.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bot.exit_codes import ExitCode

if TYPE_CHECKING:
    from bot.journal.latch import Latch
    from bot.settings import Settings

__all__ = ["add_to"]

EnvFile = Annotated[Path | None, typer.Option(help="Read this file instead of ./.env", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]
Port = Annotated[int | None, typer.Option(help="Dashboard port of the daemon", show_default=False)]


def _worded(reason: str) -> str:
    if not reason.strip():
        raise typer.BadParameter("say why: it is kept")
    return reason


Reason = Annotated[str, typer.Option(help="Why; it is kept in the journal")]
NeededReason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the journal", callback=_worded)]
Usdt = Annotated[
    float | None, typer.Option(min=0.01, help="USDT to repay; as much as can be if not given", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for the typed confirmation")]

_PATIENCE_S = 65
"""Longer than the dashboard's process waits for the engine: what it says then is better than what we could guess."""

_HELP = {
    "pause": "Decide and show, send nothing until resumed",
    "rehedge": "Decide now, whatever the schedule says",
    "realise": "Turn perp profit into cash; delta stays where it is",
    "repay": "Repay USDT of the loan, realising for it what is missing",
    "freeze": "Cancel, halt and latch; the legs stay",
    "neutralise": "Close what makes |delta| large, halt and latch; the hedge stays",
    "flatten": "Close both legs, halt and latch",
}


def add_to(app: typer.Typer) -> None:
    """Give the command these verbs."""
    app.command(short_help="Check key, account, contract and machine before anything may trade")(doctor)
    app.command(short_help="Watch the daemon from outside; freeze or neutralise when it falls silent")(watch)
    app.command(short_help="Trade again: lifts a halt, a pause and the latch, after a preflight")(resume)
    for verb, about in _HELP.items():
        app.command(verb, short_help=about, help=_long(verb, about))(_asks(verb))


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is safe: hedge mode, while nothing is open")] = False,
    env_file: EnvFile = None,
    as_json: AsJson = False,
) -> None:
    """Check everything that must be true before anything may trade; one line each, and the mend for what is not.

    A starting daemon runs the same checks. The exit code is the class of the first failure: 3 settings, 5 another daemon,
    6 exchange, 7 key, 8 account, 9 machine or latch; 0 when nothing fails (warnings do not count).
    """
    from bot.cli import launch
    from bot.preflight.doctor import run

    loaded = launch.load_or_fail(env_file)
    launch.require_runnable(loaded)
    launch.open_logs(loaded, quiet=True)
    launch.finish(run(loaded.settings, as_json=as_json, fix=fix))


def watch(port: Port = None, env_file: EnvFile = None) -> None:
    """Watch a daemon from a process of its own, on this machine. It outlives the daemon.

    When the daemon has said nothing for HEDGELOCK__DEADMAN__WATCH_SILENCE_S and a position is on, the kill switch freezes or
    neutralises, as HEDGELOCK__DEADMAN__WATCH_VERB says, and the latch is closed. Bybit's own cancel-on-disconnect is for institutions only.
    """
    import signal

    from bot.cli import launch
    from bot.cli.asking import base_url
    from bot.cli.terminal import fail
    from bot.domain.errors import SetUp
    from bot.journal.latch import Latch
    from bot.watch import Watch, kill_switch

    loaded = launch.load_or_fail(env_file, web__port=port)
    launch.require_runnable(loaded)
    settings = loaded.settings
    if not (settings.web.enabled and settings.web.port):
        fail(
            ExitCode.SETTINGS,
            "the watch asks the dashboard, and cannot: a healthy daemon would be taken for a silent one",
            "HEDGELOCK__WEB__ENABLED must be true, and HEDGELOCK__WEB__PORT the port that the daemon has, not 0",
        )
    latch = Latch(settings.journal_path)
    try:
        kill = kill_switch(env_file, latch.path)
    except SetUp as error:
        fail(ExitCode.FAILURE, error.problem, error.mend)
    watching = Watch(
        f"{base_url(settings)}/health/live",
        latch,
        kill=kill,
        verb=settings.deadman.watch_verb,
        silence_s=settings.deadman.watch_silence_s,
        tell=lambda words: typer.echo(words),
    )
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: watching.stop.set())
    watching.run()


def resume(reason: NeededReason, port: Port = None, env_file: EnvFile = None) -> None:
    """Lift a halt, a pause and the halt latch. Nothing is lifted while a check of the preflight fails.

    Without a running daemon the checks are run here, and the latch is lifted for the next start.
    """
    from bot.cli import launch
    from bot.journal.latch import Latch

    loaded = launch.load_or_fail(env_file, web__port=port)
    latch = Latch(loaded.settings.journal_path)
    closing = latch.closing()  # which one is meant: what is closed from now on is somebody else's word
    answer = _posted(loaded.settings, "resume", {"reason": reason})
    if answer is not None:
        _told(answer)
    _lift_here(loaded, reason, latch, closing)


def _asks(verb: str) -> Any:
    needs_reason, is_emergency = verb == "pause", verb in ("freeze", "neutralise", "flatten")

    def plain(reason: Reason = "", port: Port = None, env_file: EnvFile = None) -> None:
        _carry_over(verb, reason, port, env_file, asks=False)

    def reasoned(reason: NeededReason, port: Port = None, env_file: EnvFile = None) -> None:
        _carry_over(verb, reason, port, env_file, asks=False)

    def confirmed(reason: Reason = "", yes: Yes = False, port: Port = None, env_file: EnvFile = None) -> None:
        _carry_over(verb, reason, port, env_file, asks=not yes)

    def paying(usdt: Usdt = None, reason: Reason = "", port: Port = None, env_file: EnvFile = None) -> None:
        _carry_over(verb, reason, port, env_file, asks=False, usdt=usdt)

    if verb == "repay":
        return paying
    return confirmed if is_emergency else reasoned if needs_reason else plain


def _carry_over(
    verb: str, reason: str, port: int | None, env_file: Path | None, *, asks: bool, usdt: float | None = None
) -> NoReturn:
    from bot.cli import launch
    from bot.cli.terminal import fail

    settings = launch.load_or_fail(env_file, web__port=port).settings
    offers = _got(settings)
    offer = next((o for o in (offers or {}).get("verbs", []) if o["verb"] == verb), None)
    if offer is None:
        fail(ExitCode.FAILURE, *_nobody(settings, verb))
    if offer["leaves"]:
        typer.echo(f"{verb} leaves: {offer['leaves']['words']}")
    confirm = offer["confirm"]
    if confirm and asks:
        confirm = typer.prompt(f"type '{confirm}' to go on", default="", show_default=False)
    amount = {} if usdt is None else {"amount_usdt": f"{usdt:.6f}"}
    answer = _posted(settings, verb, {"reason": reason, "confirm": confirm} | amount)
    if answer is None:
        fail(ExitCode.FAILURE, *_nobody(settings, verb))
    _told(answer)


def _told(answer: dict[str, Any]) -> NoReturn:
    from bot.cli.terminal import fail

    if not answer.get("accepted"):
        fail(ExitCode.FAILURE, str(answer.get("text", "refused")))
    typer.echo(answer["text"])
    raise typer.Exit(ExitCode.OK)


def _nobody(settings: Settings, verb: str) -> tuple[str, str]:
    from bot.cli.asking import base_url

    mend = "Start one with: hedgelock run"
    if verb in ("freeze", "neutralise", "flatten"):
        mend = f"The hand outside needs none: scripts/kill_switch.py {verb}"
    return f"no daemon answers at {base_url(settings)}", mend


def _lift_here(loaded: Any, reason: str, latch: Latch, closing: tuple[int, int] | None) -> NoReturn:
    """No daemon runs: look at the account ourselves, and lift the latch if nothing stands against it."""
    import asyncio

    from bot.cli import launch
    from bot.cli.asking import base_url
    from bot.cli.terminal import fail
    from bot.domain.errors import JournalFailed
    from bot.journal.latch import DEADLINE_S
    from bot.journal.probe import wait_for_disk
    from bot.preflight.doctor import reasons_against

    launch.require_runnable(loaded)
    launch.open_logs(loaded, quiet=True)
    if closing is None:
        fail(ExitCode.FAILURE, f"no daemon answers at {base_url(loaded.settings)}, and the latch is open")
    if against := asyncio.run(reasons_against(loaded.settings)):
        fail(ExitCode.ACCOUNT, "not lifted:", *against)
    if latch.closing() not in (None, closing):
        fail(ExitCode.MACHINE, f"not lifted: the latch was closed meanwhile ({latch.state().reason})")
    try:
        wait_for_disk(latch.path, 2 * DEADLINE_S)
        latch.lift("the command line", reason, closing)
    except JournalFailed as failed:
        fail(ExitCode.MACHINE, str(failed))
    except OSError as error:
        fail(ExitCode.MACHINE, f"not lifted: the disk of {latch.path} cannot be written: {error}")
    typer.echo("the latch is lifted; the next start trades once its books agree with the venue's")
    raise typer.Exit(ExitCode.OK)


def _got(settings: Settings) -> dict[str, Any] | None:
    return _asked(settings, "/api/v1/verbs", None)


def _posted(settings: Settings, verb: str, body: dict[str, str]) -> dict[str, Any] | None:
    return _asked(settings, f"/api/v1/verbs/{verb}", json.dumps(body).encode())


def _asked(settings: Settings, path: str, body: bytes | None) -> dict[str, Any] | None:
    """The daemon's answer, a refusal too; None where the question reached no daemon. One that got no answer may have been taken in."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, Request, build_opener

    from bot.cli.asking import Stays, base_url, operating_token
    from bot.cli.terminal import fail
    from bot.monitoring.hands import COMMAND_LINE

    request = Request(base_url(settings) + path, data=body)
    request.add_header("User-Agent", COMMAND_LINE)
    request.add_header("Authorization", f"Bearer {operating_token(settings)}")
    request.add_header("Content-Type", "application/json")
    try:
        with build_opener(ProxyHandler({}), Stays).open(request, timeout=_PATIENCE_S) as answer:
            found = json.load(answer)
    except HTTPError as error:
        text = error.read(2000).decode(errors="replace").strip()
        if error.code != 409:
            fail(ExitCode.FAILURE, f"{base_url(settings)} answered {error.code}: {text}")
        found = json.loads(text)
    except URLError:
        return None
    except (OSError, HTTPException) as error:
        if body is None:
            return None
        fail(
            ExitCode.FAILURE,
            f"{base_url(settings)} took the question and gave no answer ({type(error).__name__}): it may have been taken in or not",
            "Look before you ask again: hedgelock status; hedgelock loan payments. In an emergency: scripts/kill_switch.py",
        )
    except ValueError:
        fail(ExitCode.FAILURE, f"{base_url(settings)} did not answer in HedgeLock's words")
    return found if isinstance(found, dict) else None


def _long(verb: str, about: str) -> str:
    if verb not in ("freeze", "neutralise", "flatten"):
        return f"{about}. The running daemon is asked over its own API."
    return (
        f"{about}.\n\nThe running daemon carries it out through its own gate, and says first what it leaves: delta, LTV and liquidation "
        f"price. Where no daemon answers, or it does not do as it is told: scripts/kill_switch.py {verb}"
    )
