"""The verb that tells a journal to Kafka: `hedgelock publish`.

Knows its options and exit codes. Does not know topics or the protocol.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from bot.exit_codes import ExitCode

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Give the command this verb."""
    app.command(short_help="Tell the journal to Kafka, beside the daemon")(publish)


def publish(
    once: Annotated[bool, typer.Option("--once", help="Tell what there is, and leave")] = False,
    file: Annotated[
        Path | None, typer.Option(help="A journal's file instead of this mode's own", show_default=False)
    ] = None,
    env_file: Annotated[Path | None, typer.Option(help="Read this file instead of ./.env", show_default=False)] = None,
) -> None:
    """Tell the journal to Kafka: market_data, funding_context, hedge_trades, position_states, pnl_updates, profit_taking,
    emergency_actions.

    A process of its own, beside the daemon: it reads the journal and can neither delay nor send an order. How far it came is kept
    next to the journal, so it may be stopped, killed or started late; a message may come twice and is never left out. Needs the
    extra `kafka`, and a broker's name in HEDGELOCK__KAFKA__BOOTSTRAP_SERVERS; docs/event-stream.md has the rest.
    """
    from bot import logs
    from bot.cli import launch
    from bot.cli.terminal import fail
    from bot.domain.errors import AlreadyRunning, HedgeLockError, JournalFailed, JournalUnfit, SetUp
    from bot.publish import publish as publish_journal

    loaded = launch.load_or_fail(env_file)
    launch.open_logs(loaded)
    settings = loaded.settings
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        told = publish_journal(settings, file or settings.journal_path, once=once, stop=stop)
    except AlreadyRunning as error:
        fail(ExitCode.OCCUPIED, error.problem, error.mend)
    except JournalUnfit as error:
        fail(ExitCode.MACHINE, error.problem, error.mend)
    except SetUp as error:
        fail(ExitCode.SETTINGS, error.problem, error.mend)
    except JournalFailed as error:
        fail(
            ExitCode.MACHINE,
            str(error),
            "Nothing is lost: the next start goes on from the last mark, and may repeat what came after it",
        )
    except HedgeLockError as error:
        fail(ExitCode.FAILURE, str(error))
    logs.close()  # what it said stands before its last word
    typer.echo(f"{told} messages confirmed")
