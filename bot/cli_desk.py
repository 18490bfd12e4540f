"""The verbs of the desk: try the alerts.

Knows options and exit codes, and which room answers. None of these verbs trades.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.exit_codes import ExitCode

__all__ = ["add_to"]

EnvFile = Annotated[Path | None, typer.Option(help="Read this file instead of ./.env", show_default=False)]

alerts = typer.Typer(help="Try whether alerts arrive.", no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Give the command these verbs."""
    app.add_typer(alerts, name="alerts", short_help="Try whether alerts arrive")


@alerts.callback()
def _alerts() -> None:
    """Try whether alerts arrive."""


@alerts.command("test", short_help="Send a test message over every channel")
def try_out(env_file: EnvFile = None) -> None:
    """Send a test message over every channel that is set, and say what each one confirmed. Needs no running daemon.

    Exit code 0 when every channel confirmed, 1 when one did not, 3 when none is set.
    """
    import asyncio
    from random import Random

    from bot import launch, wiring
    from bot.domain.clock import wall_ms
    from bot.monitoring.alerts import service
    from bot.terminal import fail

    loaded = launch.load_or_fail(env_file)
    launch.open_logs(loaded)
    options = wiring.alert_options(loaded.settings)
    if not options.urls:
        fail(
            ExitCode.SETTINGS, "no alert channel is set", "Set HEDGELOCK__ALERTS__FIRST_URL; docs/alerts.md lists them"
        )
    receipts = asyncio.run(service.try_out(options, rng=Random(wall_ms())))
    for receipt in receipts:
        typer.echo(
            f"{receipt.channel}: {f'confirmed, {receipt.proof}' if receipt.ok else f'NOT delivered: {receipt.error}'}"
        )
    if not all(receipt.ok for receipt in receipts):
        raise typer.Exit(ExitCode.FAILURE)
