"""Logs: structlog for our words, the same road for everybody else's, and no secret on it.

Knows how a line looks (pretty on a terminal, JSON elsewhere), what may not stand in it, and how often it may repeat.
Does not know who speaks: every room calls `structlog.get_logger("its.name")` and never imports this file.

The rules of the file:

* `log.warning("frame_malformed", once="frame_malformed")` speaks the first time, then at most every ten minutes with the count.
* Ours is who speaks through structlog. Everybody else is held at WARNING, whatever they ask for: below that, ccxt prints headers and
  websockets prints frames.
* Secrets are hidden twice: by the name of the field, and by their content in the finished line, tracebacks included.
* Writing happens on its own thread behind a bounded queue: a frozen terminal costs lines, never a hedge.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import queue
import re
import sys
import threading
import types
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.domain.clock import elapsed_s

__all__ = ["MASK", "Form", "Level", "Repeats", "close", "configure", "hide"]

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["auto", "pretty", "json"]

MASK = "********"
_HOUSE = "hedgelock"
_LONGEST_TEXT = 4000
_SHORTEST_SECRET = 6  # hiding shorter texts would garble ordinary words
_SECRET_NAME = r"x-bapi-(?:api-key|sign)|api[_-]?key|api[_-]?secret|secret|signature|passw(?:or)?d|token|authorization"
_SECRET_FIELD = re.compile(f"(?:{_SECRET_NAME})$", re.IGNORECASE)
_SECRET_IN_TEXT = re.compile(rf"((?:{_SECRET_NAME})[\"']?\s*[:=]\s*[\"']?)([^\s\"',;&}}]+)", re.IGNORECASE)
_hidden: set[str] = set()
_writer: _Writer | None = None


def configure(
    *,
    level: Level = "info",
    form: Form = "auto",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every logger of the process to `stream` (stderr), hiding `secrets`. May be called again; the last call counts."""
    global _writer
    close()
    hide(*secrets)
    out = sys.stderr if stream is None else stream
    pretty = form == "pretty" or (form == "auto" and out.isatty())
    _writer = _Writer(out)
    handler = _Handler(_writer)
    ours = _OurLoggers(level.upper())
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name in ours.names)
    handler.setFormatter(_formatter(pretty=pretty, colours=pretty and out.isatty() and "NO_COLOR" not in os.environ))
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            Repeats(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=ours,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def hide(*secrets: str) -> None:
    """From now on replace these texts by a mask wherever they would be written; also as JSON and repr would spell them."""
    for secret in secrets:
        # A private key spans lines; any one of them is already too much.
        for part in {secret, *secret.splitlines()}:
            if len(part) >= _SHORTEST_SECRET:
                _hidden.update({part, json.dumps(part)[1:-1], repr(part)[1:-1]})


def close(patience_s: float = 1.0) -> None:
    """Write what is still queued, waiting at most `patience_s`; called at exit."""
    global _writer
    if _writer is not None:
        _writer.finish(patience_s)
        _writer = None


class _OurLoggers:
    """Makes the standard logger behind a structlog one, and lets it speak at our level; nobody else's logger passes here."""

    def __init__(self, level: str) -> None:
        self.names: set[str] = set()
        self._level = level

    def __call__(self, name: str = _HOUSE) -> logging.Logger:
        logger = logging.getLogger(name)
        if name not in self.names:
            self.names.add(name)
            logger.setLevel(self._level)
        return logger


class Repeats:
    """A processor for `once=kind`: the first of a kind passes, then one every `every_s` carrying how many were held back."""

    def __init__(self, every_s: float = 600.0, most_kinds: int = 500) -> None:
        self._every_s = every_s
        self._most_kinds = most_kinds
        self._kinds: dict[str, tuple[float, int]] = {}  # kind -> (when it last passed, held back since)

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        kind = event.pop("once", None)
        if kind is None:
            return event
        kind = str(kind)
        if kind not in self._kinds and len(self._kinds) >= self._most_kinds:
            kind = "any other kind"
        now_s = elapsed_s()
        passed_s, held = self._kinds.get(kind, (None, 0))
        if passed_s is not None and now_s - passed_s < self._every_s:
            self._kinds[kind] = (passed_s, held + 1)
            raise structlog.DropEvent
        self._kinds[kind] = (now_s, 0)
        return {**event, "held_back": held} if held else event


def _formatter(*, pretty: bool, colours: bool) -> logging.Formatter:
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%SZ" if pretty else "iso", utc=True),
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        _clean,
    ]
    if pretty:
        last: list[Processor] = [
            _one_line,
            structlog.dev.ConsoleRenderer(
                colors=colours, sort_keys=False, pad_event_to=24, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return structlog.stdlib.ProcessorFormatter(processors=[*shared, *last, _mask])


def _clean(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Values as a reader wants them: who and what first, decimals plain, secrets masked by field name, no novels."""
    first = {name: event.pop(name) for name in ("timestamp", "level", "logger", "event") if name in event}
    return {name: value if name == "exc_info" else _plain(value, name) for name, value in {**first, **event}.items()}


def _one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Control characters are spelled out: what a venue answers must not draw lines or colours on a terminal."""
    if event.get("logger") == _HOUSE:
        del event["logger"]  # the usual speaker needs no name
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = value.encode("unicode_escape").decode()
    return event


def _plain(value: object, name: str = "") -> Any:
    match value:
        case _ if name and _SECRET_FIELD.search(name):
            return MASK if value else ""
        case Mapping():
            return {str(inner): _plain(item, str(inner)) for inner, item in value.items()}
        case str() if not isinstance(value, Enum):
            text = _without_secrets(value)
            return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
        case Decimal():
            return format(value, "f")
        case Enum():
            return _plain(value.value)
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return _plain(str(value))


def _mask(_: WrappedLogger, __: str, line: Any) -> str:
    """The last step: whatever spelled a secret into the line, a traceback above all, it does not leave."""
    return _SECRET_IN_TEXT.sub(rf"\1{MASK}", _without_secrets(str(line)))


def _without_secrets(text: str) -> str:
    for secret in _hidden:
        text = text.replace(secret, MASK)
    return text


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: types.TracebackType | None) -> None:
    """An exception nobody caught is logged like any other line, so that its traceback is masked too."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(_HOUSE).critical("uncaught", exc_info=(kind, error or kind(), trace))


class _Writer(threading.Thread):
    """Owns the stream. Lines wait in a bounded queue; when it is full they are counted instead."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(name="logs", daemon=True)
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(maxsize=10_000)
        self._lost = 0
        self.start()
        atexit.register(self.finish, 1.0)

    def write(self, line: str) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._lost += 1

    def finish(self, patience_s: float) -> None:
        atexit.unregister(self.finish)
        try:
            self._lines.put(None, timeout=patience_s)
        except queue.Full:
            return
        self.join(patience_s)

    def run(self) -> None:
        while (line := self._lines.get()) is not None:
            lost, self._lost = self._lost, 0
            notice = f"{lost} log lines lost: the reader of this stream was too slow\n" if lost else ""
            try:
                self._stream.write(f"{notice}{line}\n")
                self._stream.flush()
            except (OSError, ValueError):  # the reader has gone; trading goes on
                self._lost = lost


class _Handler(logging.Handler):
    """Formats where the event happened, writes elsewhere. A line that cannot be formatted says so and harms nobody."""

    def __init__(self, writer: _Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write(self.format(record))
        except Exception as error:  # noqa: BLE001 - any value's own str() may raise; the caller must not suffer
            what = f"a line of {record.name} could not be formatted: {type(error).__name__}"
            self._writer.write(self.format(logging.makeLogRecord({"name": _HOUSE, "levelname": "ERROR", "msg": what})))
