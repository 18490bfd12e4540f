"""The second process: watches the daemon from outside, and when it falls silent with a position on, freezes or neutralises.

Knows the daemon's address and the kill switch, which is a hand of its own: neither engine nor journal is needed. Bybit's own
cancel-on-disconnect is for institutions; where an account has it, it works beside this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, IncompleteRead
from math import inf
from pathlib import Path
from socket import SHUT_RDWR
from threading import Event, Timer
from urllib.parse import urlsplit

from bot.domain.clock import elapsed_s
from bot.domain.errors import SetUp
from bot.journal.latch import Latch

__all__ = ["Watch", "kill_switch"]

LOOK_S = 2.0
MOST_BYTES = 65_536
TELLING = frozenset({HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE})
ALIVE = frozenset({"ok", "full"})
"""By its page, or at its door, where every place is taken; any other word says that its loop has been held up beyond every deadline."""
OURS = frozenset({401, 421, 429, 500})
"""What a daemon may answer that does not tell how it is. Another program on its port answers otherwise (404, 502), and is not heard."""
KILL_SWITCHES = (Path(__file__).resolve().parents[1], Path(sys.prefix, "share", "hedgelock"))
"""Where its folder `scripts` may be: in a clone or an image beside the package, and where a wheel puts it."""
NOTHING_ON = DONE = 0
"""What the kill switch ends with: after a look, that nothing is on; after a deed, that it is done and verified."""

Kill = Callable[..., int]


def kill_switch(env_file: Path | None, latch: Path) -> Kill:
    """The kill switch of the daemon that runs here: called with words it runs to its end and returns its exit code.

    Raises SetUp where it is not installed: a watch without a hand is none.
    """
    files = [folder / "scripts" / "kill_switch.py" for folder in KILL_SWITCHES]
    found = next((file for file in files if file.is_file()), None)
    if found is None:
        raise SetUp(
            f"no kill switch: neither {files[0]} nor {files[1]} is there", "Install HedgeLock whole, or from a clone"
        )
    named = ["--env-file", str(env_file)] if env_file else []
    own = ["--home", str(Path.cwd()), "--latch", str(latch.absolute()), *named]
    return lambda *words: subprocess.run([sys.executable, str(found), *words, *own], check=False).returncode


class Watch:
    """`url` is the daemon's /health/live. `tell` gets a line for a person; `kill` runs the kill switch with words."""

    def __init__(
        self,
        url: str,
        latch: Latch,
        *,
        verb: str,
        silence_s: float,
        tell: Callable[[str], None],
        kill: Kill,
    ) -> None:
        self._url, self._latch, self._verb, self._silence_s = url, latch, verb, silence_s
        self._tell, self._kill = tell, kill
        self._heard_s = elapsed_s()
        self._is_undone = False
        self._line: HTTPConnection | None = None
        self.stop = Event()

    def run(self) -> None:
        """Watch until stopped."""
        self._say(f"watching {self._url}; {self._verb} after {self._silence_s:g} s of silence")
        while not self.stop.is_set():
            self.look()
            began_s = elapsed_s()
            self.stop.wait(LOOK_S)
            self._forgive(began_s, LOOK_S)

    def look(self) -> bool:
        """One look; True where it acted."""
        began_s = elapsed_s()
        if (ago_s := self._heard_ago_s()) < self._silence_s:
            self._heard_s, self._is_undone = max(self._heard_s, elapsed_s() - ago_s), False
            return False
        self._forgive(began_s, 2 * LOOK_S)  # to be let in and to be answered
        silent_s = elapsed_s() - self._heard_s
        if silent_s < self._silence_s or (self._is_latched() and not self._is_undone):
            return False  # once the latch is closed, nothing grows any more and a person has been called
        if self._kill("flatten", "--dry-run") == NOTHING_ON:
            self._say(f"silent for {silent_s:.0f} s, and nothing is on: nothing to do")
            self._heard_s = elapsed_s()
            return False
        self._say(f"silent for {silent_s:.0f} s with a position on: {self._verb}")
        code = self._kill(self._verb, "--yes", "--reason", f"the daemon was silent for {silent_s:.0f} s")
        self._heard_s, self._is_undone = elapsed_s(), code != DONE
        if self._is_undone:
            self._say(
                f"the kill switch ended with {code}: {self._verb} is not done; again in {self._silence_s:g} s, unless the daemon speaks"
            )
        return True

    def _is_latched(self) -> bool:
        """Whether the latch is seen: one that cannot be looked for, on a broken disk perhaps, is no reason to stand by."""
        try:
            return self._latch.path.exists()
        except OSError:
            return False

    def _say(self, words: str) -> None:
        """A terminal that is gone or a disk that is full under our log stops nothing."""
        with suppress(OSError, ValueError):
            self._tell(words)

    def _forgive(self, since_s: float, longest_s: float) -> None:
        """What took longer than it can was the watch itself, standing still: no silence. A paused machine wakes up in any order."""
        self._heard_s += max(0.0, elapsed_s() - since_s - longest_s)

    def _heard_ago_s(self) -> float:
        """How long ago the engine itself was heard of; its window, which answers, is another process. inf: not now.

        Only /health/live counts: a daemon that is halted or blind still speaks.
        """
        try:
            status, body = self._answer()
            if status not in TELLING:
                return 0.0 if status in OURS else inf
            said = json.loads(body)
            if said.get("status") not in ALIVE:
                return inf
            return float(said.get("seen_ago_s", 0.0))  # a daemon from before its window tells by answering at all
        except (OSError, HTTPException, ValueError, AttributeError, TypeError):
            return inf

    def _answer(self) -> tuple[int, bytes]:
        """Status and body, over the connection that is kept or else a new one: a crowd at the door does not keep out who is inside."""
        if self._line is not None:
            try:
                return self._ask(self._line)
            except TimeoutError:
                raise
            except (OSError, HTTPException):
                pass  # it was let go meanwhile
        where = urlsplit(self._url)
        return self._ask(HTTPConnection(where.hostname or "", where.port, timeout=LOOK_S))

    def _ask(self, line: HTTPConnection) -> tuple[int, bytes]:
        self._line = None
        late = Timer(
            LOOK_S, _cut_off, (line,)
        )  # the line's own patience begins anew with every drop of an answer that drips
        late.start()
        try:
            line.request("GET", urlsplit(self._url).path)
            answer = line.getresponse()
            status, body = answer.status, answer.read(MOST_BYTES)
            if answer.length:
                raise IncompleteRead(body, answer.length)
        except BaseException:
            line.close()
            raise
        finally:
            late.cancel()
        self._line = line
        return status, body


def _cut_off(line: HTTPConnection) -> None:
    if (sock := line.sock) is not None:
        with suppress(OSError):
            sock.shutdown(SHUT_RDWR)
