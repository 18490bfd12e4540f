"""What ended the daemon: a line for a person, and the exit code by which a supervisor knows whether another start can help."""

from __future__ import annotations

import structlog

from bot.domain.errors import AddressNotHad, AlreadyRunning, HedgeLockError, JournalUnfit, NotFit, SetUp
from bot.exit_codes import ExitCode

__all__ = ["say_why"]

_log = structlog.get_logger("hedgelock")


def say_why(error: BaseException) -> ExitCode:
    """One line for a person about what ended the daemon; a mistake of ours keeps its traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case AlreadyRunning():
            code = ExitCode.OCCUPIED
        case NotFit():
            code = next(code for code in ExitCode if code == error.exit_code)
        case JournalUnfit():
            code = ExitCode.MACHINE
        case AddressNotHad(may_pass=may_pass):
            code = ExitCode.FAILURE if may_pass else ExitCode.SETTINGS
        case SetUp():
            code = ExitCode.EXCHANGE
        case HedgeLockError():
            code = ExitCode.FAILURE
        case _:
            _log.critical("a mistake of ours ended the daemon; the hedge stays on", exc_info=error)
            return ExitCode.FAILURE
    _log.critical(str(error))
    return code
