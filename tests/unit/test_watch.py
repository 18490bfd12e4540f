"""The watch in process, before servers that answer as no daemon does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from bot.journal.latch import Latch
from bot.watch import Watch

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 6000\r\n\r\n"
BODY = b'{"status": "ok"}'
DRIP_S = 0.2


@contextmanager
def a_dripping_server(head: bytes) -> Iterator[int]:
    """Answers `head` at once and then a space at a time, for ever; its port."""
    gone = Event()

    def drip(caller: socket.socket) -> None:
        with caller, suppress(OSError):
            caller.recv(4096)
            caller.sendall(head)
            while not gone.wait(DRIP_S):
                caller.sendall(b" ")

    def serve() -> None:
        with suppress(OSError):
            while True:
                Thread(target=drip, args=(door.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        Thread(target=serve, daemon=True).start()
        yield door.getsockname()[1]
        gone.set()
        door.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("head", [b"", HEAD, HEAD + BODY], ids=["no head", "no body", "a body without end"])
@pytest.mark.timeout(60)
def test_who_lets_its_answer_drip_is_silent(head: bytes, tmp_path: Path) -> None:
    """Another program on the daemon's port, or a proxy: every drop would begin the watch's patience anew, and it would watch nobody."""
    killed = Event()

    def kill(*words: str) -> int:
        if "--dry-run" not in words:
            killed.set()
            watch.stop.set()
        return int("--dry-run" in words)  # something is on

    with a_dripping_server(head) as port:
        url = f"http://127.0.0.1:{port}/health/live"
        watch = Watch(
            url, Latch(tmp_path / "halt.latch"), verb="freeze", silence_s=3, tell=lambda line: None, kill=kill
        )
        watching = Thread(target=watch.run, daemon=True)
        watching.start()

        assert killed.wait(40)
        watching.join(10)
