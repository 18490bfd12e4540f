"""From the command line to a running room: settings loaded, refusals told, logs opened, the coroutine run to its end.

Knows which exit code each kind of ending has. Does not know any verb.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

import typer

from bot import logs
from bot.cli.terminal import fail
from bot.domain.errors import SetUp
from bot.errands import Errands
from bot.exit_codes import ExitCode
from bot.settings import PREFIX, Loaded, NotArmed, SettingsError, load

__all__ = ["finish", "load_or_fail", "open_logs", "require_runnable"]


def load_or_fail(env_file: Path | None, **overrides: object) -> Loaded:
    """Settings with the command line's overrides (section__name=value; None = not given), or exit code 3."""
    texts = {PREFIX + name.upper(): str(value) for name, value in overrides.items() if value is not None}
    try:
        return load(env_file=env_file, overrides=texts)
    except SettingsError as error:
        fail(ExitCode.SETTINGS, *error.problems, "Every setting: hedgelock config --help, or config/README.md")


def require_runnable(loaded: Loaded) -> None:
    """Refuse an unarmed mainnet or absent keys."""
    try:
        loaded.settings.require_runnable()
    except NotArmed as error:
        fail(ExitCode.REFUSED, *error.problems)
    except SettingsError as error:
        fail(ExitCode.SETTINGS, *error.problems)


def open_logs(loaded: Loaded, *, quiet: bool = False) -> None:
    """Open the logs with every secret hidden; what this process writes or drops is for its owner alone. `quiet`: errors only."""
    log = loaded.settings.log
    logs.configure(level="error" if quiet else log.level, form=log.format, secrets=loaded.settings.secrets())
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold the keys


def finish(work: Coroutine[Any, Any, int | None], *mendable: type[Exception]) -> NoReturn:
    """Run a room's coroutine to its end; its number is ours.

    SetUp, OSError (a port in use) and the `mendable` kinds are told in a sentence; anything else is a traceback in the log.
    """
    told: tuple[type[Exception], ...] = (SetUp, OSError, *mendable)
    try:
        code = asyncio.run(_run(work))
    except KeyboardInterrupt:  # before the room listens for it, there is nothing to tidy
        code = ExitCode.OK
    except told as error:
        _tell(error)
    except ExceptionGroup as group:
        known, unknown = group.split(told)
        if unknown is not None or known is None:
            raise
        _tell(_first(known))
    raise typer.Exit(code or ExitCode.OK)


async def _run(work: Coroutine[Any, Any, int | None]) -> int | None:
    asyncio.get_running_loop().set_default_executor(Errands())
    return await work


def _tell(error: Exception) -> NoReturn:
    if isinstance(error, SetUp):
        fail(ExitCode.EXCHANGE, error.problem, error.mend)
    fail(ExitCode.FAILURE, str(error))


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
