"""A place for the log's lines, and everything as it was when the test ends: logging, hooks and structlog are one for a whole process."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from bot import logs

__all__ = ["overheard"]


@contextmanager
def overheard() -> Iterator[io.StringIO]:
    """What `logs.configure` may change is handed back as it was, for the test runner's sake and the next test's."""
    handlers, level = logging.root.handlers[:], logging.root.level
    hook, thread_hook = sys.excepthook, threading.excepthook
    try:
        yield io.StringIO()
    finally:
        logs.close()
        logging.captureWarnings(False)
        logging.root.handlers[:], sys.excepthook, threading.excepthook = handlers, hook, thread_hook
        logging.root.setLevel(level)
        structlog.reset_defaults()
